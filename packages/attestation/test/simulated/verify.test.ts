import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, sameBytes, statement } from '@coppice/wire';
import {
  decodeBundle,
  encodeBundle,
  type EvidenceBundle,
  type EvidenceFault,
  launchDigest,
  pinnedAnchors,
  verifyEvidence,
} from '../../src/index.ts';
import { deviceCodec, signedCodec, simulatedRootSeed, spkiDigest } from '../../src/simulated/format.ts';
import { bytesOf, cryptography, device, evidenceOf, launch, now, signerOf, smallOrderKeys } from '../fixtures.ts';

const context = { cryptography, now };

function faultOf(
  bundle: Uint8Array,
  over: { now?: number; anchors?: typeof pinnedAnchors } = {},
): EvidenceFault | undefined {
  const verification = verifyEvidence(bundle, { ...context, ...over });
  return verification.ok ? undefined : verification.error;
}

function bundleOf(bytes: Uint8Array): EvidenceBundle {
  const decoded = decodeBundle(bytes);
  assert.ok(decoded.ok);
  return decoded.value;
}

test('the pinned root is that of the published seed', () => {
  const spki = spkiDigest(cryptography, signerOf(simulatedRootSeed).publicKey);
  assert.ok(pinnedAnchors.some((anchor) => anchor.platform === 'simulated' && sameBytes(anchor.spki, spki)));
});

test('evidence shows what the device was told', () => {
  const verification = verifyEvidence(evidenceOf(), context);
  assert.ok(verification.ok);
  const { evidence } = verification;
  assert.equal(evidence.platform, 'simulated');
  assert.equal(evidence.provider, 'north');
  assert.ok(sameBytes(evidence.chip!, device.chip));
  assert.ok(sameBytes(evidence.measurement, launch.release));
  assert.ok(sameBytes(evidence.launchDigest, launchDigest(cryptography, launch)));
  assert.equal(evidence.debug, false);
  assert.deepEqual(evidence.validity, device.validity);
});

test('refuses every change of one bit', () => {
  const bundle = evidenceOf();
  assert.equal(faultOf(bundle), undefined);
  for (let i = 0; i < bundle.length; i++) {
    const changed = Uint8Array.from(bundle);
    changed[i]! ^= 1 << (i % 8);
    assert.notEqual(faultOf(changed), undefined, `bit ${i % 8} of byte ${i}`);
  }
});

test('refuses a truncated or extended bundle', () => {
  const bundle = evidenceOf();
  assert.equal(faultOf(bundle.subarray(0, -1)), 'malformed');
  assert.equal(faultOf(Buffer.concat([bundle, Buffer.of(0)])), 'malformed');
  assert.equal(faultOf(new Uint8Array(0)), 'malformed');
});

test('refuses a bundle that says it is of another platform', () => {
  assert.equal(faultOf(encodeBundle({ ...bundleOf(evidenceOf()), platform: 'sev-snp' })), 'unknown-platform');
});

test('refuses missing and surplus endorsements', () => {
  const bundle = bundleOf(evidenceOf());
  assert.equal(faultOf(encodeBundle({ ...bundle, endorsements: [] })), 'endorsement-missing');
  const twice = [...bundle.endorsements, ...bundle.endorsements];
  assert.equal(faultOf(encodeBundle({ ...bundle, endorsements: twice })), 'endorsement-surplus');
});

test('refuses parts of two devices', () => {
  const [mine, other] = [bundleOf(evidenceOf()), bundleOf(evidenceOf({ device: { chip: bytesOf('another chip') } }))];
  assert.equal(faultOf(encodeBundle({ ...mine, endorsements: other.endorsements })), 'evidence-signature');
});

test('refuses evidence in the place of an endorsement, and the other way round', () => {
  const bundle = bundleOf(evidenceOf());
  assert.equal(faultOf(encodeBundle({ ...bundle, endorsements: [bundle.evidence] })), 'malformed');
  assert.equal(faultOf(encodeBundle({ ...bundle, evidence: bundle.endorsements[0]! })), 'malformed');
});

test('refuses a root that is not pinned', () => {
  assert.equal(faultOf(evidenceOf(), { anchors: [] }), 'root-not-pinned');
  const elsewhere = pinnedAnchors.map(({ spki }) => ({ platform: 'sev-snp', spki }));
  assert.equal(faultOf(evidenceOf(), { anchors: elsewhere }), 'root-not-pinned');
});

test('refuses a device that only an unpinned root, or itself, signed', () => {
  const bundle = bundleOf(evidenceOf());
  const impostor = signerOf(bytesOf('impostor'));
  const endorse = (root: Uint8Array, key: Uint8Array): EvidenceBundle => {
    const payload = encode(deviceCodec, {
      root,
      device: key,
      chip: device.chip,
      provider: undefined,
      generation: 'simulated',
      firmware: 1,
      status: 'up-to-date',
      advisories: [],
      evaluation: 1,
      ...device.validity,
    });
    const signature = impostor.sign(statement('simulated-evidence', payload));
    const { mediaType } = bundle.endorsements[0]!;
    return { ...bundle, endorsements: [{ mediaType, bytes: encode(signedCodec, { payload, signature }) }] };
  };
  assert.equal(faultOf(encodeBundle(endorse(impostor.publicKey, impostor.publicKey))), 'root-not-pinned');
  const root = signerOf(simulatedRootSeed).publicKey;
  assert.equal(faultOf(encodeBundle(endorse(root, impostor.publicKey))), 'endorsement-signature');
});

test('refuses a device key on which implementations of Ed25519 disagree, although the root signed it', () => {
  const bundle = bundleOf(evidenceOf());
  const root = signerOf(simulatedRootSeed);
  const payload = encode(deviceCodec, {
    root: root.publicKey,
    device: smallOrderKeys[0]!,
    chip: device.chip,
    provider: undefined,
    generation: 'simulated',
    firmware: 1,
    status: 'up-to-date',
    advisories: [],
    evaluation: 1,
    ...device.validity,
  });
  const signature = root.sign(statement('simulated-evidence', payload));
  const { mediaType } = bundle.endorsements[0]!;
  const endorsements = [{ mediaType, bytes: encode(signedCodec, { payload, signature }) }];
  assert.equal(faultOf(encodeBundle({ ...bundle, endorsements })), 'malformed');
});

test('is valid from the first to the last millisecond, at the time it is told', () => {
  const { from, until } = device.validity;
  assert.equal(faultOf(evidenceOf(), { now: from }), undefined);
  assert.equal(faultOf(evidenceOf(), { now: until }), undefined);
  assert.equal(faultOf(evidenceOf(), { now: from - 1 }), 'not-yet-valid');
  assert.equal(faultOf(evidenceOf(), { now: until + 1 }), 'expired');
  for (const none of [NaN, -1, 0.5, Infinity, undefined as unknown as number]) {
    assert.equal(faultOf(evidenceOf(), { now: none }), 'bad-time');
  }
});
