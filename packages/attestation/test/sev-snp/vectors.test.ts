/**
 * Real reports: every byte of them and of their certificates counts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeX509Cryptography } from '../../../cryptography/src/index.ts';
import {
  assembleSnp,
  decodeCertificate,
  decodeCertificateTable,
  decodePem,
  decodeRevocationList,
  type EvidenceBundle,
  verifyBundle,
} from '../../src/index.ts';
import { cryptography } from '../fixtures.ts';
import { casesOf, filesOf, skip } from '../vectors.ts';

const genuine = casesOf('sev-snp')
  .filter((one) => one.expect === 'verified')
  .map((one) => {
    const [report, ...others] = filesOf(one).map(({ bytes }) => bytes);
    const certificates = others.flatMap((bytes) => {
      const pem = decodePem(Buffer.from(bytes).toString('latin1'));
      return pem.ok ? pem.value.map((block) => block.bytes) : [bytes];
    });
    const bundle = assembleSnp(report!, certificates, [])[0]!;
    return { id: one.id, bundle, now: Date.parse(one.verificationTime) };
  });

const verified = (bundle: EvidenceBundle, now: number): boolean =>
  verifyBundle(bundle, { cryptography, x509: nodeX509Cryptography, now }).ok;

/** The bundle with message `i` (0 is the evidence) replaced. */
function replaced({ evidence, endorsements, platform }: EvidenceBundle, i: number, bytes: Uint8Array): EvidenceBundle {
  const messages = [evidence, ...endorsements].map((message, k) => (k === i ? { ...message, bytes } : message));
  return { platform, evidence: messages[0]!, endorsements: messages.slice(1) };
}

function flipped(bytes: Uint8Array, i: number, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[i] = changed[i]! ^ (1 << bit);
  return changed;
}

test('no byte of a report or a certificate can change', { skip }, () => {
  for (const { id, bundle, now } of genuine.filter((one) => /turin|vlek/.test(one.id))) {
    assert.ok(verified(bundle, now), id);
    // Of all certificates in one case; of the report and the leaf in the other.
    const messages = [bundle.evidence, ...bundle.endorsements].slice(0, id.includes('turin') ? 4 : 2);
    for (const [i, { bytes }] of messages.entries()) {
      for (let k = 0; k < bytes.length; k++)
        assert.ok(!verified(replaced(bundle, i, flipped(bytes, k, k % 8)), now), `${id}: byte ${k} of message ${i}`);
    }
  }
});

test('lengths count: nothing is cut off or appended', { skip }, () => {
  for (const { bundle, now } of genuine) {
    for (const [i, { bytes }] of [bundle.evidence, ...bundle.endorsements].entries()) {
      assert.ok(!verified(replaced(bundle, i, bytes.subarray(0, -1)), now));
      assert.ok(!verified(replaced(bundle, i, Buffer.concat([bytes, Buffer.of(0)])), now));
    }
  }
});

test('evidence of one chip does not hold with the certificates of another', { skip }, () => {
  for (const one of genuine) {
    for (const other of genuine.filter(({ id }) => id !== one.id))
      assert.ok(!verified({ ...one.bundle, endorsements: other.bundle.endorsements }, one.now));
  }
});

test('no input makes a decoder throw', () => {
  const table = Buffer.from(`c0b406a4a803495297433fb6014cd0ae30000000ffffffff${'00'.repeat(24)}`, 'hex');
  const seeds = [table, ...genuine.flatMap(({ bundle }) => bundle.endorsements.map(({ bytes }) => bytes))];
  const decoders = [decodeCertificate, decodeRevocationList, decodeCertificateTable];
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8))
    .map(([seed, at, insert, drop]) => {
      const start = at % seed.length;
      return Buffer.concat([seed.subarray(0, start), insert, seed.subarray(start + drop)]);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      for (const decode of decoders) assert.equal(typeof decode(bytes).ok, 'boolean');
    }),
    { numRuns: Number(process.env['COPPICE_FUZZ_RUNS'] ?? 1000) },
  );
});
