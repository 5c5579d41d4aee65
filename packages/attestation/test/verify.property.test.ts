import { test } from 'node:test';
import fc from 'fast-check';
import { type CborValue, encodeCbor } from '@coppice/wire';
import { appraise, decodeBundle, encodeBundle, verifyEvidence } from '../src/index.ts';
import { claims, cryptography, evidenceOf, launch, now, policy } from './fixtures.ts';

/** Whether the bytes are accepted as evidence of the launch: must never throw. */
function accepted(bytes: Uint8Array): boolean {
  const verification = verifyEvidence(bytes, { cryptography, now });
  return (
    verification.ok &&
    appraise(verification.evidence, { cryptography, policy, launch, claims, now, newestIssue: () => undefined })
      .accepted
  );
}

const genuine = evidenceOf();

test('random bytes are refused, never thrown at', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !accepted(bytes)));
});

test('random documents are refused, never thrown at', () => {
  const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.string(), fc.uint8Array());
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(leaf, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('value'))),
  }));
  const shaped = fc.record({ __cmwc_t: fc.constant('urn:coppice:evidence:simulated'), evidence: value });
  fc.assert(fc.property(fc.oneof(value, shaped), (document) => !accepted(encodeCbor(document))));
});

test('splices and overwrites of genuine evidence are refused, never thrown at', () => {
  const place = fc.nat(genuine.length);
  fc.assert(
    fc.property(place, place, fc.uint8Array({ maxLength: 40 }), (from, to, inserted) => {
      const changed = Buffer.concat([genuine.subarray(0, from), inserted, genuine.subarray(to)]);
      return changed.equals(genuine) || !accepted(changed);
    }),
  );
});

test('random messages in a genuine bundle are refused, never thrown at', () => {
  const decoded = decodeBundle(genuine);
  if (!decoded.ok) throw new Error(decoded.reason);
  const bundle = decoded.value;
  const { mediaType } = bundle.endorsements[0]!;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, asEvidence) => {
      const endorsements = asEvidence ? bundle.endorsements : [{ mediaType, bytes }];
      const evidence = asEvidence ? { ...bundle.evidence, bytes } : bundle.evidence;
      return !accepted(encodeBundle({ ...bundle, evidence, endorsements }));
    }),
  );
});
