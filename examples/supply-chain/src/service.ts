/**
 * Supply-chain events (EPCIS 2.0) on a ledger that no member of the chain runs alone.
 *
 * One command records what happened; the queries answer where something has been and what it is made of. Everything
 * about an item is derived from events when it is asked for, so an event that comes late, or is withdrawn, changes
 * every answer that it bears on.
 */
import { command, defineService, query } from '@coppice/service';
import * as answers from './answers.ts';
import * as input from './input.ts';
import { record } from './record.ts';
import type { EventRecord } from './state.ts';

export default defineService({
  name: 'supply-chain',
  version: 1,
  commands: {
    record: command({ input: input.documentInput, allow: 'anyone' }, record),
  },
  indexes: {
    /** Events of a business step, by the time at which they happened, whenever they were recorded. */
    byStep: {
      of: 'records',
      keys: ({ bizStep, time }: EventRecord) => (bizStep === undefined ? [] : [[bizStep, time]]),
    },
  },
  queries: {
    event: query({ input: input.eventInput, allow: 'anyone' }, answers.event),
    trace: query({ input: input.traceInput, allow: 'anyone' }, answers.trace),
    item: query({ input: input.itemInput, allow: 'anyone' }, answers.item),
    ingredients: query({ input: input.genealogyInput, allow: 'anyone' }, answers.ingredients),
    products: query({ input: input.genealogyInput, allow: 'anyone' }, answers.products),
    events: query({ input: input.eventsInput, allow: 'anyone' }, answers.events),
    step: query({ input: input.stepInput, allow: 'anyone' }, answers.step),
    counts: query({ allow: 'anyone' }, answers.counts),
  },
});
