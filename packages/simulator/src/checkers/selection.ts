/**
 * Selection: which variant a turn draws, and who may sit beside whom. No cap is exceeded by whoever is seated; the variant is the one that
 * the challenge draws of those that fit, were not here lately, and differ from the one before; and rules are waived only where
 * nothing keeps them, and no more often than members allow. spec/turns.md, lines 33, 34, 44; spec/attestation.md, lines 30-32.
 *
 * Judged when a turn seats somebody, by what was launched, and by the constitution that was in force when the turn got its challenge.
 */
import { type Constitution, decodeConstitution, type Variant } from '@coppice/governance';
import type { CommittedBatch } from '@coppice/protocol';
import {
  type Configuration,
  decodeResult,
  type Digest,
  type EpochCertificate,
  sameBytes,
  type Seat,
  toHex,
  toLatin1,
} from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** What a turn drew, and when. */
interface Draw {
  readonly challenge: Digest;
  readonly variant: string | null;
  readonly waived: readonly string[];
  readonly time: number;
  readonly epoch: number;
  readonly constitution: Uint8Array;
}

/** The first is given up last. */
const rules = ['caps', 'recent', 'distance'] as const;
type Rule = (typeof rules)[number];

export interface SelectionOptions {
  readonly violate: (message: string) => void;
  readonly genesis: Configuration;
  /** In force after the batches that were committed so far. */
  readonly constitution: () => Uint8Array;
}

export class Selection implements Observer {
  readonly name = 'selection';
  readonly #options: SelectionOptions;
  readonly #configurations: Configuration[];
  readonly #launched = new Map<string, Instance>();
  readonly #draws = new Map<number, Draw>();
  /** Variants that left a slot, and when. */
  readonly #left: { readonly slot: number; readonly variant: string; readonly until: number }[] = [];
  /** When turns seated somebody for whom a rule was waived. */
  readonly #waivers: number[] = [];
  #committed = 0;

  constructor(options: SelectionOptions) {
    this.#options = options;
    this.#configurations = [options.genesis];
  }

  launched(instance: Instance): void {
    this.#launched.set(instance.id, instance);
  }

  committed(instance: Instance, { header, items, outcomes }: CommittedBatch): void {
    if (instance.corrupt || header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    let index = 0;
    for (const item of items) {
      const outcome = outcomes[index]!;
      index += item.kind === 'bundle' ? item.bundle.operations.length : 1;
      if (item.kind !== 'system' || item.request.kind !== 'challenge') continue;
      const decoded = decodeResult(outcome.result);
      if (!decoded.ok || !decoded.value.ok) continue;
      const { challenge, variant, waived } = decoded.value.value as unknown as Draw;
      const { time, epoch } = header;
      const constitution = this.#options.constitution();
      this.#draws.set(item.request.turn, { challenge, variant, waived, time, epoch, constitution });
    }
  }

  epoch(instance: Instance, { header }: EpochCertificate, configuration: Configuration): void {
    const { epoch, seats } = configuration;
    if (instance.corrupt || this.#configurations[epoch] !== undefined) return;
    this.#configurations[epoch] = configuration;
    const before = this.#configurations[epoch - 1]?.seats;
    if (before === undefined) return;
    for (const seat of before) {
      const stays = seats.some((one) => sameBytes(one.instance, seat.instance));
      if (!stays) this.#left.push({ slot: seat.slot, variant: seat.variant, until: header.time });
    }
    for (const seat of seats) {
      if (before.some((one) => sameBytes(one.instance, seat.instance))) continue;
      this.#judgeCaps(seat, seats);
      this.#judgeDraw(seat, header.time);
    }
  }

  #judgeCaps(seat: Seat, seats: readonly Seat[]): void {
    const constitution = constitutionIn(this.#options.constitution());
    for (const [dimension, cap] of Object.entries(constitution.policy.caps)) {
      if (cap >= constitution.slots) continue;
      const value = this.#shown(constitution, seat, dimension);
      const sharing = seats.filter((one) => this.#shown(constitution, one, dimension) === value).length;
      if (value === undefined || sharing > cap)
        this.#options.violate(
          `turn ${seat.turn}: ${sharing} of ${constitution.slots} slots have ${dimension} ${value ?? 'unknown'}, ${cap} may`,
        );
    }
  }

  /** What an instance has in common with others: by what was launched, not by what its seat says. */
  #shown(constitution: Constitution, seat: Seat, dimension: string): string | undefined {
    const instance = this.#launched.get(toLatin1(seat.instance));
    switch (dimension) {
      case 'platform':
        return seat.platform;
      case 'provider':
        return instance?.hardware.provider;
      case 'chip':
        return instance?.hardware.chip;
      case 'variant':
        return instance?.launch.variant;
      case 'engineFamily':
        return instance && variantIn(constitution, instance.launch)?.engineFamily;
      default:
        return undefined;
    }
  }

  #judgeDraw({ slot, turn, variant, release }: Seat, seatedAt: number): void {
    const { violate } = this.#options;
    const draw = this.#draws.get(turn);
    if (draw === undefined) return violate(`turn ${turn} seated somebody, and drew nothing`);
    const constitution = constitutionIn(draw.constitution);
    const { policy } = constitution;
    const { choices, waived } = this.#choices(constitution, draw, slot, release);
    const first48 = Number.parseInt(toHex(draw.challenge.subarray(0, 6)), 16);
    const due = choices[first48 % choices.length];
    if (variant !== due || draw.variant !== due)
      violate(`turn ${turn} seated ${variant}, drew ${draw.variant}, and should have ${due} of ${choices.join(' ')}`);
    if (draw.waived.join() !== waived.join())
      violate(`turn ${turn} waived ${draw.waived.join(' ') || 'nothing'}, and had to ${waived.join(' ') || 'nothing'}`);
    if (draw.waived.length === 0) return;
    const recently = this.#waivers.filter((time) => time > draw.time - policy.recoveryPeriodMs && time <= draw.time);
    if (recently.length >= policy.waiversMax)
      violate(`turn ${turn} waived ${draw.waived.join(' ')} after ${recently.length} others within a term`);
    this.#waivers.push(seatedAt);
  }

