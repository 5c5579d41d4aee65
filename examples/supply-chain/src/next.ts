/**
 * Version 2 of the service: it also counts the events of each place.
 *
 *     places   read point → number of standing events there
 *
 * To be upgraded to, while version 1 works: `npx coppice release build --service …/next.ts --from RELEASE`. Its migration counts what
 * version 1 recorded.
 */
import { type CommandTransaction, command, defineService, query, type QueryTransaction } from '@coppice/service';
import * as input from './input.ts';
import { record } from './record.ts';
import first from './service.ts';
import { readable, writable } from './state.ts';

/** Places in one answer. */
const placesMax = 200;

export default defineService({
  name: first.name,
  version: 2,
  commands: { record: command({ input: input.documentInput, allow: 'anyone' }, recordAndCount) },
  indexes: { ...first.indexes },
  queries: { ...first.queries, places: query({ allow: 'anyone' }, places) },
  migrate: { 2: countAll },
});

function recordAndCount(tx: CommandTransaction, given: Parameters<typeof record>[1]): ReturnType<typeof record> {
  const recorded = writable(tx, 'totals').get('events') ?? 0;
  const answer = record(tx, given);
  for (const id of answer.events) {
    const { errorDeclaration, order, readPoint } = eventNamed(tx, id);
    // One that was recorded before is withdrawn by this.
    if (order < recorded) count(tx, readPoint, -1);
    else if (errorDeclaration === undefined) count(tx, readPoint, 1);
  }
  return answer;
}

function eventNamed(tx: CommandTransaction, id: string) {
  return readable(tx, 'records').get(readable(tx, 'orders').get(id)!)!;
}

function count(tx: CommandTransaction, place: string | undefined, by: number): void {
  if (place === undefined) return;
  const counts = tx.map<number>('places');
  const events = (counts.get(place) ?? 0) + by;
  if (events === 0) counts.delete(place);
  else counts.set(place, events);
}

function countAll(tx: CommandTransaction): void {
  const events = new Map<string, number>();
  for (const [, { errorDeclaration, readPoint }] of readable(tx, 'records').entries())
    if (readPoint !== undefined && errorDeclaration === undefined)
      events.set(readPoint, (events.get(readPoint) ?? 0) + 1);
  for (const [place, standing] of events) tx.map<number>('places').set(place, standing);
}

/** Places in the order of their names, with how many events tell of each. */
function places(tx: QueryTransaction): { places: { place: string; events: number }[]; complete: boolean } {
  const all = [...tx.map<number>('places').entries(undefined, { limit: placesMax + 1 })];
  const listed = all.slice(0, placesMax).map(([place, events]) => ({ place: place as string, events }));
  return { places: listed, complete: all.length <= placesMax };
}
