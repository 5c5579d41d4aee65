/**
 * What an item was made of, and what was made of it.
 *
 * A transformation makes each of its outputs of all its inputs, and of what was inside those at the time; and
 * something packed consists of what is inside it now. The two questions are each other's inverse: an item is among the
 * ingredients of exactly its products.
 */
import { mentions } from './event.ts';
import type { Mention, Role } from './event.ts';
import { packed, staysOf, visitsOf } from './journey.ts';
import { end } from './state.ts';
import type { EventRecord, Position, Reader } from './state.ts';

export interface Relative {
  readonly epc: string;
  /** The item that this is a direct ingredient or product of. */
  readonly of: string;
  readonly through: 'transformation' | 'aggregation';
  /** The event that says so. */
  readonly event: string;
  readonly quantity?: number | undefined;
  readonly uom?: string | undefined;
  /** Steps from the item that was asked about: 1 or more. */
  readonly distance: number;
}

interface Task {
  readonly item: string;
  /** When the item's contents count. */
  readonly at: Position;
  readonly distance: number;
}

/** The relatives found so far, each once, and what is still to be looked into. */
class Search {
  readonly relatives: Relative[] = [];
  readonly tasks: Task[];
  readonly #levels: number;
  readonly #found: Set<string>;
  readonly #planned = new Set<string>();

  constructor(item: string, levels: number) {
    this.tasks = [{ item, at: end, distance: 0 }];
    this.#found = new Set([item]);
    this.#levels = levels;
  }

  /** Adds what the event `record` says of `mention`, and looks into it as it was at that position, unless it was. */
  add(
    task: Task,
    mention: Pick<Mention, 'epc' | 'quantity' | 'uom'>,
    record: EventRecord,
    through: Relative['through'],
    at: Position,
  ): void {
    const { epc, quantity, uom } = mention;
    const distance = task.distance + 1;
    if (distance > this.#levels) return;
    if (!this.#found.has(epc)) {
      this.#found.add(epc);
      this.relatives.push({ epc, of: task.item, through, event: record.id, quantity, uom, distance });
    }
    const plan = `${at.time} ${at.order} ${epc}`;
    if (this.#planned.has(plan)) return;
    this.#planned.add(plan);
    this.tasks.push({ item: epc, at, distance });
  }
}

/** What `item` consists of, nearest first, through `levels` steps. */
export function ingredientsOf(reader: Reader, item: string, levels: number): Relative[] {
  const search = new Search(item, levels);
  for (const task of search.tasks) {
    for (const { mention, record } of contentsOf(reader, task.item, task.at)) {
      search.add(task, mention, record, 'aggregation', task.at);
    }
    for (const { record, roles } of reader.history(task.item, end)) {
      if (!roles.includes('output')) continue;
      for (const { mention, part } of sideOf(reader, record, 'input')) {
        search.add(task, mention, part, 'transformation', part);
      }
    }
  }
  return search.relatives;
}

/** What `item` is a part of, nearest first, through `levels` steps. */
export function productsOf(reader: Reader, item: string, levels: number): Relative[] {
  const search = new Search(item, levels);
  for (const task of search.tasks) {
    for (const { record, roles } of visitsOf(reader, task.item, { until: end, levels, kinds: packed })) {
      if (!roles.includes('input')) continue;
      for (const { mention, part } of sideOf(reader, record, 'output')) {
        search.add(task, mention, part, 'transformation', end);
      }
    }
  }
  // What something is packed into now is the last step: what became of the container before is another matter.
  for (const task of search.tasks) {
    const stays = staysOf(reader, reader.history(task.item, end), packed);
    for (const { parent, added, until } of stays) {
      if (until === end) search.add(task, { epc: parent }, added, 'aggregation', end);
    }
  }
  return search.relatives;
}

/** What the events of a transformation name in `role`. */
function* sideOf(reader: Reader, record: EventRecord, role: Role): Generator<{ mention: Mention; part: EventRecord }> {
  for (const part of reader.transformation(record)) {
    for (const mention of mentions(reader.event(part))) if (mention.role === role) yield { mention, part };
  }
}

/** What was packed into `parent` and not taken out, as of `at`, each with the event that says so. */
function contentsOf(reader: Reader, parent: string, at: Position): Iterable<{ mention: Mention; record: EventRecord }> {
  const inside = new Map<string, { mention: Mention; record: EventRecord }>();
  for (const { record, roles } of reader.history(parent, at).toReversed()) {
    if (!roles.includes('parent') || !packed.includes(record.type) || record.action === 'OBSERVE') continue;
    const children = [...mentions(reader.event(record))].filter(({ role }) => role === 'child');
    if (record.action === 'ADD') for (const mention of children) inside.set(mention.epc, { mention, record });
    else if (children.length === 0) inside.clear();
    else for (const { epc } of children) inside.delete(epc);
  }
  return inside.values();
}
