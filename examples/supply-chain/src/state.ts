/**
 * What the service keeps, map by map, in the order of its keys.
 *
 *     records          order                    → what an event says of where, when and why: EventRecord
 *     contents         order                    → the event itself, with the context that its names need
 *     orders           event id                 → order
 *     mentions         item, time, order        → the roles of the item in the event
 *     emptied          parent, time, order      → type of the event, which took out everything inside the parent
 *     transformations  transformation id, order → the event is a part of that transformation
 *     corrections      event id, order          → the event, once recorded, corrects that erroneous one
 *     steps            business step            → number of events
 *     totals           'events' | 'erroneous'   → number of events
 *
 * Times are `eventTime` in milliseconds since 1970; order is the number of events recorded before. An event that is
 * declared erroneous keeps its entries: whoever reads them skips it.
 */
import type { CommandTransaction, QueryTransaction, ReadonlyStateMap, StateMap } from '@coppice/service';
import type { EpcisEvent, ErrorDeclaration, Role } from './event.ts';

/** Identifiers that become keys. Longer ones are refused. */
export const identifierCharactersMax = 512;

export interface EventRecord {
  readonly id: string;
  readonly time: number;
  readonly order: number;
  readonly type: string;
  readonly action?: string | undefined;
  readonly bizStep?: string | undefined;
  readonly disposition?: string | undefined;
  readonly readPoint?: string | undefined;
  readonly bizLocation?: string | undefined;
  readonly parentID?: string | undefined;
  readonly transformationID?: string | undefined;
  readonly recordedAt: number;
  readonly recordedBy: string;
  readonly errorDeclaration?: ErrorDeclaration | undefined;
}

interface Maps {
  readonly records: EventRecord;
  readonly contents: EpcisEvent;
  readonly orders: number;
  readonly mentions: readonly Role[];
  readonly emptied: string;
  readonly transformations: true;
  readonly corrections: true;
  readonly steps: number;
  readonly totals: number;
}

/** A map, with the type of its values. */
export function writable<M extends keyof Maps>(tx: CommandTransaction, map: M): StateMap<Maps[M]> {
  return tx.map(map);
}

/** The same, for reading: in queries and in commands. */
export function readable<M extends keyof Maps>(tx: Pick<QueryTransaction, 'map'>, map: M): ReadonlyStateMap<Maps[M]> {
  return tx.map(map);
}

/** A place in the order of events: by time, and by recording where times are equal. */
export interface Position {
  readonly time: number;
  readonly order: number;
}

export const beginning: Position = { time: Number.MIN_SAFE_INTEGER, order: -1 };
export const end: Position = { time: Number.MAX_SAFE_INTEGER, order: Number.MAX_SAFE_INTEGER };

/** Negative, zero or positive: as `a` is earlier, the same or later. */
export function compare(a: Position, b: Position): number {
  return a.time - b.time || a.order - b.order;
}

/** An event that names an item, and the item's roles in it. */
export interface Step {
  readonly record: EventRecord;
  readonly roles: readonly Role[];
}

/**
 * Reads for one query, of a bounded number of entries. When it is spent, `complete` turns false and nothing more is
 * found: a question about a crowded item gets the newest part of its answer.
 */
export class Reader {
  readonly #tx: QueryTransaction;
  #left: number;
  complete = true;

  constructor(tx: QueryTransaction, entriesMax: number) {
    this.#tx = tx;
    this.#left = entriesMax;
  }

  /** The standing events that name `item`, up to and with `until`, newest first. */
  history(item: string, until: Position): Step[] {
    const steps: Step[] = [];
    // A longer tuple is the next key after the shorter one that it begins with.
    const options = { to: [item, until.time, until.order, true], reverse: true };
    for (const [key, roles] of readable(this.#tx, 'mentions').entries([item], options)) {
      if (!this.#spend()) break;
      const record = this.#standing(orderIn(key));
      if (record !== undefined) steps.push({ record, roles });
    }
    return steps;
  }

  /** The first standing event of `type` after `position` that took everything out of `parent`. */
  emptied(parent: string, type: string, position: Position): EventRecord | undefined {
    const options = { after: [parent, position.time, position.order] };
    for (const [key, typeOfEvent] of readable(this.#tx, 'emptied').entries([parent], options)) {
      if (!this.#spend()) break;
      const record = typeOfEvent === type ? this.#standing(orderIn(key)) : undefined;
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /** The standing events of the transformation that `record` is of, itself among them. */
  transformation(record: EventRecord): EventRecord[] {
    if (record.transformationID === undefined) return [record];
    const parts: EventRecord[] = [];
    for (const [key] of readable(this.#tx, 'transformations').entries([record.transformationID])) {
      if (!this.#spend()) break;
      const part = this.#standing(orderIn(key));
      if (part !== undefined) parts.push(part);
    }
    return parts;
  }

  /** The event itself. It may be large, and counts for several entries. */
  event(record: EventRecord): EpcisEvent {
    this.#spend(8);
    return readable(this.#tx, 'contents').get(record.order)!;
  }

  /** Counts entries. False where they are too many. */
  #spend(entries = 1): boolean {
    this.#left -= entries;
    this.complete = this.#left >= 0;
    return this.complete;
  }

  /** The record, unless its event was declared erroneous. */
  #standing(order: number): EventRecord | undefined {
    const record = readable(this.#tx, 'records').get(order);
    return record?.errorDeclaration === undefined ? record : undefined;
  }
}

/** The order, which is the last part of a key. */
function orderIn(key: unknown): number {
  return (key as readonly [...unknown[], number]).at(-1) as number;
}
