/**
 * The story of the sample, and what the ledger answers about it.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { checkDocument } from '../src/epcis/document.ts';
import { sample } from '../src/sample.ts';
import { type Client, open } from './ledger.ts';

const [
  harvest,
  load,
  shipped,
  received,
  press,
  tank,
  bottled,
  packed,
  wrong,
  corrected,
  drive,
  arrived,
  unpacked,
  sold,
] = sample.map((document) => document.epcisBody.eventList.map(({ eventID }) => eventID));

const north = 'urn:epc:class:lgtin:9521001.012345.NORTH-26';
const south = 'urn:epc:class:lgtin:9521001.012345.SOUTH-26';
const oil = 'urn:epc:class:lgtin:9521002.054321.TANK-7-26';
const pomace = 'urn:epc:class:lgtin:9521002.054322.POMACE-7-26';
const glass = 'urn:epc:class:lgtin:9521005.000500.GLASS-118';
const bottles = [1001, 1002, 1003, 1004, 1005, 1006].map((serial) => `urn:epc:id:sgtin:9521002.001500.${serial}`);
const [case1, case2] = ['urn:epc:id:sscc:9521002.0000000101', 'urn:epc:id:sscc:9521002.0000000102'] as const;
const pallet = 'urn:epc:id:sscc:9521002.0000000900';
const logger = 'urn:epc:id:giai:9521003.LOGGER-9';
const [salesFloor, backRoom] = ['urn:epc:id:sgln:9521004.00003.0', 'urn:epc:id:sgln:9521004.00002.0'] as const;

describe('the story of the sample', () => {
  let client: Client;
  before(async () => {
    client = open();
    for (const document of sample) {
      const { events } = await client.record({ document: document as never });
      assert.deepEqual(
        events,
        document.epcisBody.eventList.map(({ eventID }) => eventID),
      );
    }
  });

  it('traces a bottle from the press to the till, through case and pallet', async () => {
    const { events, complete } = await client.trace({ epc: bottles[1]! });
    assert.deepEqual(
      events.map(({ event, container }) => (container === undefined ? [event] : [event, container])),
      [
        [bottled![0]],
        [packed![0]],
        [packed![2], case1],
        [packed![3], pallet],
        [corrected![1], pallet],
        [drive![0], pallet],
        [arrived![0], pallet],
        [arrived![1], pallet],
        [unpacked![0], pallet],
        [unpacked![1]],
        [sold![0]],
        [sold![1]],
      ],
    );
    assert.equal(complete, true);
    assert.deepEqual(events[2], {
      event: packed![2],
      time: '2026-11-09T14:00:00.000Z',
      type: 'AggregationEvent',
      action: 'ADD',
      bizStep: 'packing',
      disposition: 'container_closed',
      readPoint: 'urn:epc:id:sgln:9521002.00005.0',
      bizLocation: 'urn:epc:id:sgln:9521002.00005.0',
      roles: ['child'],
      container: case1,
    });
  });

  it('follows as many containers as it is asked to', async () => {
    const events = async (depth: number): Promise<string[]> =>
      (await client.trace({ epc: bottles[3]!, depth })).events.map(({ event }) => event);
    assert.deepEqual(await events(0), [bottled![0], packed![1]]);
    assert.deepEqual(await events(1), [bottled![0], packed![1], packed![2]]);
    assert.equal((await events(2)).length, 9);
  });

  it('gives the newest events where it may not give all', async () => {
    const { events, complete } = await client.trace({ epc: bottles[1]!, limit: 2 });
    assert.deepEqual(
      events.map(({ event }) => event),
      sold,
    );
    assert.equal(complete, false);
  });

  it('traces a lot into its bin and out of it', async () => {
    const { events } = await client.trace({ epc: north });
    assert.deepEqual(
      events.map(({ event }) => event),
      [harvest![0], load![0], shipped![0], received![0], received![1], press![0]],
    );
  });

  it('knows where things are now', async () => {
    assert.deepEqual(await client.item({ epc: bottles[1]! }), {
      lastEvent: sold![1],
      lastTime: '2026-11-14T16:42:00.000Z',
      bizStep: 'retail_selling',
      disposition: 'retail_sold',
      readPoint: salesFloor,
      bizLocation: salesFloor,
      containers: [],
      complete: true,
    });
    const unsold = await client.item({ epc: bottles[4]! });
    assert.deepEqual([unsold?.containers, unsold?.bizLocation, unsold?.bizStep], [[case2], backRoom, 'unpacking']);
    const olives = await client.item({ epc: south });
    assert.deepEqual([olives?.usedIn, olives?.bizLocation], [press![0], 'urn:epc:id:sgln:9521002.00002.0']);
    assert.equal(await client.item({ epc: 'x:unknown' }), null);
  });

  it('knows where things were then', async () => {
    const onTheRoad = await client.item({ epc: bottles[0]!, until: '2026-11-10T13:00:00+01:00' });
    assert.deepEqual(
      [onTheRoad?.lastEvent, onTheRoad?.disposition, onTheRoad?.containers],
      [drive![0], 'in_transit', [case1, pallet]],
    );
  });

  it('knows what a case is made of', async () => {
    const { relatives } = await client.ingredients({ epc: case2 });
    assert.deepEqual(
      relatives.map(({ epc, of, through, event, distance }) => [epc, of, through, event, distance]),
      [
        ...bottles.slice(3).map((bottle) => [bottle, case2, 'aggregation', packed![1], 1]),
        [oil, bottles[3], 'transformation', bottled![0], 2],
        [glass, bottles[3], 'transformation', bottled![0], 2],
        [north, oil, 'transformation', press![0], 3],
        [south, oil, 'transformation', press![0], 3],
      ],
    );
    assert.deepEqual(relatives.find(({ epc }) => epc === north)?.quantity, 480);
    const near = await client.ingredients({ epc: case2, depth: 1 });
    assert.deepEqual(
      near.relatives.map(({ epc }) => epc),
      bottles.slice(3),
    );
  });

  it('knows what became of a lot, wherever it is now', async () => {
    const { relatives } = await client.products({ epc: north });
    assert.deepEqual(
      relatives.map(({ epc, of, distance }) => [epc, of, distance]),
      [[oil, north, 1], [pomace, north, 1], ...bottles.map((bottle) => [bottle, oil, 2]), [case2, bottles[3], 3]],
    );
    assert.deepEqual((await client.products({ epc: logger })).relatives, []);
  });

  it('keeps the withdrawn event, and the way to its correction', async () => {
    const withdrawn = await client.event({ id: wrong![0]! });
    assert.deepEqual(withdrawn?.errorDeclaration, {
      declarationTime: '2026-11-10T08:02:00.000+01:00',
      reason: 'incorrect_data',
      correctiveEventIDs: [corrected![1]],
    });
    assert.deepEqual(withdrawn?.event.errorDeclaration, withdrawn?.errorDeclaration);
    const correction = await client.event({ id: corrected![1]! });
    assert.deepEqual([correction?.corrects, correction?.errorDeclaration], [wrong, undefined]);
    assert.equal(await client.event({ id: 'x:unknown' }), null);
  });

  it('gives each event as a document of its own', async () => {
    for (const document of sample) {
      for (const { eventID } of document.epcisBody.eventList) {
        const answer = await client.event({ id: eventID });
        assert.equal(checkDocument(answer?.event), undefined);
        assert.deepEqual(answer?.event['@context'], document['@context']);
      }
    }
  });

  it('counts', async () => {
    const { events, erroneous, steps } = await client.counts();
    assert.deepEqual([events, erroneous], [27, 1]);
    assert.equal(
      steps.reduce((sum, step) => sum + step.events, 0),
      26,
    );
    assert.deepEqual(
      steps.find(({ bizStep }) => bizStep === 'shipping'),
      { bizStep: 'shipping', events: 2 },
    );
  });

  it('lists the events of a business step, newest first', async () => {
    const { events, through } = await client.step({ bizStep: 'shipping' });
    assert.equal(events.length, 2);
    assert.equal(through, sample.length);
    for (const { bizStep } of events) assert.equal(bizStep, 'shipping');
    assert.ok(events[0]!.time > events[1]!.time);
    assert.deepEqual((await client.step({ bizStep: 'shipping', limit: 1 })).events, events.slice(0, 1));
    assert.deepEqual((await client.step({ bizStep: 'shipping', until: events[1]!.time })).events, events.slice(1));
    assert.deepEqual((await client.step({ bizStep: 'ship' })).events, []);
  });

  it('lists all events, page by page', async () => {
    const ids: string[] = [];
    const erroneous: string[] = [];
    for (let after: number | undefined; ;) {
      const page = await client.events(after === undefined ? { limit: 10 } : { limit: 10, after });
      ids.push(...page.events.map(({ event }) => event));
      erroneous.push(...page.events.filter((line) => line.erroneous).map(({ event }) => event));
      if (page.next === undefined) break;
      after = page.next;
    }
    const recorded = [
      harvest,
      load,
      shipped,
      received,
      press,
      tank,
      bottled,
      packed,
      wrong,
      [corrected![1]!],
      drive,
      arrived,
      unpacked,
      sold,
    ];
    assert.deepEqual(ids, recorded.flat());
    assert.deepEqual(erroneous, wrong);
  });
});
