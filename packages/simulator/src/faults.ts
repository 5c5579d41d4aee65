/**
 * What goes wrong: to no more than f slots at a time (budget.ts), unless a run is meant to go beyond.
 */
import { quorumOf } from '@coppice/wire';
import { Budget } from './budget.ts';
import { Amnesiac, type Sides } from './faulty/amnesiac.ts';
import { Equivocator } from './faulty/equivocator.ts';
import { type AttackerKind, attackerKinds, attackers } from './faulty/index.ts';
import { Versatile } from './faulty/versatile.ts';
import type { Instance } from './instance.ts';
import type { Cut } from './network.ts';
import type { PlannedFault } from './plan.ts';
import type { LaunchManner, Provider } from './provider.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export const faultKinds = [
  'crash',
  'stop',
  'isolate',
  'split',
  'delay',
  'storm',
  'slow-disk',
  'full-disk',
  'altered-disk',
  'rotten-disk',
  'clock',
  'clock-rate',
  'freeze',
  'blackout',
  'mobile',
  ...attackerKinds,
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What can be left out of a plan by name; `hosts`: what they do wrong; `ballots`, `upgrades`: what members do. */
export const reducible: readonly string[] = ['hosts', 'ballots', 'upgrades', ...faultKinds];

/** Milliseconds between looks of an attacker at what he could take. */
const roamMs = 100;

/** What an attacker tries who holds more slots than are tolerated. */
const coups = ['double-vote', 'amnesia'] as const;

export class Faults {
  readonly counts: Partial<Record<FaultKind | (typeof coups)[number] | LaunchManner, number>> = {};
  readonly budget: Budget;
  /** So many processes died at once that nobody may be left to go on. */
  blackout = false;
  readonly #world: World;
  readonly #provider: Provider;
  readonly #random: Random;
  readonly #cuts = new Map<Cut, readonly Instance[]>();
  readonly #clockBoundMs: number;
  #over = false;

  constructor(world: World, provider: Provider, random: Random, clockBoundMs: number) {
    this.#world = world;
    this.#provider = provider;
    this.#random = random;
    this.#clockBoundMs = clockBoundMs;
    this.budget = new Budget(world, provider, (instance) =>
      [...this.#cuts.values()].some((side) => side.includes(instance)),
    );
  }

  /** One fault of this kind, if the budget has room for it, or has within so long; for at most so long, where it passes. */
  inject({ kind, durationMs, beside = [] }: Omit<PlannedFault, 'atMs'>): void {
    if (this.#over) return;
    switch (kind) {
      case 'split':
        return this.#split(durationMs);
      case 'delay':
        return this.#delay(kind, { percent: 20, lateMs: 200 }, durationMs);
      case 'storm':
        return this.#delay(kind, { percent: 100, lateMs: 500 }, durationMs);
      case 'freeze':
        return this.#freeze(durationMs);
      case 'blackout':
        return this.#blackOut();
      case 'mobile':
        return this.#roam();
      case 'coup':
        return this.#coup(durationMs);
      default:
        break;
    }
    const target = this.#target(isAttacker(kind) ? 70 : 40);
    if (target === undefined) {
      // An attacker waits for his chance.
      if (isAttacker(kind) && durationMs > roamMs)
        this.#world.scheduler.after(roamMs, () => this.inject({ kind, durationMs: durationMs - roamMs, beside }));
      return;
    }
    if (isAttacker(kind)) this.#seize(target, [kind, ...beside.filter((other) => other !== kind)]);
    else this.#disturb(target, kind, durationMs);
  }

  #disturb(
    target: Instance,
    kind: Exclude<FaultKind, 'split' | 'delay' | 'storm' | 'freeze' | 'blackout' | 'mobile' | AttackerKind>,
    durationMs: number,
  ): void {
    const { scheduler } = this.#world;
    this.#count(kind, target.name);
    switch (kind) {
      case 'crash':
        return target.kill();
      case 'stop':
        target.stop();
        return scheduler.after(durationMs, () => target.continue());
      case 'isolate':
        return this.#cut([target], durationMs);
      case 'slow-disk':
        target.disk.latencyMs = durationMs;
        return;
      case 'full-disk':
        return target.disk.fill();
      case 'altered-disk':
        target.kill();
        return target.disk.alter();
      case 'rotten-disk':
        target.disk.rotten = true;
        return;
      case 'clock':
        target.clockOffsetMs = this.#random.between(-2 * this.#clockBoundMs, 2 * this.#clockBoundMs);
        return;
      case 'clock-rate':
        target.clockDrift = this.#random.between(-200, 200);
        return;
    }
  }

  #seize(target: Instance, kinds: readonly AttackerKind[]): void {
    const accomplices = (): Instance[] => this.#world.instances.filter((one) => one.faulty !== undefined && one.alive);
    const parts = kinds.map((kind) => {
      this.#count(kind, target.name);
      return attackers[kind](target, this.#random.fork(`${target.name} ${kind}`), accomplices);
    });
    target.faulty = new Versatile(parts);
    this.#world.tell('seized', target);
  }

  count(kind: keyof Faults['counts']): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }

