/**
 * Quotes by keys of the tests' own: kinds of keys that no real evidence here has, and forgeries.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import {
  appraise,
  attestationKeySpki,
  encodeBundle,
  launchDigest,
  reportData,
  type Verification,
  verifyBundle,
  verifyEvidence,
} from '../../src/index.ts';
import { type Authority, day, issue, now, pinOf, revocationList } from '../certificates.ts';
import { nodeX509Cryptography as x509 } from '../../../cryptography/src/index.ts';
import { claims, cryptography, launch as asked } from '../fixtures.ts';
import { bundleOf, eventLog, extended, keyOf, launch, type Options, registersOf, report, swtpmKey } from './quotes.ts';

const root = issue({ commonName: 'TPM root' });
const authority = issue({ commonName: 'TPM authority', serial: 300 }, root);
/** tcg-kp-AIKCertificate, tcg-kp-EKCertificate, and that of TLS servers. */
const usages = { key: '3009060767810505080803', server: '300a06082b06010505070301' };
const leaf = (usage: string, request = {}): Authority =>
  issue(
    {
      commonName: 'key 1',
      serial: 77,
      authority: false,
      curve: 'P-256',
      extensions: { '2.5.29.37': Buffer.from(usage, 'hex') },
      ...request,
    },
    authority,
  );
const certified = leaf('3007060567810508 03'.replace(' ', ''));
const keyOfAuthority = ({ privateKey, spki }: Authority) => ({ scheme: 'ecdsa', privateKey, spki }) as const;
const withChain: Options = { key: keyOfAuthority(certified), chain: [certified, authority, root] };

function verdict(options: Options = {}, at = now): Verification {
  const anchors = [{ platform: 'tpm2', spki: pinOf(root) }];
  return verifyBundle(bundleOf(options), { cryptography, x509, now: at, anchors });
}

function measurementOf(result: Verification): Uint8Array {
  assert.ok(result.ok);
  return result.evidence.measurement;
}

function refusal(options: Options, at = now): string {
  const result = verdict(options, at);
  assert.ok(!result.ok);
  return result.error;
}

test('a quote shows launch, report and registers, under keys of every kind', () => {
  const longest = keyOf('ecdsa', 'P-521');
  const keys = [keyOf('rsa-pkcs1'), keyOf('rsa-pss'), keyOf('ecdsa'), keyOf('ecdsa', 'P-384'), longest];
  for (const key of keys) {
    for (const bank of ['sha256', 'sha384'] as const) {
      for (const hash of ['sha256', 'sha384'] as const) {
        const result = verdict({ key, bank, hash });
        // The longest numbers with the shortest hash: not every runtime verifies them.
        if (key === longest && hash === 'sha256') {
          assert.equal(result.ok ? 'ok' : result.error, 'evidence-signature');
          continue;
        }
        assert.ok(result.ok, `${key.scheme} ${bank} ${hash}: ${JSON.stringify(result)}`);
        const { evidence } = result;
        assert.deepEqual(Buffer.from(evidence.launchDigest), launch);
        assert.deepEqual(Buffer.from(evidence.reportData), report);
        assert.equal(evidence.generation, 'unendorsed');
        const registers = registersOf(bank);
        const measured = Buffer.concat([
          Buffer.of(0, bank === 'sha256' ? 0x0b : 0x0c, 1 << 4, 1 << 3, 0),
          registers.get(4)!,
          registers.get(11)!,
        ]);
        assert.deepEqual(Buffer.from(evidence.measurement), measured);
      }
    }
  }
  assert.ok(verdict({ key: keys[1]!, saltLength: 20 }).ok);
});

