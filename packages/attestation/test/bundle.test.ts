import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CborValue, encodeCbor, limits } from '@coppice/wire';
import { decodeBundle, encodeBundle, endorsementsMax, type EvidenceBundle } from '../src/index.ts';

const message = (text: string) => ({ mediaType: `application/${text}`, bytes: Buffer.from(text) });
const bundle: EvidenceBundle = {
  platform: 'simulated',
  evidence: message('report'),
  endorsements: [message('root'), message('chip')],
};

function reasonOf(value: CborValue): string | undefined {
  const decoded = decodeBundle(encodeCbor(value));
  return decoded.ok ? undefined : decoded.reason;
}

test('a bundle comes back as it was, with and without endorsements', () => {
  for (const endorsements of [bundle.endorsements, [], Array(endorsementsMax).fill(message('certificate'))]) {
    const decoded = decodeBundle(encodeBundle({ ...bundle, endorsements }));
    assert.ok(decoded.ok);
    assert.equal(decoded.value.platform, 'simulated');
    assert.deepEqual({ ...decoded.value.evidence, bytes: Buffer.from(decoded.value.evidence.bytes) }, bundle.evidence);
    assert.deepEqual(
      decoded.value.endorsements.map((one) => ({ ...one, bytes: Buffer.from(one.bytes) })),
      endorsements,
    );
  }
});

test('a bundle has the shape of a conceptual message collection', () => {
  const bytes = encodeBundle({ ...bundle, endorsements: [message('root')] });
  const expected = new Map<number | string, CborValue>([
    ['__cmwc_t', 'urn:coppice:evidence:simulated'],
    ['evidence', ['application/report', Buffer.from('report'), 4]],
    [0, ['application/root', Buffer.from('root'), 2]],
  ]);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(encodeCbor(expected)));
});

test('refuses what is not exactly a bundle', () => {
  const type = 'urn:coppice:evidence:simulated';
  const evidence = ['application/report', Buffer.from('report'), 4];
  const map = (...entries: [number | string, CborValue][]) => new Map<number | string, CborValue>(entries);
  assert.equal(reasonOf({ __cmwc_t: type, evidence }), undefined);
  assert.equal(reasonOf([type, evidence]), 'not a collection');
  assert.equal(reasonOf(null), 'not a collection');
  assert.equal(reasonOf(Buffer.from('x')), 'not a collection');
  assert.equal(reasonOf({ evidence }), 'not a bundle of evidence');
  assert.equal(reasonOf({ __cmwc_t: 'tag:example.com,2026:other', evidence }), 'not a bundle of evidence');
  assert.equal(reasonOf({ __cmwc_t: type }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence: [...evidence, 0] }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence: ['application/report', Buffer.from(''), 2] }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence: ['application/report', 'text', 4] }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence: [30, Buffer.from(''), 4] }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence: ['x'.repeat(200), Buffer.from(''), 4] }), 'no evidence');
  assert.equal(reasonOf({ __cmwc_t: type, evidence, surplus: 1 }), 'unknown entry');
  const endorsement = ['application/root', Buffer.from(''), 2];
  assert.equal(reasonOf(map([1, endorsement], ['__cmwc_t', type], ['evidence', evidence])), 'unknown entry');
  assert.equal(reasonOf(map([0, evidence], ['__cmwc_t', type], ['evidence', evidence])), 'unknown entry');
  assert.equal(reasonOf(map([-1, endorsement], ['__cmwc_t', type], ['evidence', evidence])), 'unknown entry');
  const many = Array.from({ length: endorsementsMax + 1 }, (_, i): [number, CborValue] => [i, endorsement]);
  assert.equal(reasonOf(map(...many, ['__cmwc_t', type], ['evidence', evidence])), 'too many endorsements');
});

test('bounds hold for both directions', () => {
  const large = { mediaType: 'application/large', bytes: new Uint8Array(limits.evidenceBytes) };
  assert.throws(() => encodeBundle({ ...bundle, evidence: large }), RangeError);
  assert.throws(
    () => encodeBundle({ ...bundle, endorsements: Array(endorsementsMax + 1).fill(message('x')) }),
    RangeError,
  );
  assert.equal(decodeBundle(new Uint8Array(limits.evidenceBytes + 1)).ok, false);
});
