/**
 * Documents under a root of the tests' own, and real ones: every byte counts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeX509Cryptography as x509 } from '../../../cryptography/src/index.ts';
import { decodeForeignCbor } from '../../src/cbor.ts';
import { decodeSign1 } from '../../src/cose.ts';
import { nitroDocumentType, type Verification, verifyBundle } from '../../src/index.ts';
import { decodeDocument } from '../../src/nitro/document.ts';
import { day, issue, now, pinOf } from '../certificates.ts';
import { bytesOf, cryptography } from '../fixtures.ts';
import { casesOf, filesOf, skip } from '../vectors.ts';
import { bundleOf, launch, module_, type Over, region, registers, report, root, sha384, signer } from './documents.ts';

function verdict(over: Over = {}, at = now): Verification {
  const anchors = [{ platform: 'nitro', spki: pinOf(root) }];
  return verifyBundle(bundleOf(over), { cryptography, x509, now: at, anchors });
}

function refusal(over: Over, at = now): string {
  const result = verdict(over, at);
  assert.ok(!result.ok);
  return result.error;
}

test('a document shows image, launch and report', () => {
  const result = verdict();
  assert.ok(result.ok, JSON.stringify(result));
  const { evidence } = result;
  assert.equal(evidence.measurement.length, 3 * 48);
  assert.deepEqual(Buffer.from(evidence.launchDigest), launch);
  assert.deepEqual(Buffer.from(evidence.reportData), Buffer.from(report));
  assert.equal(evidence.debug, false);
  assert.ok(verdict({ prefix: Buffer.of(0xd2) }).ok, 'with the tag of COSE_Sign1');
});

test('an image that is signed for another launch, or for none, shows no other', () => {
  const other = issue({ commonName: Buffer.from(bytesOf('other')).toString('hex'), authority: false });
  assert.equal(refusal({ signers: [other] }), 'evidence-mismatch');
  assert.equal(refusal({ registers: new Map([...registers].slice(0, 3)) }), 'evidence-mismatch');
  assert.equal(refusal({ signers: [signer, signer] }), 'endorsement-surplus');
  const unsigned = verdict({ signers: [] });
  assert.equal(unsigned.ok && unsigned.evidence.launchDigest.length, 0);
  const unnamed = issue({ commonName: 'somebody', authority: false });
  const named = new Map([...registers, [8, sha384(Buffer.alloc(48), sha384(unnamed.certificate))] as const]);
  const nobody = verdict({ signers: [unnamed], registers: named });
  assert.equal(nobody.ok && nobody.evidence.launchDigest.length, 0);
});

test('an enclave without measurements is one whose console is open', () => {
  const zero = new Uint8Array(48);
  const result = verdict({ registers: new Map([...registers, [0, zero], [1, zero], [2, zero]] as never) });
  assert.equal(result.ok && result.evidence.debug, true);
});

test('roots, certificates and keys of others are refused', () => {
  const lookAlike = issue({ commonName: 'aws.nitro-enclaves' });
  const below = issue({ commonName: 'region' }, lookAlike);
  const leaf = issue({ commonName: 'module', authority: false }, below);
  assert.equal(refusal({ chain: [leaf, below, lookAlike] }), 'root-not-pinned');
  assert.equal(refusal({ chain: [leaf, below, root] }), 'endorsement-signature');
  assert.equal(refusal({ chain: [module_, root] }), 'endorsement-signature');
  assert.equal(refusal({ chain: [region, root], key: region }), 'endorsement-mismatch');
  assert.equal(refusal({ key: region }), 'evidence-signature');
  assert.equal(refusal({}, now + 2 * day), 'expired');
  assert.equal(refusal({}, now - 2 * day), 'not-yet-valid');
});

test('documents of another form are refused', () => {
  const changes: Over[] = [
    { header: new Map([[1, -7]]) },
    {
      header: new Map([
        [1, -35],
        [4, 0],
      ]),
    },
    { unprotected: { a: 1 } },
    { payload: { digest: 'SHA256' } },
    { payload: { timestamp: -1 } },
    { payload: { module_id: '' } },
    { payload: { cabundle: [] } },
    { payload: { surplus: 1 } },
    { payload: { nonce: 'text' } },
    { payload: { user_data: new Uint8Array(1025) } },
    { payload: { certificate: null } },
    { registers: new Map([...registers].slice(1)) },
    { registers: new Map([...registers, [32, new Uint8Array(48)] as const]) },
    { registers: new Map([...registers, [3, new Uint8Array(32)] as const]) },
    { prefix: Buffer.of(0xd1) },
  ];
  for (const change of changes) assert.equal(refusal(change), 'malformed', JSON.stringify(change));
});

test('CBOR has one form but for the order of keys', () => {
  const decode = (hex: string): boolean => decodeForeignCbor(Buffer.from(hex, 'hex')).ok;
  for (const good of ['a2026101016102', '1bffffffffffffffff', '3863', 'd28100', 'f6', '40'])
    assert.ok(decode(good), good);
  for (const bad of [
    '1800',
    '190017',
    '1a00000001',
    '5f40ff',
    '9f00ff',
    'bf6100ff',
    'a2616100616101',
    '61ff',
    'f97e00',
    'fb4000000000000000',
    'f7',
    'e0',
    '4000',
    '58',
    '9a00ffffff',
    '81'.repeat(40) + '00',
    'a1f600',
  ])
    assert.ok(!decode(bad), bad);
});

const genuine = casesOf('nitro').map((one) => ({
  id: one.id,
  now: Date.parse(one.verificationTime),
  bytes: filesOf(one)[0].bytes,
}));

const real = (bytes: Uint8Array, at: number): boolean => {
  const bundle = { platform: 'nitro', evidence: { mediaType: nitroDocumentType, bytes }, endorsements: [] };
  return verifyBundle(bundle, { cryptography, x509, now: at }).ok;
};

test('no byte of a real document can change, and no length', { skip }, () => {
  const step = process.env['COPPICE_EVERY_BYTE'] === '1' ? 1 : 151;
  for (const { id, now: at, bytes } of genuine) {
    assert.ok(real(bytes, at), id);
    for (let i = 0; i < bytes.length; i++) {
      if (i >= 60 && i < bytes.length - 60 && i % step !== 0) continue;
      const changed = Uint8Array.from(bytes);
      changed[i]! ^= 1 << (i % 8);
      assert.ok(!real(changed, at), `${id}: byte ${i}`);
    }
    assert.ok(!real(bytes.subarray(0, -1), at));
    assert.ok(!real(Buffer.concat([bytes, Buffer.of(0)]), at));
  }
});

test('no input makes a decoder throw', () => {
  const seeds = [bundleOf({}).evidence.bytes, ...genuine.map(({ bytes }) => bytes)];
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8))
    .map(([seed, at, insert, drop]) => {
      const start = at % seed.length;
      return Buffer.concat([seed.subarray(0, start), insert, seed.subarray(start + drop)]);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      for (const decode of [decodeForeignCbor, decodeSign1, decodeDocument])
        assert.equal(typeof decode(bytes).ok, 'boolean');
    }),
    { numRuns: Number(process.env['COPPICE_FUZZ_RUNS'] ?? 1000) },
  );
});
