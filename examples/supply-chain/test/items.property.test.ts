/**
 * Answers about items, against a slow reading of the same events: recorded in any order, some withdrawn.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { formatTime } from '../src/epcis/time.ts';
import type { EpcisEvent } from '../src/event.ts';
import { open } from './ledger.ts';
import { ingredientsOf, type Told, traceOf } from './reference.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `x:${name}`);
const item = fc.constantFrom(...names);
const items = fc.uniqueArray(item, { minLength: 1, maxLength: 3 });
const time = fc.integer({ min: 0, max: 9 });

const link = fc.record({
  type: fc.constantFrom('AggregationEvent' as const, 'AggregationEvent' as const, 'AssociationEvent' as const),
  time,
  action: fc.constantFrom('ADD' as const, 'ADD' as const, 'DELETE' as const, 'OBSERVE' as const),
  parent: item,
  items,
});
const emptying = fc.record({
  type: fc.constant('AggregationEvent' as const),
  time,
  action: fc.constant('DELETE' as const),
  parent: item,
});
const transformation = fc.record({
  type: fc.constant('TransformationEvent' as const),
  time,
  inputs: items,
  outputs: items,
  transformation: fc.constantFrom(undefined, undefined, 'x:run-1', 'x:run-2'),
});
const seen = fc.record({
  type: fc.constant('ObjectEvent' as const),
  time,
  action: fc.constant('OBSERVE' as const),
  items,
});
const history = fc
  .array(fc.tuple(fc.oneof(link, link, link, emptying, transformation, seen), fc.integer({ min: 0, max: 5 })), {
    minLength: 4,
    maxLength: 12,
  })
  .map((drawn) =>
    drawn.map(([event, luck], i) => ({ event: { id: `x:event-${i}`, ...event } as Told, withdrawn: luck === 0 })),
  );

it('answers as the definitions say', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.integer({ min: 0, max: 3 }), async (drawn, depth) => {
      const ledger = open();
      for (const { event } of drawn) await ledger.record({ document: epcis(event) });
      for (const { event, withdrawn } of drawn) {
        if (!withdrawn) continue;
        const errorDeclaration = { declarationTime: '2026-11-24T00:00:00Z' };
        await ledger.record({ document: { ...epcis(event), errorDeclaration } });
      }
      const standing = drawn.filter(({ withdrawn }) => !withdrawn).map(({ event }) => event);
      const ingredients = new Map(names.map((name) => [name, ingredientsOf(standing, name)]));
      for (const epc of names) {
        const trace = await ledger.trace({ epc, depth });
        assert.deepEqual(
          trace.events.map(({ event }) => event),
          traceOf(standing, epc, depth),
        );
        assert.equal(trace.complete, true);
        const { relatives } = await ledger.ingredients({ epc });
        assert.deepEqual(relatives.map((relative) => relative.epc).sort(), [...ingredients.get(epc)!].sort());
        const products = (await ledger.products({ epc })).relatives.map((relative) => relative.epc).sort();
        assert.deepEqual(
          products,
          names.filter((name) => ingredients.get(name)!.has(epc)),
        );
      }
    }),
    { numRuns: 200 },
  );
});

/** The event as EPCIS has it. */
function epcis(told: Told): EpcisEvent {
  const {
    id,
    type,
    time: minute,
    action,
    parent,
    items: list,
    inputs,
    outputs,
    transformation: transformationID,
  } = told;
  const event = {
    '@context': 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld',
    type,
    eventID: id,
    eventTime: formatTime(minute * 60_000),
    eventTimeZoneOffset: '+00:00',
    action,
    parentID: parent,
    [type === 'ObjectEvent' ? 'epcList' : 'childEPCs']: list,
    inputEPCList: inputs,
    outputEPCList: outputs,
    transformationID,
  };
  return JSON.parse(JSON.stringify(event));
}
