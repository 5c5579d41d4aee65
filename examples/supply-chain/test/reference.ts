/**
 * What the answers about items should be, read off the definitions: a list of events in their order, and who is inside
 * what before and after each. Slow, and without anything of the service.
 */

export interface Told {
  readonly id: string;
  readonly type: 'ObjectEvent' | 'AggregationEvent' | 'AssociationEvent' | 'TransformationEvent';
  readonly time: number;
  readonly action?: 'ADD' | 'DELETE' | 'OBSERVE';
  readonly parent?: string;
  /** Objects of an object event; children. */
  readonly items?: readonly string[];
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly transformation?: string | undefined;
}

interface Link {
  readonly type: string;
  readonly parent: string;
  readonly child: string;
}

interface Moment {
  readonly event: Told;
  readonly before: readonly Link[];
  readonly after: readonly Link[];
}

/** `events` in the order of recording, without those declared erroneous. */
function momentsOf(events: readonly Told[]): Moment[] {
  let links: readonly Link[] = [];
  return events
    .toSorted((a, b) => a.time - b.time)
    .map((event) => {
      const before = links;
      links = after(event, before);
      return { event, before, after: links };
    });
}

function after({ type, action, parent, items = [] }: Told, links: readonly Link[]): readonly Link[] {
  if (parent === undefined || action === 'OBSERVE') return links;
  const others = links.filter(
    (link) => link.type !== type || link.parent !== parent || (items.length > 0 && !items.includes(link.child)),
  );
  return action === 'DELETE' ? others : [...links, ...items.map((child) => ({ type, parent, child }))];
}

/** `item`, what it is inside of, what that is inside of, through `levels` links. */
function upwards(item: string, links: readonly Link[], levels: number): Set<string> {
  const found = new Set([item]);
  for (let i = 0; i < levels; i++) {
    for (const inner of [...found]) for (const { parent, child } of links) if (child === inner) found.add(parent);
  }
  return found;
}

function downwards(item: string, links: readonly Link[]): Set<string> {
  const found = new Set([item]);
  for (const outer of found) {
    for (const { type, parent, child } of links) if (type === 'AggregationEvent' && parent === outer) found.add(child);
  }
  return found;
}

function named({ parent, items = [], inputs = [], outputs = [] }: Told): Set<string> {
  return new Set([...(parent === undefined ? [] : [parent]), ...items, ...inputs, ...outputs]);
}

/** The ids of the events in which `item` took part, by itself or inside something, in order. */
export function traceOf(events: readonly Told[], item: string, levels: number): string[] {
  return momentsOf(events)
    .filter(({ event, before, after: links }) => {
      const carriers = upwards(item, [...before, ...links], levels);
      return [...named(event)].some((name) => carriers.has(name));
    })
    .map(({ event }) => event.id);
}

/** What `item` is made of. */
export function ingredientsOf(events: readonly Told[], item: string): Set<string> {
  const moments = momentsOf(events);
  const made = new Map<string, Set<string>>();
  for (const { event: output } of moments) {
    for (const { event: input, before } of moments) {
      const one =
        input === output || (input.transformation !== undefined && input.transformation === output.transformation);
      if (!one) continue;
      for (const name of output.outputs ?? []) {
        const of = made.get(name) ?? new Set();
        for (const used of input.inputs ?? []) for (const inner of downwards(used, before)) of.add(inner);
        made.set(name, of);
      }
    }
  }
  const found = downwards(item, moments.at(-1)?.after ?? []);
  for (const part of found) for (const ingredient of made.get(part) ?? []) found.add(ingredient);
  found.delete(item);
  return found;
}
