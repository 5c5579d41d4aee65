/** The bounds of answers. What is in them: `story.test.ts`, `items.property.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatTime } from '../src/epcis/time.ts';
import { open } from './ledger.ts';

const header = {
  '@context': 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld',
  type: 'EPCISDocument',
  schemaVersion: '2.0',
  creationDate: '2026-11-24T09:30:00Z',
};

function sighting(order: number): object {
  return {
    type: 'ObjectEvent',
    eventID: `x:event-${order}`,
    action: 'OBSERVE',
    eventTime: formatTime(order * 1000),
    eventTimeZoneOffset: '+00:00',
    epcList: ['x:item'],
    readPoint: { id: `x:place-${order}` },
  };
}

const sightings = (count: number, from = 0): never =>
  ({ ...header, epcisBody: { eventList: Array.from({ length: count }, (_, i) => sighting(from + i)) } }) as never;

describe('answers', () => {
  it('are the newest part where there is too much to read', async () => {
    const client = open();
    for (let from = 0; from < 2100; from += 100) await client.record({ document: sightings(100, from) });
    const { events, complete } = await client.trace({ epc: 'x:item' });
    assert.deepEqual([events.length, events[0]?.event, events.at(-1)?.event], [200, 'x:event-1900', 'x:event-2099']);
    assert.equal(complete, false);
    const item = await client.item({ epc: 'x:item' });
    assert.deepEqual([item?.lastEvent, item?.readPoint, item?.complete], ['x:event-2099', 'x:place-2099', false]);

    const earlier = await client.trace({ epc: 'x:item', until: formatTime(199_000) });
    assert.deepEqual(
      [earlier.events.length, earlier.events.at(-1)?.event, earlier.complete],
      [200, 'x:event-199', true],
    );
  });

  it('name at most 500 relatives', async () => {
    for (const [outputs, complete] of [
      [500, true],
      [501, false],
    ] as const) {
      const client = open();
      const document = {
        '@context': header['@context'],
        type: 'TransformationEvent',
        eventTime: '2026-11-24T09:30:00Z',
        eventTimeZoneOffset: '+01:00',
        inputEPCList: ['x:input'],
        outputEPCList: Array.from({ length: outputs }, (_, i) => `x:output-${i}`),
      };
      await client.record({ document });
      const products = await client.products({ epc: 'x:input' });
      assert.deepEqual([products.relatives.length, products.complete], [500, complete]);
    }
  });

  it('end with the last page', async () => {
    const client = open();
    assert.deepEqual(await client.events({}), { events: [] });
    await client.record({ document: sightings(4) });
    assert.equal((await client.events({ limit: 3 })).next, 2);
    assert.equal((await client.events({ limit: 4 })).next, undefined);
    assert.equal((await client.events({ limit: 3, after: 2 })).next, undefined);
    assert.deepEqual(await client.events({ after: 3 }), { events: [] });
  });
});