test('an instance of this launch is accepted, and of no other; never where the constitution is not for development', () => {
  const launched = launchDigest(cryptography, asked);
  const reported = reportData(cryptography, claims, launched);
  const measurement = measurementOf(verdict());
  const policy = {
    development: true,
    platforms: [
      {
        name: 'tpm2',
        generations: [{ name: 'unendorsed', minimumTcb: [] }],
        statuses: ['unrated'],
        advisories: [],
        deniedGenerations: [],
        collateralAgeMsMax: 0,
      },
    ],
    releases: [
      {
        digest: asked.release,
        variants: [{ id: asked.variant, referenceValues: [{ platform: 'tpm2', measurements: [measurement] }] }],
      },
    ],
  };
  const failed = (launchedFor: Uint8Array, reportedOf: Uint8Array, over = {}): string[] => {
    const registers = new Map([...registersOf('sha256'), [8, extended('sha256', launchedFor)] as const]);
    const result = verdict({ registers, launch: launchedFor, report: reportedOf });
    assert.ok(result.ok, JSON.stringify(result));
    const context = {
      cryptography,
      policy: { ...policy, ...over },
      launch: asked,
      claims,
      newestIssue: () => undefined,
      now,
    };
    const { claims: judged } = appraise(result.evidence, context);
    return judged.filter((one) => one.verdict !== 'affirming').map(({ claim }) => claim);
  };
  assert.deepEqual(failed(launched, reported), []);
  assert.deepEqual(failed(launched, reported, { development: false }), ['development']);
  for (const other of [{ slot: 3 }, { turn: 8 }, { service: launched }, { challenge: launched }]) {
    const elsewhere = launchDigest(cryptography, { ...asked, ...other });
    assert.deepEqual(failed(elsewhere, reported), ['launch-data']);
    assert.deepEqual(failed(launched, reportData(cryptography, claims, elsewhere)), ['report-data']);
  }
});

test('a key with a certificate counts under a pinned root, and shows that root', () => {
  const result = verdict(withChain);
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.evidence.generation, 'TPM root');
  assert.deepEqual(result.evidence.validity, { from: now - day, until: now + day });
  assert.equal(refusal(withChain, now + 2 * day), 'expired');
  assert.equal(refusal(withChain, now - 2 * day), 'not-yet-valid');
  const lookAlike = issue({ commonName: 'TPM root' });
  const other = issue({ commonName: 'TPM authority' }, lookAlike);
  assert.equal(refusal({ ...withChain, chain: [certified, other, lookAlike] }), 'root-not-pinned');
  assert.equal(refusal({ ...withChain, chain: [certified, authority, lookAlike] }), 'root-not-pinned');
  assert.equal(refusal({ ...withChain, chain: [certified, root] }), 'endorsement-signature');
  assert.equal(refusal({ ...withChain, key: swtpmKey }), 'evidence-signature');
});

test('a certificate for another use is not one of an attestation key', () => {
  for (const [usage, request] of [
    [usages.server, {}],
    ['3007060567810508ff', {}],
  ] as const) {
    const other = leaf(usage, request);
    const options = { key: keyOfAuthority(other), chain: [other, authority, root] };
    assert.equal(refusal(options), 'endorsement-mismatch');
  }
  assert.equal(refusal({ key: { ...swtpmKey, spki: root.spki }, chain: [root] }), 'endorsement-mismatch');
});

test('revocation lists count for the certificates of their issuers', () => {
  const lists = (key: readonly number[], authorities: readonly number[]): Uint8Array[] => [
    revocationList(authority, key),
    revocationList(root, authorities),
  ];
  assert.ok(verdict({ ...withChain, lists: lists([1], [2]) }).ok);
  assert.equal(refusal({ ...withChain, lists: lists([77], []) }), 'revoked');
  assert.equal(refusal({ ...withChain, lists: lists([], [300]) }), 'revoked');
  assert.equal(refusal({ ...withChain, lists: lists([], []).reverse() }), 'endorsement-mismatch');
  assert.equal(refusal({ ...withChain, lists: [Buffer.from('garbage')] }), 'malformed');
  const stale = revocationList(root, [], { until: now - 1 });
  assert.equal(refusal({ ...withChain, lists: [stale] }), 'expired');
});