  #count(kind: keyof Faults['counts'], who: string): void {
    this.count(kind);
    this.#world.log('fault', () => `${kind} ${who}`);
  }

  /** Nothing is disturbed any more. Who was killed stays dead, and an attacker's instance stays his. */
  heal(): void {
    this.#over = true;
    for (const cut of [...this.#cuts.keys()]) this.#mend(cut);
    this.#world.network.latePercent = 0;
    for (const instance of this.#world.instances) {
      instance.continue();
      instance.disk.latencyMs = 4;
      instance.disk.rotten = false;
      instance.clockOffsetMs = 0;
      instance.clockDrift = 0;
    }
  }

  #seated(): Instance[] {
    const { head } = this.#provider;
    return head === undefined ? [] : this.#provider.seated(head.replica!.configuration);
  }

  #target(primaryPercent: number): Instance | undefined {
    const bad = this.budget.faultySlots();
    const fits = this.#seated().filter(({ launch }) => !bad.has(launch.slot) && this.budget.allows(launch.slot));
    // Primaries are where it hurts most.
    const primary = fits.find(isPrimary);
    if (primary !== undefined && this.#random.percent(primaryPercent)) return primary;
    return fits.length === 0 ? undefined : this.#random.pick(fits);
  }

  /** The mobile adversary: whenever he holds nothing, he takes what will be replaced next, to have held everything soon. */
  #roam(): void {
    if (this.#over) return;
    const [oldest] = this.#seated().sort((a, b) => a.launch.turn - b.launch.turn || a.launch.slot - b.launch.slot);
    const holds = this.#seated().some(({ faulty }) => faulty !== undefined);
    if (oldest !== undefined && !holds && this.budget.allows(oldest.launch.slot)) {
      this.#count('mobile', oldest.name);
      this.#seize(oldest, [this.#random.pick(['lurker', 'lurker', 'stale-key-signer', 'equivocator'] as const)]);
    }
    this.#world.scheduler.after(roamMs, () => this.#roam());
  }

  /** Two sides, of any sizes: no quorum may be left. */
  #split(durationMs: number): void {
    const alive = this.#world.instances.filter((instance) => instance.alive);
    const side = this.#random.shuffled(alive).slice(0, this.#random.between(1, Math.max(1, alive.length - 1)));
    this.#count('split', side.map(({ name }) => name).join(' '));
    const cut = this.#world.network.cut(side);
    this.#cuts.set(cut, []);
    this.#world.scheduler.after(durationMs, () => this.#mend(cut));
  }

  #cut(side: readonly Instance[], durationMs: number): void {
    const cut = this.#world.network.cut(side);
    this.#cuts.set(cut, side);
    this.#world.scheduler.after(durationMs, () => this.#mend(cut));
  }

  #mend(cut: Cut): void {
    if (this.#cuts.delete(cut)) this.#world.network.mend(cut);
  }

  /** Up to so many of a hundred frames are late: in a storm, by as much as it takes for a view to be given up. */
  #delay(kind: FaultKind, most: { readonly percent: number; readonly lateMs: number }, durationMs: number): void {
    const { network, scheduler } = this.#world;
    this.#count(kind, 'everyone');
    network.latePercent = this.#random.between(1, most.percent);
    network.lateMs = most.lateMs;
    scheduler.after(durationMs, () => {
      network.latePercent = 0;
    });
  }

  /** Any number of processes stand still, and go on: the hosts of a data centre, moved. */
  #freeze(durationMs: number): void {
    const alive = this.#world.instances.filter((instance) => instance.alive);
    const frozen = this.#random.shuffled(alive).slice(0, this.#random.between(1, Math.max(1, alive.length)));
    this.#count('freeze', frozen.map(({ name }) => name).join(' '));
    for (const instance of frozen) instance.stop();
    this.#world.scheduler.after(durationMs, () => {
      for (const instance of frozen) instance.continue();
    });
  }

  /** Any number of processes die at once: perhaps the end of the service, and never of what it acknowledged. */
  #blackOut(): void {
    if (this.blackout) return;
    this.blackout = true;
    const alive = this.#world.instances.filter((instance) => instance.alive);
    const dead = this.#random.shuffled(alive).slice(0, this.#random.between(1, Math.max(1, alive.length)));
    this.#count('blackout', dead.map(({ name }) => name).join(' '));
    for (const instance of dead) instance.kill();
  }

  /**
   * Beyond the budget: one attacker holds more than f slots, though less than a quorum, divides the others, and has each
   * part of them commit something else.
   */
  #coup(durationMs: number): void {
    const { network, scheduler } = this.#world;
    const { head } = this.#provider;
    if (this.#over || head === undefined) return;
    const { configuration } = head.replica!;
    const quorum = quorumOf(configuration.slots);
    const able = this.#seated().filter(
      ({ state, corrupt, slot }) => state === 'running' && !corrupt && slot !== undefined,
    );
    // Each part of the others makes a quorum with the attacker's.
    const fewest = 2 * quorum - able.length;
    if (fewest < 1 || fewest >= quorum || able.length < configuration.slots) return;
    const held = this.#random.between(fewest, quorum - 1);
    const order = this.#random.shuffled(able);
    // Only a primary equivocates.
    order.sort((a, b) => Number(isPrimary(b)) - Number(isPrimary(a)));
    const [gang, rest] = [order.slice(0, held), order.slice(held)];
    const [some, others] = [rest.slice(0, quorum - held), rest.slice(quorum - held)];
    if (some.length === 0 || others.length === 0) return;
    const how = this.#random.pick(coups);
    this.#count(
      how,
      `${gang.map(({ name }) => name).join(' ')}: ${some.map(({ name }) => name).join(' ')} | ${others.map(({ name }) => name).join(' ')}`,
    );
    const told = others.map(({ id }) => id);
    const favoured = new Set(some.map(({ id }) => id));
    const sides: Sides = head.replica!.view % 2 === 0 ? [favoured, new Set(told)] : [new Set(told), favoured];
    for (const instance of gang) {
      const random = this.#random.fork(instance.name);
      instance.faulty =
        how === 'amnesia'
          ? new Amnesiac(instance, random, sides)
          : new Equivocator(instance, random, { accomplices: () => gang, told });
      this.#world.tell('seized', instance);
    }
    const cut = network.cut(some, others);
    this.#cuts.set(cut, []);
    scheduler.after(durationMs, () => this.#mend(cut));
  }
}

function isAttacker(kind: FaultKind): kind is AttackerKind {
  return kind in attackers;
}

function isPrimary({ slot, replica }: Instance): boolean {
  return slot === (replica!.firstPrimary + replica!.view) % replica!.configuration.slots;
}
