/**
 * Real quotes with their collateral: every byte counts. What is free is how lines end in the PEM inside of a quote, and
 * whether a zero ends it: nothing signs that, and nothing reads it.
 *
 * Of long messages one byte in eleven is changed, and with `COPPICE_EVERY_BYTE=1` every one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeX509Cryptography } from '../../../cryptography/src/index.ts';
import { assembleIntel, decodePem, type EvidenceBundle, verifyBundle } from '../../src/index.ts';
import { decodeQuote } from '../../src/sgx/quote.ts';
import { decodeEnclaveIdentity, decodeTcbInfo } from '../../src/sgx/tcb.ts';
import { cryptography } from '../fixtures.ts';
import { casesOf, filesOf, skip } from '../vectors.ts';

type Collateral = Readonly<Record<string, string>>;

const genuine = [...casesOf('sgx'), ...casesOf('tdx')]
  .filter((one) => one.expect === 'verified')
  .map((one) => {
    const [quote, file] = filesOf(one);
    const collateral = JSON.parse(Buffer.from(file!.bytes).toString()) as Collateral;
    const pem = decodePem(collateral['tcb_info_issuer_chain']!);
    const signed = (name: string, field: string): Buffer =>
      Buffer.from(`{"${name}":${collateral[field]},"signature":"${collateral[`${field}_signature`]}"}`);
    const bundle = assembleIntel(quote.bytes, {
      tcbInfos: [signed('tcbInfo', 'tcb_info')],
      enclaveIdentities: [signed('enclaveIdentity', 'qe_identity')],
      certificates: pem.ok ? pem.value.map(({ bytes }) => bytes) : [],
      lists: ['root_ca_crl', 'pck_crl'].map((field) => Buffer.from(collateral[field]!, 'hex')),
    })[0]!;
    return { id: one.id, bundle, now: Date.parse(one.verificationTime) };
  });

const verified = (bundle: EvidenceBundle, now: number): boolean =>
  verifyBundle(bundle, { cryptography, x509: nodeX509Cryptography, now }).ok;

/** The bundle with message `i` (0 is the evidence) replaced. */
function replaced({ evidence, endorsements, platform }: EvidenceBundle, i: number, bytes: Uint8Array): EvidenceBundle {
  const messages = [evidence, ...endorsements].map((message, k) => (k === i ? { ...message, bytes } : message));
  return { platform, evidence: messages[0]!, endorsements: messages.slice(1) };
}

function flipped(bytes: Uint8Array, i: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[i] = changed[i]! ^ (1 << (i % 8));
  return changed;
}

const step = process.env['COPPICE_EVERY_BYTE'] === '1' ? 1 : 11;

/** The places to change: the beginning and the end, where lengths and signatures are, and some in between. */
function placesIn({ length }: Uint8Array): number[] {
  return Array.from({ length }, (_, k) => k).filter((k) => k < 60 || k >= length - 60 || k % step === 0);
}

test('no byte of a quote can change', { skip }, () => {
  for (const { id, bundle, now } of genuine) {
    assert.ok(verified(bundle, now), id);
    const { bytes } = bundle.evidence;
    for (const k of placesIn(bytes))
      assert.ok(!verified(replaced(bundle, 0, flipped(bytes, k)), now), `${id}: byte ${k} of ${bytes.length}`);
  }
});

test('no byte of a piece of collateral can change', { skip }, () => {
  for (const { id, bundle, now } of genuine) {
    for (const [i, { bytes }] of bundle.endorsements.entries()) {
      for (const k of placesIn(bytes))
        assert.ok(!verified(replaced(bundle, i + 1, flipped(bytes, k)), now), `${id}: byte ${k} of endorsement ${i}`);
      assert.ok(!verified(replaced(bundle, i + 1, bytes.subarray(0, -1)), now));
      assert.ok(!verified(replaced(bundle, i + 1, Buffer.concat([bytes, Buffer.of(0)])), now));
    }
  }
});

test('zeros may follow a quote, as interfaces of a fixed size leave them, and nothing else', { skip }, () => {
  for (const { bundle, now } of genuine) {
    const { bytes } = bundle.evidence;
    assert.ok(verified(replaced(bundle, 0, Buffer.concat([bytes, Buffer.alloc(3065)])), now));
    assert.ok(!verified(replaced(bundle, 0, Buffer.concat([bytes, Buffer.of(0, 1)])), now));
    assert.ok(!verified(replaced(bundle, 0, Buffer.concat([bytes, Buffer.alloc(17_000)])), now));
  }
});

test('collateral of one processor does not hold for another', { skip }, () => {
  for (const one of genuine) {
    for (const other of genuine.filter(({ id }) => id !== one.id))
      assert.ok(!verified({ ...one.bundle, endorsements: other.bundle.endorsements }, one.now));
  }
});

test('no input makes a decoder throw', () => {
  const header = Buffer.alloc(436);
  header.writeUInt16LE(3, 0);
  header.writeUInt16LE(2, 2);
  header.set(Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex'), 12);
  const seeds = [header, ...genuine.map(({ bundle }) => bundle.evidence.bytes)];
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8))
    .map(([seed, at, insert, drop]) => {
      const start = at % seed.length;
      return Buffer.concat([seed.subarray(0, start), insert, seed.subarray(start + drop)]);
    });
  const numRuns = Number(process.env['COPPICE_FUZZ_RUNS'] ?? 1000);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      assert.equal(typeof decodeQuote(bytes).ok, 'boolean');
    }),
    { numRuns },
  );
  const levels = fc.record({ tcb: fc.jsonValue(), tcbStatus: fc.constant('UpToDate'), advisoryIDs: fc.jsonValue() });
  const document = fc.record({ version: fc.constantFrom(2, 3), id: fc.string(), tcbLevels: fc.array(levels) });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        document.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        assert.equal(decodeTcbInfo(text).ok, false);
        assert.equal(decodeEnclaveIdentity(text).ok, false);
      },
    ),
    { numRuns },
  );
});
