import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkDocument } from '../src/epcis/document.ts';
import { parseTime } from '../src/epcis/time.ts';
import { feed, type FeedOptions, type Json } from '../src/feed.ts';
import { sample } from '../src/sample.ts';
import { open } from './ledger.ts';
import { documents, vectorsAbsent } from './vectors.ts';

function take(count: number, options?: FeedOptions, story: readonly Json[] = sample): Json[] {
  const documents: Json[] = [];
  for (const document of feed(story, options)) if (documents.push(document) === count) break;
  return documents;
}

function eventIds(documents: readonly Json[]): string[] {
  return (documents as unknown as (typeof sample)[number][]).flatMap(({ epcisBody }) =>
    epcisBody.eventList.filter((event) => !('errorDeclaration' in event)).map(({ eventID }) => eventID),
  );
}

describe('feed', () => {
  it('gives the same documents for the same seed, and others for another', () => {
    assert.deepEqual(take(40, { seed: 7 }), take(40, { seed: 7 }));
    const [ours, theirs] = [eventIds(take(200, { seed: 7 })), new Set(eventIds(take(200, { seed: 8 })))];
    assert.deepEqual(
      ours.filter((id) => theirs.has(id)),
      [],
    );
  });

  it('keeps the documents of one telling apart', () => {
    const last = new Map<string, number>();
    take(2000, { tellings: 20 }).forEach((document, i) => {
      const [, telling] = /-1\.(\w+)$/.exec((document as { instanceIdentifier: string }).instanceIdentifier)!;
      assert.ok(i - (last.get(telling!) ?? -20) >= 10);
      last.set(telling!, i);
    });
    assert.ok(last.size > 100);
  });

  it('gives documents that are valid and new, without end', async () => {
    const documents = take(600, { tellings: 16 });
    const ids = eventIds(documents);
    assert.equal(new Set(ids).size, ids.length);
    const client = open();
    for (const document of documents) {
      assert.equal(checkDocument(document), undefined);
      await client.record({ document: document as never });
    }
    assert.equal((await client.counts()).events, ids.length);
  });

  it('tells any documents, also those that use an id twice', { skip: vectorsAbsent }, async () => {
    const story = documents().map(({ document }) => document);
    const client = open();
    for (const document of take(story.length * 4, { tellings: 3 }, story))
      await client.record({ document: document as never });
  });

  it('tells each story of goods of its own, at a later time, in its zone', async () => {
    const client = open();
    for (const document of take(sample.length * 3, { tellings: 1, spacingMs: 60_000 })) {
      await client.record({ document: document as never });
    }
    const spans = [];
    for (const suffix of ['-1.0', '-1.1', '-1.2']) {
      const { events } = await client.trace({ epc: `urn:epc:id:sgtin:9521002.001500.1002${suffix}` });
      assert.equal(events.length, 12);
      const made = await client.ingredients({ epc: `urn:epc:id:sgtin:9521002.001500.1004${suffix}` });
      assert.deepEqual(
        made.relatives.map(({ epc }) => epc.slice(-suffix.length)),
        [suffix, suffix, suffix, suffix],
      );
      spans.push(parseTime(events[0]!.time)!);
    }
    const first = parseTime('2026-11-09T11:00:00+01:00')!;
    spans.forEach((start, i) => assert.ok(start >= first + i * 60_000 && start < first + (i + 1) * 60_000));
    const answer = await client.events({ limit: 1 });
    const recorded = await client.event({ id: answer.events[0]!.event });
    assert.match(recorded!.event.eventTime, /\+01:00$/);
    assert.deepEqual(recorded!.event.readPoint, { id: 'urn:epc:id:sgln:9521001.00001.0' });
  });

  it('leaves classes without a lot as they are, and keeps the digits of logistic units', () => {
    const story = [
      {
        epcList: ['urn:epc:id:sscc:9521002.0000000101'],
        quantityList: ['urn:epc:idpat:sgtin:9521002.001500.*', 'https://id.gs1.org/01/09521002015007'].map(
          (epcClass) => ({ epcClass }),
        ),
      },
    ];
    const [told] = take(1, {}, story);
    assert.deepEqual(told, {
      epcList: ['urn:epc:id:sscc:9521002.0010000000'],
      quantityList: [
        { epcClass: 'urn:epc:idpat:sgtin:9521002.001500.*' },
        { epcClass: 'https://id.gs1.org/01/09521002015007' },
      ],
    });
  });
});
