/**
 * Where an item has been: its own events, and those of whatever it was inside at the time.
 *
 * An item is inside a parent from the event that adds it to the one that deletes it, or that empties the parent. Nothing
 * of this is stored: an event may arrive late, or turn out to be wrong, and the next question is answered rightly.
 */
import type { Role } from './event.ts';
import { beginning, compare, end } from './state.ts';
import type { EventRecord, Position, Reader, Step } from './state.ts';

/** A time inside something; both ends belong to it. */
export interface Stay {
  readonly parent: string;
  /** The event that added the item. */
  readonly added: EventRecord;
  /** The event that took it out, or {@link end}. */
  readonly until: Position;
}

export interface Visit {
  readonly record: EventRecord;
  /** The roles of the item, or of the container that carried it. */
  readonly roles: readonly Role[];
  /** What the item was inside of, if this is not its own event. */
  readonly container?: string | undefined;
}

/** The kinds of containment: packed into something, or mounted on it. */
export const packed = ['AggregationEvent'];
export const carried = ['AggregationEvent', 'AssociationEvent'];

/** The stays that `steps`, the history of an item, newest first, tell of. */
export function staysOf(reader: Reader, steps: readonly Step[], kinds: readonly string[]): Stay[] {
  const open = new Map<string, EventRecord>();
  const stays: Stay[] = [];
  const close = (key: string, until: Position): void => {
    const added = open.get(key);
    if (added === undefined) return;
    open.delete(key);
    const parent = added.parentID!;
    const emptied = reader.emptied(parent, added.type, added) ?? end;
    stays.push({ parent, added, until: compare(emptied, until) < 0 ? emptied : until });
  };
  for (const { record, roles } of steps.toReversed()) {
    const { type, action, parentID: parent } = record;
    if (parent === undefined || !roles.includes('child') || !kinds.includes(type)) continue;
    const key = `${type} ${parent}`;
    // What is added again has been out, or is told of twice: either way one stay ends where the next begins.
    if (action !== 'OBSERVE') close(key, record);
    if (action === 'ADD') open.set(key, record);
  }
  for (const key of [...open.keys()]) close(key, end);
  return stays;
}

/**
 * The events of `item`, and of what it was inside, up to and with `until`, through `levels` of containers: its own
 * first. An event that names both is there for each.
 */
export function visitsOf(
  reader: Reader,
  item: string,
  options: { until: Position; levels: number; kinds: readonly string[] },
): Visit[] {
  const visits = new Map<string, Visit>();
  // Breadth first, each carrier once for each span of time, so that a container said to be inside itself ends the way.
  const ways = [{ carrier: item, from: beginning, until: options.until, levels: options.levels }];
  const taken = new Set<string>();
  for (const { carrier, from, until, levels } of ways) {
    const way = `${from.order} ${until.order} ${carrier}`;
    if (taken.has(way)) continue;
    taken.add(way);
    const steps = reader.history(carrier, until);
    for (const { record, roles } of steps) {
      const key = `${record.order} ${carrier}`;
      if (compare(record, from) < 0 || visits.has(key)) continue;
      visits.set(key, { record, roles, container: carrier === item ? undefined : carrier });
    }
    if (levels === 0) continue;
    for (const stay of staysOf(reader, steps, options.kinds)) {
      const entered = later(stay.added, from);
      const left = compare(stay.until, until) < 0 ? stay.until : until;
      if (compare(entered, left) > 0) continue;
      ways.push({ carrier: stay.parent, from: entered, until: left, levels: levels - 1 });
    }
  }
  return [...visits.values()];
}

function later(a: Position, b: Position): Position {
  return compare(a, b) < 0 ? b : a;
}
