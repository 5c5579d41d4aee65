/**
 * Real cryptography, one launch, and evidence of it.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { type Cryptography, type InstanceClaims, type Signer, ofAllVersions } from '@coppice/wire';
import { type AppraisalPolicy, type LaunchData, launchDigest, reportData, type SimulatedDevice } from '../src/index.ts';
import { simulatedEvidence } from '../src/index.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The identity point and the point of order two: keys for which anybody can sign. */
export const smallOrderKeys = [
  Uint8Array.of(1, ...new Uint8Array(31)),
  Uint8Array.of(0xec, ...Array(30).fill(0xff), 0x7f),
];

export const cryptography: Cryptography = ofAllVersions(
  {
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    },
    validPublicKey: (publicKey) => !smallOrderKeys.some((key) => Buffer.compare(key, publicKey) === 0),
  },
  (bytes) => createHash('sha3-256').update(bytes).digest(),
);

export const bytesOf = (text: string): Uint8Array => cryptography.hash(Buffer.from(text));

export function signerOf(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { publicKey: Uint8Array.from(spki.subarray(12)), sign: (message) => sign(null, message, key) };
}

export const now = 1_800_000_000_000;

export const launch: LaunchData = {
  service: bytesOf('service'),
  slot: 2,
  turn: 7,
  challenge: bytesOf('challenge'),
  release: bytesOf('release'),
  variant: 'v8-a',
};

export const claims: InstanceClaims = {
  service: launch.service,
  turn: launch.turn,
  slot: launch.slot,
  instance: signerOf(bytesOf('instance')).publicKey,
  firstEpoch: 8,
  keys: [{ signingKey: bytesOf('signing key'), sealingKey: bytesOf('sealing key') }],
  release: launch.release,
  variant: launch.variant,
  address: '10.0.0.1:7000',
  clientAddress: 'https://replica.example',
};

export const device: SimulatedDevice = {
  chip: bytesOf('chip'),
  provider: 'north',
  validity: { from: now - 1000, until: now + 1000 },
};

export const policy: AppraisalPolicy = {
  development: true,
  platforms: [
    {
      name: 'simulated',
      generations: [
        { name: 'broken', minimumTcb: [] },
        { name: 'simulated', minimumTcb: [{ component: 'firmware', version: 1 }] },
      ],
      statuses: ['up-to-date'],
      advisories: [],
      deniedGenerations: ['broken'],
      collateralAgeMsMax: 0,
    },
  ],
  releases: [
    {
      digest: launch.release,
      variants: [
        { id: 'v8-a', referenceValues: [{ platform: 'simulated', measurements: [launch.release] }] },
        { id: 'v8-b', referenceValues: [{ platform: 'simulated', measurements: [bytesOf('another build')] }] },
        { id: 'tdx-only', referenceValues: [{ platform: 'tdx', measurements: [launch.release] }] },
      ],
    },
  ],
};

interface EvidenceOptions {
  launch?: LaunchData;
  claims?: InstanceClaims;
  device?: Partial<SimulatedDevice>;
  measurement?: Uint8Array;
  debug?: boolean;
}

/** An encoded bundle: of the launch and the claims above, but for what is given. */
export function evidenceOf(options: EvidenceOptions = {}): Uint8Array {
  const launched = launchDigest(cryptography, options.launch ?? launch);
  return simulatedEvidence(
    cryptography,
    signerOf,
    { ...device, ...options.device },
    {
      measurement: options.measurement ?? launch.release,
      launchDigest: launched,
      reportData: reportData(cryptography, options.claims ?? claims, launched),
      debug: options.debug ?? false,
    },
  );
}