test('what is not a quote of these registers and this launch is refused', () => {
  const other = extended('sha256', Buffer.from('other'));
  assert.equal(refusal({ magic: 0xff544348 }), 'malformed');
  assert.equal(refusal({ type: 0x8017 }), 'malformed');
  assert.equal(refusal({ safe: 2 }), 'malformed');
  assert.equal(refusal({ registers: new Map() }), 'malformed');
  assert.equal(refusal({ quoted: Buffer.from('other') }), 'evidence-mismatch');
  assert.equal(refusal({ launch: other }), 'evidence-mismatch');
  assert.equal(refusal({ registers: new Map([...registersOf('sha256'), [8, other]]) }), 'evidence-mismatch');
  assert.equal(refusal({ registers: new Map([[4, other]]) }), 'evidence-mismatch');
  // The launch register was extended once more, by whoever ran before the launcher or after it.
  const twice = extended('sha256', Buffer.concat([launch, launch]));
  assert.equal(refusal({ registers: new Map([[8, twice]]) }), 'evidence-mismatch');
});

test('without launch data there is a quote, and no launch', () => {
  const result = verdict({ launch: null });
  assert.equal(result.ok && result.evidence.launchDigest.length, 0);
});

test('a log counts if it gives the registers that it has events of', () => {
  const events = [
    [4, 'release'],
    [11, 'variant'],
  ] as const;
  assert.ok(verdict({ log: eventLog(events) }).ok);
  assert.ok(verdict({ log: Buffer.concat([eventLog(events), Buffer.alloc(500, 0xff)]) }).ok);
  assert.ok(verdict({ log: eventLog(events.slice(1)) }).ok);
  assert.equal(refusal({ log: eventLog([...events, [4, 'more']]) }), 'evidence-mismatch');
  assert.equal(refusal({ log: eventLog([...events, [5, 'not quoted']]) }), 'evidence-mismatch');
  assert.equal(refusal({ log: eventLog([[4, 'other']]) }), 'evidence-mismatch');
  assert.equal(refusal({ log: eventLog(events).subarray(0, -1) }), 'malformed');
  assert.equal(refusal({ log: Buffer.concat([eventLog(events), Buffer.of(1)]) }), 'malformed');
  assert.equal(refusal({ log: eventLog(events), bank: 'sha384' }), 'evidence-mismatch');
});

test('a bundle as bytes is the same evidence; surplus endorsements are refused', () => {
  const bundle = bundleOf();
  assert.ok(verifyEvidence(encodeBundle(bundle), { cryptography, x509, now }).ok);
  for (const endorsements of [[], [...bundle.endorsements, ...bundle.endorsements]]) {
    const result = verifyBundle({ ...bundle, endorsements }, { cryptography, x509, now });
    assert.equal(!result.ok && result.error, endorsements.length === 0 ? 'endorsement-missing' : 'endorsement-surplus');
  }
});

test('a key in the form of the TPM is the same key, if it may sign nothing but what the TPM has made', () => {
  const area = (attributes: string, point: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.from(`0023000b${attributes}00000010001800 0b00030010`.replace(' ', ''), 'hex'),
      Buffer.from('0020', 'hex'),
      point.subarray(0, 32),
      Buffer.from('0020', 'hex'),
      point.subarray(32),
    ]);
  const point = swtpmKey.spki.subarray(-64);
  const read = attestationKeySpki(area('00050072', point));
  assert.deepEqual(read.ok && Buffer.from(read.value), Buffer.from(swtpmKey.spki));
  assert.equal(attestationKeySpki(area('00040072', point)).ok, false);
  assert.equal(attestationKeySpki(area('00070072', point)).ok, false);
  assert.equal(attestationKeySpki(Buffer.concat([area('00050072', point), Buffer.of(0)])).ok, false);

  const rsa = keyOf('rsa-pkcs1');
  const jwk = createPublicKey({ key: Buffer.from(rsa.spki), format: 'der', type: 'spki' }).export({ format: 'jwk' });
  const modulus = Buffer.from(jwk.n!, 'base64url');
  const rsaArea = Buffer.from(`0001000b000500720000001000140 00b0800000000000100`.replace(' ', ''), 'hex');
  const rsaRead = attestationKeySpki(Buffer.concat([rsaArea, modulus]));
  assert.deepEqual(rsaRead.ok && Buffer.from(rsaRead.value), Buffer.from(rsa.spki));
});
