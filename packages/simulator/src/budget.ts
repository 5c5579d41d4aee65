/**
 * Which slots count as faulty: never more than f of them, while anything is promised.
 *
 * A slot counts from the moment its instance is disturbed until it follows the log again, or a fresh instance that does
 * sits there; and while its launches fail, because its term will run out. Incumbents of the epoch before count, too,
 * until it is sealed: an attacker's still has its keys, and without the notices of the others nothing is sealed.
 */
import { faultsTolerated, quorumOf, toLatin1 } from '@coppice/wire';
import type { Instance } from './instance.ts';
import type { Provider } from './provider.ts';
import type { World } from './world.ts';

/** How far behind the head a sound instance is. */
const behindMax = 16;

export class Budget {
  readonly #world: World;
  readonly #provider: Provider;
  /** Whether the network keeps this instance from the others. */
  readonly #isolated: (instance: Instance) => boolean;

  constructor(world: World, provider: Provider, isolated: (instance: Instance) => boolean) {
    this.#world = world;
    this.#provider = provider;
    this.#isolated = isolated;
  }

  /** Slots that count as faulty now. */
  faultySlots(): Set<number> {
    const { head } = this.#provider;
    const slots = new Set<number>();
    if (head === undefined) return slots;
    const { replica, execution } = head.serving!;
    const { committed, configuration } = replica;
    const { previous, epoch, slots: records } = execution.committed().membership;
    const instanceOf = (key: Uint8Array): Instance | undefined => {
      const id = toLatin1(key);
      return this.#world.instances.find((one) => one.id === id);
    };
    for (let slot = 0; slot < configuration.slots; slot++) {
      const seat = configuration.seats.find((one) => one.slot === slot);
      const instance = seat && instanceOf(seat.instance);
      if (instance === undefined || !this.#sound(instance, committed) || records[slot]!.failures > 0) slots.add(slot);
    }
    const sealed = epoch === 0 || previous.filter(({ erased }) => erased).length >= quorumOf(configuration.slots);
    for (const { slot, instance } of sealed ? [] : previous)
      if (instanceOf(instance)?.corrupt === true) slots.add(slot);
    return slots;
  }

  #sound(instance: Instance, head: number): boolean {
    const { disk, clockOffsetMs, clockDrift, corrupt } = instance;
    const disturbed =
      disk.latencyMs > 4 || disk.rotten || disk.full || clockOffsetMs !== 0 || clockDrift !== 0 || corrupt;
    if (instance.state !== 'running' || disturbed || this.#isolated(instance)) return false;
    return instance.slot !== undefined && instance.replica!.committed + behindMax >= head;
  }

  /** Whether this slot, too, may be faulty. */
  allows(slot: number): boolean {
    const { head } = this.#provider;
    if (head === undefined) return false;
    return this.faultySlots().add(slot).size <= faultsTolerated(head.replica!.configuration.slots);
  }
}
