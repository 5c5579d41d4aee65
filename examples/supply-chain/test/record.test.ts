import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { EpcisEvent } from '../src/event.ts';
import { eventsMax, identifiersMax } from '../src/record.ts';
import { identifierCharactersMax } from '../src/state.ts';
import { type Client, type Ledger, openLedger } from './ledger.ts';
import { documents, vectorsAbsent } from './vectors.ts';

const context = 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld';

function seen(id: string | undefined, fields: object = {}): EpcisEvent {
  const event = {
    '@context': context,
    type: 'ObjectEvent',
    action: 'OBSERVE',
    ...(id !== undefined && { eventID: id }),
    eventTime: '2026-11-24T09:30:00Z',
    eventTimeZoneOffset: '+01:00',
    epcList: ['x:item'],
    bizStep: 'shipping',
  };
  return { ...event, ...fields } as EpcisEvent;
}

function envelope(events: readonly object[], fields: object = {}): never {
  const header = {
    '@context': context,
    type: 'EPCISDocument',
    schemaVersion: '2.0',
    creationDate: '2026-11-24T09:30:00Z',
  };
  const bare = events.map((event) => ({ ...event, '@context': undefined }));
  return JSON.parse(JSON.stringify({ ...header, epcisBody: { eventList: bare }, ...fields })) as never;
}

const declared = (event: EpcisEvent, corrective: readonly string[] = []): EpcisEvent => ({
  ...event,
  errorDeclaration: {
    declarationTime: '2026-11-25T09:30:00Z',
    reason: 'did_not_occur',
    correctiveEventIDs: corrective,
  },
});

