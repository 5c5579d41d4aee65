/**
 * On every platform: an instance is accepted for the launch that was asked for, and evidence with the right report data
 * and the launch data of anything else is not; nor the other way round.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { nodeX509Cryptography as x509 } from '../../cryptography/src/index.ts';
import {
  appraise,
  assembleSnp,
  type EvidenceBundle,
  initDataType,
  launchDigest,
  reportData,
  verifyBundle,
  type VerifiedEvidence,
} from '../src/index.ts';
import { bundleOf as azureBundleOf, domainBundleOf } from './azure/machines.ts';
import { issue, now, pinOf } from './certificates.ts';
import { bytesOf, claims, cryptography, launch } from './fixtures.ts';
import { bundleOf as intelBundleOf, root as intelRoot } from './intel.ts';
import { bundleOf as nitroBundleOf, registers, root as nitroRoot, sha384 } from './nitro/documents.ts';
import { ark, ask, report, vcek } from './sev-snp/reports.ts';
import { bundleOf as tpmBundleOf, extended, registersOf } from './tpm/quotes.ts';

const anchors = [
  { platform: 'sev-snp', spki: pinOf(ark) },
  { platform: 'tdx', spki: pinOf(intelRoot) },
  { platform: 'sgx', spki: pinOf(intelRoot) },
  { platform: 'nitro', spki: pinOf(nitroRoot) },
];

const quoted = (launched: Uint8Array) =>
  new Map([...registersOf('sha256'), [8, extended('sha256', launched)] as const]);

function snp(launched: Uint8Array, reported: Uint8Array): EvidenceBundle {
  const signed = report(vcek, (bytes) => {
    bytes.fill(0, 0x50, 0x90);
    bytes.set(reported, 0x50);
    bytes.set(launched, 0xc0);
  });
  return assembleSnp(
    signed,
    [vcek, ask, ark].map(({ certificate }) => certificate),
    [],
  )[0]!;
}

/** What each platform shows of an instance that was launched with one digest and reports another. */
const platforms: Readonly<Record<string, (launched: Uint8Array, reported: Uint8Array) => EvidenceBundle>> = {
  'sev-snp': snp,
  'sev-snp, in a confidential container': (launched, reported) => {
    const document = Buffer.from(`coppice-launch = "${Buffer.from(launched).toString('hex')}"\n`);
    const bundle = snp(createHash('sha256').update(document).digest(), reported);
    return { ...bundle, endorsements: [...bundle.endorsements, { mediaType: initDataType, bytes: document }] };
  },
  tdx: (launched, reported) =>
    intelBundleOf('TDX', {
      body: (body) => {
        body.set(launched, 184);
        body.set(reported, 520);
      },
    }),
  sgx: (launched, reported) =>
    intelBundleOf('SGX', {
      body: (body) => {
        body.set(launched, 192);
        body.set(reported, 320);
      },
    }),
  nitro: (launched, reported) => {
    const signer = issue({ commonName: Buffer.from(launched).toString('hex'), authority: false });
    const certified = sha384(Buffer.alloc(48), sha384(signer.certificate));
    const over = { signers: [signer], registers: new Map([...registers, [8, certified] as const]) };
    return nitroBundleOf({ ...over, payload: { user_data: reported } });
  },
  'azure-snp': (launched, reported) =>
    azureBundleOf({ quote: { launch: launched, report: reported, registers: quoted(launched) } }),
  'azure-tdx': (launched, reported) =>
    domainBundleOf({ quote: { launch: launched, report: reported, registers: quoted(launched) } }),
  tpm2: (launched, reported) => tpmBundleOf({ launch: launched, report: reported, registers: quoted(launched) }),
};

function verified(bundle: EvidenceBundle): VerifiedEvidence {
  const result = verifyBundle(bundle, { cryptography, x509, now, anchors });
  assert.ok(result.ok, JSON.stringify(result));
  return result.evidence;
}

/** The claims that fail under a policy that accepts the evidence but for what was launched and reported. */
function failed(evidence: VerifiedEvidence): readonly string[] {
  const { platform, generation, measurement, tcb } = evidence;
  const policy = {
    development: true,
    platforms: [
      {
        name: platform,
        generations: [{ name: generation, minimumTcb: [] }],
        statuses: [tcb.status],
        advisories: [],
        deniedGenerations: [],
        collateralAgeMsMax: 0,
      },
    ],
    releases: [
      {
        digest: launch.release,
        variants: [{ id: launch.variant, referenceValues: [{ platform, measurements: [measurement] }] }],
      },
    ],
  };
  const context = { cryptography, policy, launch, claims, newestIssue: () => undefined, now };
  return appraise(evidence, context)
    .claims.filter(({ verdict }) => verdict !== 'affirming')
    .map(({ claim }) => claim);
}

const launched = launchDigest(cryptography, launch);
const reported = reportData(cryptography, claims, launched);
const elsewhere = {
  'another slot': { slot: launch.slot + 1 },
  'another turn': { turn: launch.turn + 1 },
  'another service': { service: bytesOf('another') },
  'an earlier challenge': { challenge: bytesOf('earlier') },
  'another release': { release: bytesOf('another') },
  'another variant': { variant: 'another' },
};

for (const [name, bundleOf] of Object.entries(platforms)) {
  test(`${name}: evidence is of one launch`, () => {
    assert.deepEqual(failed(verified(bundleOf(launched, reported))), []);
    for (const [what, change] of Object.entries(elsewhere)) {
      const other = launchDigest(cryptography, { ...launch, ...change });
      assert.deepEqual(failed(verified(bundleOf(other, reported))), ['launch-data'], what);
      const covering = reportData(cryptography, claims, other);
      assert.deepEqual(failed(verified(bundleOf(launched, covering))), ['report-data'], what);
    }
    const keys = { ...claims, keys: [{ ...claims.keys[0]!, signingKey: bytesOf("somebody else's") }] };
    assert.deepEqual(failed(verified(bundleOf(launched, reportData(cryptography, keys, launched)))), ['report-data']);
  });
}
