import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathText } from '../src/epcis/check.ts';
import { bounds, checkDocument } from '../src/epcis/document.ts';
import { sample } from '../src/sample.ts';

const event = {
  '@context': 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld',
  type: 'ObjectEvent',
  action: 'OBSERVE',
  eventTime: '2026-11-24T09:30:00Z',
  eventTimeZoneOffset: '+01:00',
  epcList: ['x:1'],
};

const document = {
  '@context': event['@context'],
  type: 'EPCISDocument',
  schemaVersion: '2.0',
  creationDate: '2026-11-24T09:30:00Z',
  epcisBody: { eventList: [event] },
};

/** What is wrong, as a client reads it. */
function fault(value: unknown): string | undefined {
  const found = checkDocument(value);
  return found && `${pathText(found.path)}: ${found.message}`;
}

describe('checkDocument', () => {
  it('accepts the sample', () => {
    for (const part of sample) assert.equal(fault(part), undefined);
  });

  it('names the place of a fault', () => {
    const of = (edit: object): string | undefined =>
      fault({ ...document, epcisBody: { eventList: [event, { ...event, ...edit }] } });
    const place = 'epcisBody.eventList[1]';
    assert.equal(of({ action: 'SEE' }), `${place}.action: must be one of OBSERVE, ADD, DELETE`);
    assert.equal(of({ action: undefined }), `${place}.action: is required`);
    assert.equal(of({ epcList: ['x:1', 'x:2', 'x:1'] }), `${place}.epcList[2]: must not repeat an earlier item`);
    assert.equal(of({ epcList: ['x:1', 'no uri'] }), `${place}.epcList[1]: must be a URI`);
    assert.equal(of({ quantity: 1 }), `${place}.quantity: is not a field here, and has no prefix`);
    assert.equal(
      of({ quantityList: [{ epcClass: 'x:c', price: 1 }] }),
      `${place}.quantityList[0].price: is not a field here`,
    );
    assert.equal(
      of({ epcList: undefined }),
      `${place}: must have epcList, quantityList, or sensorElementList with readPoint`,
    );
    assert.equal(of({ ilmd: {} }), `${place}.ilmd: is allowed only where action is ADD`);
    assert.equal(fault({ ...document, type: undefined }), 'type: is required');
    assert.equal(fault({ ...event, '@context': undefined }), '@context: is required');
  });

  it('refuses what is no JSON', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.equal(
        fault({ ...event, quantityList: [{ epcClass: 'x:c', quantity: value }] }),
        'quantityList[0].quantity: must be a number',
      );
    }
    assert.match(fault({ ...event, 'x:bytes': new Uint8Array(3) })!, /must be JSON/);
  });

  it('bounds size and depth', () => {
    const padding = (count: number): object => ({ ...event, 'x:padding': 'p'.repeat(count) });
    const room = bounds.characters - JSON.stringify(padding(0)).length;
    assert.equal(fault(padding(room - 100)), undefined);
    assert.match(fault(padding(room + 100))!, /at most 262144 characters/);
    assert.match(fault({ ...event, 'x:many': Array.from({ length: 140_000 }, () => 1) })!, /at most 262144 characters/);

    const nested = (levels: number): unknown => (levels === 0 ? 1 : { 'x:y': nested(levels - 1) });
    assert.equal(fault({ ...event, 'x:nested': nested(bounds.depth - 1) }), undefined);
    assert.match(fault({ ...event, 'x:nested': nested(bounds.depth) })!, /32 levels/);
    assert.match(fault({ ...event, 'x:nested': nested(5000) })!, /32 levels/);
  });

  it('takes time linear in the document', () => {
    // With a quadratic check, this test would not end within a minute.
    const long = 250_000;
    for (const value of [
      'x:' + 'a%41'.repeat(long / 4),
      'x:' + 'a'.repeat(long) + ' ',
      'x://' + '@'.repeat(long) + '[',
      '2'.repeat(long),
    ]) {
      fault({ ...event, eventID: value });
      fault({ ...event, eventTime: value });
      fault({ ...document, schemaVersion: `${'1.'.repeat(long / 2)}x` });
    }
    const contexts = Array.from({ length: 10_000 }, (_, i) => ({ x: `${i}` }));
    assert.equal(fault({ ...event, '@context': contexts }), undefined);
    const epcs = Array.from({ length: 20_000 }, (_, i) => `x:${i}`);
    assert.equal(fault({ ...event, epcList: epcs }), undefined);
  });
});