  /** Which variants could be drawn for the slot, and which rules none of all of them keeps. */
  #choices(
    constitution: Constitution,
    { time, epoch }: Draw,
    slot: number,
    release: Digest,
  ): { readonly choices: readonly string[]; readonly waived: readonly Rule[] } {
    const { policy, releases } = constitution;
    const { caps, recoveryPeriodMs } = policy;
    const seats = this.#configurations[epoch]!.seats;
    const [present] = seats.filter((one) => one.slot === slot);
    const others = seats.filter((one) => one.slot !== slot);
    const count = (dimension: string, value: string): number =>
      others.filter((one) => this.#shown(constitution, one, dimension) === value).length;
    const lately = this.#left.filter(
      (one) => one.slot === slot && one.until > time - recoveryPeriodMs && one.until <= time,
    );
    const known = present && variantIn(constitution, present);
    const keeps: Readonly<Record<Rule, (one: Variant) => boolean>> = {
      caps: ({ id, engineFamily }) =>
        count('variant', id) < caps.variant && count('engineFamily', engineFamily) < caps.engineFamily,
      recent: ({ id }) => id !== present?.variant && !lately.some(({ variant }) => variant === id),
      distance: (one) => known === undefined || differences(known, one) >= policy.variantDistance,
    };
    const all = releases.find(({ digest }) => sameBytes(digest, release))?.variants ?? [];
    let kept: readonly Rule[] = rules;
    const fitting = (): Variant[] => all.filter((one) => kept.every((rule) => keeps[rule](one)));
    while (kept.length > 0 && fitting().length === 0) kept = kept.slice(0, -1);
    return { choices: fitting().map(({ id }) => id), waived: rules.slice(kept.length) };
  }
}

function constitutionIn(bytes: Uint8Array): Constitution {
  const decoded = decodeConstitution(bytes);
  if (!decoded.ok) throw new Error('the constitution cannot be read');
  return decoded.value;
}

function variantIn(
  { releases }: Constitution,
  { release, variant }: { readonly release: Digest; readonly variant: string },
): Variant | undefined {
  const { variants = [] } = releases.find(({ digest }) => sameBytes(digest, release)) ?? {};
  return variants.find(({ id }) => id === variant);
}

/** Of runtime, program, settings of the engine and cryptography. */
function differences(a: Variant, b: Variant): number {
  const settings = (one: Variant): string => [...one.engineSettings].sort().join(' ');
  const program = (one: Variant): string => toHex(one.program);
  const pairs = [
    [a.runtime, b.runtime],
    [program(a), program(b)],
    [settings(a), settings(b)],
    [a.cryptography, b.cryptography],
  ];
  return pairs.filter(([x, y]) => x !== y).length;
}
