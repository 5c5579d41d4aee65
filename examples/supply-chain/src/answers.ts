/**
 * The queries: what the ledger knows about an event, an item, a product's origin.
 */
import type { QueryTransaction } from '@coppice/service';
import { formatTime, parseTime } from './epcis/time.ts';
import type { EpcisEvent, ErrorDeclaration, Role } from './event.ts';
import { ingredientsOf, productsOf, type Relative } from './genealogy.ts';
import type { EventsInput, GenealogyInput, ItemInput, StepInput, TraceInput } from './input.ts';
import { carried, packed, staysOf, type Visit, visitsOf } from './journey.ts';
import { compare, end, type EventRecord, type Position, readable, Reader } from './state.ts';

/** Entries of the state that one query reads. */
const entriesMax = 2000;
/** Relatives in one answer. */
const relativesMax = 500;
const stepsMax = 1000;
const correctionsMax = 100;

/** What an event says of where, when and why. */
export interface Line {
  readonly event: string;
  /** `eventTime`, in UTC. */
  readonly time: string;
  readonly type: string;
  readonly action?: string | undefined;
  readonly bizStep?: string | undefined;
  readonly disposition?: string | undefined;
  readonly readPoint?: string | undefined;
  readonly bizLocation?: string | undefined;
}

function lineOf({ id, time, type, action, bizStep, disposition, readPoint, bizLocation }: EventRecord): Line {
  return { event: id, time: formatTime(time), type, action, bizStep, disposition, readPoint, bizLocation };
}

export interface EventAnswer {
  /** Valid EPCIS on its own, with the context of the document that brought it. */
  readonly event: EpcisEvent;
  readonly order: number;
  /** When and by which client it was recorded. */
  readonly recordedAt: number;
  readonly recordedBy: string;
  readonly errorDeclaration?: ErrorDeclaration | undefined;
  /** The erroneous events that name this one as their correction. */
  readonly corrects: readonly string[];
}

/** The event, also one that was declared erroneous; `null` if there is none. */
export function event(tx: QueryTransaction, { id }: { readonly id: string }): EventAnswer | null {
  const order = readable(tx, 'orders').get(id);
  if (order === undefined) return null;
  const { recordedAt, recordedBy, errorDeclaration } = readable(tx, 'records').get(order)!;
  const corrects: string[] = [];
  for (const [key] of readable(tx, 'corrections').entries([id], { limit: correctionsMax })) {
    corrects.push(readable(tx, 'records').get((key as [string, number])[1])!.id);
  }
  const content = readable(tx, 'contents').get(order)!;
  return { event: content, order, recordedAt, recordedBy, errorDeclaration, corrects };
}

export interface TraceAnswer {
  /** Oldest first. `container` carried the item, where the event does not name the item itself. */
  readonly events: readonly (Line & { readonly roles: readonly Role[]; readonly container?: string | undefined })[];
  /** False where older events, or some within containers, are left out. */
  readonly complete: boolean;
}

/** Where the item has been, with everything that carried it. */
export function trace(tx: QueryTransaction, { epc, until, depth = 8, limit = 200 }: TraceInput): TraceAnswer {
  const reader = new Reader(tx, entriesMax);
  const visits = journey(reader, epc, positionOf(until), depth);
  const events = visits.slice(-limit).map(({ record, roles, container }) => ({ ...lineOf(record), roles, container }));
  return { events, complete: reader.complete && events.length === visits.length };
}

export interface ItemAnswer {
  readonly lastEvent: string;
  readonly lastTime: string;
  readonly bizStep?: string | undefined;
  readonly disposition?: string | undefined;
  /** Where it was last seen, and where it was last said to remain. */
  readonly readPoint?: string | undefined;
  readonly bizLocation?: string | undefined;
  /** What it is packed into; what that is packed into; and so on. */
  readonly containers: readonly string[];
  /** The transformation that it last went into. */
  readonly usedIn?: string | undefined;
  readonly complete: boolean;
}

/** The item's state after its last event; `null` for an item that no event names. */
export function item(tx: QueryTransaction, { epc, until }: ItemInput): ItemAnswer | null {
  const reader = new Reader(tx, entriesMax);
  const at = positionOf(until);
  const visits = journey(reader, epc, at, 8);
  const last = visits.at(-1);
  if (last === undefined) return null;
  // A transformation tells of its outputs. Its inputs are gone, or less.
  const told = visits.filter(({ roles }) => !roles.includes('input') || roles.includes('output'));
  const latest = (field: 'disposition' | 'readPoint' | 'bizLocation'): string | undefined =>
    told.findLast(({ record }) => record[field] !== undefined)?.record[field];
  return {
    lastEvent: last.record.id,
    lastTime: formatTime(last.record.time),
    bizStep: visits.findLast(({ record }) => record.bizStep !== undefined)?.record.bizStep,
    disposition: latest('disposition'),
    readPoint: latest('readPoint'),
    bizLocation: latest('bizLocation'),
    containers: containersOf(reader, epc, at),
    usedIn: visits.findLast((visit) => !told.includes(visit))?.record.id,
    complete: reader.complete,
  };
}

