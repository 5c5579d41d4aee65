/**
 * The indexes of a service, from the first query that asks for one on: nobody pays for what nobody uses.
 */
import { decodeWriteSet, keyOf, mapOf } from '@coppice/state';
import { decodePlainCbor } from '@coppice/wire';
import { stateMap, type StateView } from './access.ts';
import type { Index } from './definition.ts';
import type { Script } from './execute.ts';
import { type IndexBounds, type IndexReader, ServiceIndex } from './indexes.ts';
import { decodeKey, encodeKey } from './key.ts';
import { activate } from './meter.ts';
import { copyIn } from './value.ts';

/** Steps for finding the keys of one entry, and keys that it may have. */
const indexStepsMax = 10_000;
const keysMax = 64;

export class IndexKeeper {
  readonly #declared: ReadonlyMap<string, Index>;
  readonly #publicMaps: ReadonlySet<string>;
  readonly #script: Script;
  readonly #bounds: IndexBounds | undefined;
  readonly #indexes = new Map<string, ServiceIndex>();

  constructor(
    declared: Readonly<Record<string, Index>> | undefined,
    publicMaps: ReadonlySet<string>,
    script: Script,
    bounds?: IndexBounds,
  ) {
    this.#publicMaps = publicMaps;
    this.#declared = new Map(Object.entries(declared ?? {}).map(([name, { of, keys }]) => [name, { of, keys }]));
    this.#script = script;
    this.#bounds = bounds;
  }

  /** The index of this name, if there is one, in a state of which batch `committed` is the last: begun, where it was not. */
  reader(name: string, committed: number): IndexReader | undefined {
    const declared = this.#declared.get(name);
    if (declared === undefined) return undefined;
    let index = this.#indexes.get(name);
    if (index === undefined) {
      index = new ServiceIndex(
        stateMap(declared.of, this.#publicMaps.has(declared.of)),
        (key, value) => this.#keysOf(declared, key, value),
        committed,
        this.#bounds,
      );
      this.#indexes.set(name, index);
    }
    return index;
  }

  /** The next query begins them anew. */
  forget(): void {
    this.#indexes.clear();
  }

  /** Whether any index was asked for. */
  get used(): boolean {
    return this.#indexes.size > 0;
  }

  /** Batch `sequence` was committed, with these write sets. */
  committed(sequence: number, writeSets: readonly Uint8Array[]): void {
    if (!this.used) return;
    const keys = new Map<string, string[]>([...this.#indexes.values()].map(({ map }) => [map, []]));
    for (const encoded of writeSets) {
      const decoded = decodeWriteSet(encoded);
      if (decoded.ok) for (const { address } of decoded.value) keys.get(mapOf(address))?.push(keyOf(address));
    }
    for (const index of this.#indexes.values()) index.committed(sequence, keys.get(index.map)!);
  }

  /** Looks at some entries, about `entriesMax`, of the committed state; whether there are more to be looked at. */
  work(view: StateView, entriesMax: number): boolean {
    const busy = [...this.#indexes.values()].filter((index) => !index.idle);
    for (const index of busy) index.work(view, Math.ceil(entriesMax / busy.length));
    return busy.some((index) => !index.idle);
  }

  /** The keys that the service gives, or `undefined` where it fails to, or takes too many steps for it. */
  #keysOf({ keys }: Index, key: string, value: Uint8Array): readonly string[] | undefined {
    const decoded = decodePlainCbor(value);
    if (!decoded.ok) return undefined;
    const { meter } = this.#script;
    meter.begin(indexStepsMax, 0);
    const above = activate(meter);
    try {
      const given = copyIn(keys(decoded.value, decodeKey(key)), (work) => meter.charge(work));
      if (!Array.isArray(given) || given.length > keysMax || meter.exhaustion !== undefined) return undefined;
      return [...new Set(given.map(encodeKey))];
    } catch {
      return undefined;
    } finally {
      activate(above);
      this.#script.restore();
    }
  }
}