describe('record', () => {
  let ledger: Ledger;
  let client: Client;
  beforeEach(() => {
    ledger = openLedger();
    client = ledger.as('mill');
  });

  const refused = (call: Promise<unknown>, code: string, path: string): Promise<void> =>
    assert.rejects(call, (error: { code?: string; path?: readonly unknown[]; message?: string }) => {
      assert.equal(error.code, code);
      assert.equal(error.path?.join('.'), path);
      return true;
    });

  it('takes a document, an answer to a query, and a single event', async () => {
    assert.deepEqual(await client.record({ document: envelope([seen('x:1'), seen('x:2')]) }), {
      events: ['x:1', 'x:2'],
    });
    const results = { queryResults: { queryName: 'q', resultsBody: { eventList: [seen('x:3')] } } };
    const answer = envelope([], { type: 'EPCISQueryDocument', epcisBody: results });
    assert.deepEqual(await client.record({ document: answer }), { events: ['x:3'] });
    assert.deepEqual(await client.record({ document: seen('x:4') }), { events: ['x:4'] });
    assert.equal((await client.trace({ epc: 'x:item' })).events.length, 4);
    assert.deepEqual(ledger.events[0], { name: 'recorded', data: { events: ['x:1', 'x:2'] } });
  });

  it('names an event that has no name, and no two alike', async () => {
    const { events } = await client.record({ document: envelope([seen(undefined), seen('x:1'), seen(undefined)]) });
    assert.deepEqual(events, ['urn:coppice:supply-chain:event:0', 'x:1', 'urn:coppice:supply-chain:event:2']);
    assert.equal((await client.event({ id: events[2]! }))?.event.eventID, events[2]);
    await refused(
      client.record({ document: seen('urn:coppice:supply-chain:event:3') }),
      'reserved-id',
      'document.eventID',
    );
  });

  it('refuses what is no EPCIS, and says where', async () => {
    await assert.rejects(
      client.record({ document: envelope([seen('x:1', { action: 'SEE' })]) }),
      (error: { code?: string; path?: readonly unknown[]; message?: string }) => {
        assert.equal(error.code, 'invalid-input');
        assert.deepEqual(error.path, ['document', 'epcisBody', 'eventList', 0, 'action']);
        assert.equal(error.message, 'epcisBody.eventList[0].action: must be one of OBSERVE, ADD, DELETE');
        return true;
      },
    );
  });

  it('refuses an id that is taken, with the whole document', async () => {
    await client.record({ document: seen('x:1') });
    const again = envelope([seen('x:2'), seen('x:1', { bizStep: 'receiving' })]);
    await refused(client.record({ document: again }), 'duplicate-event', 'document.epcisBody.eventList.1.eventID');
    assert.equal(await client.event({ id: 'x:2' }), null);
    await refused(
      client.record({ document: envelope([seen('x:3'), seen('x:3')]) }),
      'duplicate-event',
      'document.epcisBody.eventList.1.eventID',
    );
    assert.deepEqual(await client.counts(), { events: 1, erroneous: 0, steps: [{ bizStep: 'shipping', events: 1 }] });
  });

  it('bounds events, identifiers and their length', async () => {
    const list = (count: number): object[] => Array.from({ length: count }, (_, i) => seen(`x:${i}`));
    await assert.rejects(client.record({ document: envelope([]) }), {
      code: 'event-count',
      message: 'must have 1 to 100 events',
    });
    await refused(client.record({ document: envelope(list(eventsMax + 1)) }), 'event-count', 'document');
    await client.record({ document: envelope(list(eventsMax)) });

    const epcList = Array.from({ length: identifiersMax }, (_, i) => `x:${i}`);
    // The id and the step count, too.
    const tooMany = seen('x:many', { epcList: epcList.slice(1) });
    await refused(client.record({ document: tooMany }), 'too-many-identifiers', 'document');
    await client.record({ document: seen('x:many', { epcList: epcList.slice(2) }) });

    const long = `x:${'a'.repeat(identifierCharactersMax - 2)}`;
    await client.record({ document: seen(long, { epcList: [long], bizStep: long, bizLocation: { id: long } }) });
    const fields = [
      ['eventID', { eventID: `${long}a` }],
      ['epcList.1', { epcList: ['x:1', `${long}a`] }],
      ['quantityList.0.epcClass', { quantityList: [{ epcClass: `${long}a` }] }],
      ['bizStep', { bizStep: `${long}a` }],
      ['disposition', { disposition: `${long}a` }],
      ['transformationID', { type: 'example:Own', transformationID: `${long}a` }],
      ['readPoint.id', { readPoint: { id: `${long}a` } }],
      ['bizLocation.id', { bizLocation: { id: `${long}a` } }],
      [
        'errorDeclaration.correctiveEventIDs.0',
        { errorDeclaration: { declarationTime: '2026-11-24T09:30:00Z', correctiveEventIDs: [`${long}a`] } },
      ],
    ] as const;
    for (const [path, edit] of fields) {
      await refused(client.record({ document: seen('x:new', edit) }), 'identifier-too-long', `document.${path}`);
    }
  });

  it('lets the recorder withdraw an event, once, as it was', async () => {
    const event = seen('x:1', { quantityList: [{ epcClass: 'x:c', quantity: 2 }] });
    await client.record({ document: event });
    await refused(ledger.as('shop').record({ document: declared(event) }), 'not-recorder', 'document.errorDeclaration');
    await refused(
      client.record({ document: declared({ ...event, bizStep: 'receiving' }) }),
      'different-event',
      'document',
    );
    assert.equal((await client.trace({ epc: 'x:item' })).events.length, 1);

    await client.record({ document: declared(event) });
    assert.deepEqual(await client.trace({ epc: 'x:item' }), { events: [], complete: true });
    assert.equal(await client.item({ epc: 'x:c' }), null);
    assert.deepEqual(await client.counts(), { events: 1, erroneous: 1, steps: [] });
    await refused(client.record({ document: declared(event) }), 'already-declared', 'document.errorDeclaration');
    await refused(client.record({ document: event }), 'duplicate-event', 'document.eventID');
  });

  it('withdraws an event that was given its name', async () => {
    const { events } = await client.record({ document: seen(undefined) });
    await client.record({ document: declared(seen(events[0])) });
    assert.deepEqual((await client.counts()).erroneous, 1);
  });

  it('takes a withdrawal that comes first', async () => {
    await client.record({ document: declared(seen('x:1'), ['x:2']) });
    assert.deepEqual(await client.counts(), { events: 1, erroneous: 1, steps: [] });
    assert.deepEqual((await client.trace({ epc: 'x:item' })).events, []);
    await client.record({ document: seen('x:2') });
    assert.deepEqual((await client.event({ id: 'x:2' }))?.corrects, ['x:1']);
  });

  it('orders events by time, and equal times by recording', async () => {
    const at = (id: string, eventTime: string): EpcisEvent => seen(id, { eventTime });
    for (const event of [
      at('x:noon', '2026-11-24T12:00:00.000Z'),
      at('x:noon-too', '2026-11-24T13:00:00+01:00'),
      at('x:later', '2026-11-24T12:00:00.001Z'),
      at('x:before', '2026-11-24T13:59:59.9999+02:00'),
      at('x:long-ago', '0000-01-01T00:00:00+23:59'),
      at('x:far', '9999-12-31T23:59:59-23:59'),
    ])
      await client.record({ document: event });
    const { events } = await client.trace({ epc: 'x:item' });
    assert.deepEqual(
      events.map(({ event }) => event),
      ['x:long-ago', 'x:before', 'x:noon', 'x:noon-too', 'x:later', 'x:far'],
    );
  });

  it('keeps the context that prefixed names need', async () => {
    const own = { ...seen('x:1'), 'mine:field': 1 };
    const document = envelope([own], { '@context': [context, { mine: 'https://example.com/' }] });
    await client.record({ document });
    assert.deepEqual((await client.event({ id: 'x:1' }))?.event['@context'], [
      context,
      { mine: 'https://example.com/' },
    ]);

    const both = envelope([], {
      epcisBody: { eventList: [{ ...seen('x:2'), '@context': [context, { its: 'x:y' }] }] },
    });
    await client.record({ document: both });
    assert.deepEqual((await client.event({ id: 'x:2' }))?.event['@context'], [context, { its: 'x:y' }]);
  });

  it('records what the standard allows and does not follow', async () => {
    const orphan = seen('x:1', { type: 'AggregationEvent', action: 'ADD', childEPCs: ['x:item'], epcList: undefined });
    await client.record({ document: JSON.parse(JSON.stringify(orphan)) });
    assert.deepEqual((await client.item({ epc: 'x:item' }))?.containers, []);
    const { epcList: _none, ...unpacked } = seen('x:3', { type: 'AggregationEvent', action: 'DELETE' });
    await client.record({ document: unpacked });
    await client.record({ document: seen('x:2', { type: 'example:Own' }) });
    assert.equal((await client.trace({ epc: 'x:item' })).events.length, 1);
  });

  it('records all that GS1 published', { skip: vectorsAbsent }, async () => {
    const known = new Set<string>();
    for (const { name, document } of documents()) {
      const fresh = JSON.parse(JSON.stringify(document), (key, value) =>
        key === 'eventID' && known.has(value)
          ? `${value}&again=${name}`
          : (key === 'eventID' && known.add(value), value),
      );
      const { events } = await client.record({ document: fresh });
      assert.ok(events.length > 0, name);
    }
  });
});