/** The visits, oldest first, one of each event: the item's own, where it is named. */
function journey(reader: Reader, epc: string, until: Position, levels: number): Visit[] {
  const visits = new Map<number, Visit>();
  for (const visit of visitsOf(reader, epc, { until, levels, kinds: carried })) {
    if (!visits.has(visit.record.order)) visits.set(visit.record.order, visit);
  }
  return [...visits.values()].sort((a, b) => compare(a.record, b.record));
}

function containersOf(reader: Reader, epc: string, at: Position): string[] {
  const containers: string[] = [];
  for (let inner: string | undefined = epc; inner !== undefined && containers.length < 8;) {
    const stays = staysOf(reader, reader.history(inner, at), packed);
    inner = stays
      .filter(({ until }) => compare(until, at) >= 0)
      .sort((a, b) => compare(a.added, b.added))
      .at(-1)?.parent;
    if (inner !== undefined) containers.push(inner);
  }
  return containers;
}

export interface GenealogyAnswer {
  /** Nearest first. */
  readonly relatives: readonly Relative[];
  readonly complete: boolean;
}

/** What the item was made of. */
export function ingredients(tx: QueryTransaction, { epc, depth = 16 }: GenealogyInput): GenealogyAnswer {
  const reader = new Reader(tx, entriesMax);
  return genealogy(reader, ingredientsOf(reader, epc, depth));
}

/** What was made of the item, and what that is packed into. */
export function products(tx: QueryTransaction, { epc, depth = 16 }: GenealogyInput): GenealogyAnswer {
  const reader = new Reader(tx, entriesMax);
  return genealogy(reader, productsOf(reader, epc, depth));
}

function genealogy(reader: Reader, relatives: Relative[]): GenealogyAnswer {
  return { relatives: relatives.slice(0, relativesMax), complete: reader.complete && relatives.length <= relativesMax };
}

export interface CountsAnswer {
  readonly events: number;
  readonly erroneous: number;
  /** Standing events of each business step, by its name. The first {@link stepsMax} steps. */
  readonly steps: readonly { readonly bizStep: string; readonly events: number }[];
}

export function counts(tx: QueryTransaction): CountsAnswer {
  const totals = readable(tx, 'totals');
  const steps = [...readable(tx, 'steps').entries(undefined, { limit: stepsMax })];
  return {
    events: totals.get('events') ?? 0,
    erroneous: totals.get('erroneous') ?? 0,
    steps: steps.map(([bizStep, events]) => ({ bizStep: bizStep as string, events })),
  };
}

export interface EventsAnswer {
  /** In the order of recording, those declared erroneous too. */
  readonly events: readonly (Line & { readonly order: number; readonly erroneous: boolean })[];
  /** What to pass as `after` for the next page. Absent on the last one. */
  readonly next?: number | undefined;
}

export function events(tx: QueryTransaction, { after, limit = 100 }: EventsInput): EventsAnswer {
  const records = [...readable(tx, 'records').entries(undefined, { after, limit })].map(([, record]) => record);
  const last = records.at(-1)?.order;
  const more = last !== undefined && last + 1 < (readable(tx, 'totals').get('events') ?? 0);
  return {
    events: records.map((record) => ({
      ...lineOf(record),
      order: record.order,
      erroneous: record.errorDeclaration !== undefined,
    })),
    next: more ? last : undefined,
  };
}

export interface StepAnswer {
  /** Newest first, by when they happened. Those declared erroneous are left out. */
  readonly events: readonly (Line & { readonly order: number })[];
  /** Of all batches up to this one: 0 while the replica makes its index. */
  readonly through: number;
}

/** Events of one business step: what was shipped, or pressed, or sold last. */
export function step(tx: QueryTransaction, { bizStep, until, limit = 100 }: StepInput): StepAnswer {
  const index = tx.index('byStep');
  const records = readable(tx, 'records');
  const found: (Line & { order: number })[] = [];
  // A longer tuple is the next key after the shorter one that it begins with.
  const to = [bizStep, positionOf(until).time, true];
  for (const [[, time], order] of index.entries([bizStep], { to, reverse: true }) as Iterable<
    [[string, number], number]
  >) {
    const record = records.get(order);
    // The index may be behind the map.
    if (record === undefined || record.errorDeclaration !== undefined) continue;
    if (record.bizStep !== bizStep || record.time !== time) continue;
    found.push({ ...lineOf(record), order });
    if (found.length === limit) break;
  }
  return { events: found, through: index.through };
}

function positionOf(until: string | undefined): Position {
  return until === undefined ? end : { time: parseTime(until)!, order: end.order };
}
