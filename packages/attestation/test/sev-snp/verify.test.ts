/**
 * Reports under a root of the tests' own: what real evidence cannot show, revocation above all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeX509Cryptography } from '../../../cryptography/src/index.ts';
import { assembleSnp, type EvidenceBundle, type Verification, verifyBundle } from '../../src/index.ts';
import { type Authority, day, issue, now, pinOf, revocationList } from '../certificates.ts';
import { cryptography } from '../fixtures.ts';
import { ark, ask, chip, extensions, report, vcek } from './reports.ts';

interface Over {
  readonly report?: Uint8Array;
  readonly chain?: readonly Authority[];
  readonly lists?: readonly Uint8Array[];
  readonly root?: Authority;
  readonly at?: number;
}

function bundleOf({ report: bytes = report(), chain = [vcek, ask, ark], lists = [] }: Over): EvidenceBundle {
  const [bundle] = assembleSnp(
    bytes,
    chain.map(({ certificate }) => certificate),
    lists,
  );
  return bundle!;
}

function verdict(over: Over = {}, bundle = bundleOf(over)): Verification {
  const anchors = [{ platform: 'sev-snp', spki: pinOf(over.root ?? ark) }];
  return verifyBundle(bundle, { cryptography, x509: nodeX509Cryptography, now: over.at ?? now, anchors });
}

function refusal(over: Over): string {
  const result = verdict(over);
  assert.ok(!result.ok);
  return result.error;
}

test('a report under a pinned root is verified', () => {
  const result = verdict();
  assert.ok(result.ok, JSON.stringify(result));
  const { generation, chip: shown, debug, tcb: versions, launchDigest, reportData } = result.evidence;
  assert.equal(generation, 'Milan');
  assert.deepEqual(Buffer.from(shown!), chip);
  assert.equal(debug, false);
  assert.deepEqual(versions.components, [
    { component: 'bl', version: 4 },
    { component: 'tee', version: 0 },
    { component: 'snp', version: 24 },
    { component: 'ucode', version: 200 },
  ]);
  assert.deepEqual([launchDigest.length, reportData.length], [32, 32]);
});

test('of each part, the least version counts that it has, had at launch, or may go back to', () => {
  const [current, committed, atLaunch] = [0x38, 0x1e0, 0x1f0];
  for (const offset of [current, committed, atLaunch]) {
    const result = verdict({ report: report(vcek, (bytes) => bytes.set([3, 1, 0, 0, 0, 0, 9, 210], offset)) });
    assert.ok(result.ok, JSON.stringify(result));
    const versions = result.evidence.tcb.components.map(({ version }) => version);
    assert.deepEqual(versions, [3, 0, 9, 200], `0x${offset.toString(16)}`);
  }
});

test('a root with the same name and another key is not pinned', () => {
  assert.equal(refusal({ root: issue({ commonName: 'ARK-Milan' }) }), 'root-not-pinned');
});

test('only with the makers’ signatures is there such a platform', () => {
  const result = verifyBundle(bundleOf({}), { cryptography, now });
  assert.equal(!result.ok && result.error, 'unknown-platform');
});

test('a revoked authority is refused, by the list of its issuer, while that is valid', () => {
  assert.ok(verdict({ lists: [revocationList(ark, [])] }).ok);
  assert.ok(verdict({ lists: [revocationList(ark, [299, 301])] }).ok);
  assert.equal(refusal({ lists: [revocationList(ark, [1, 300])] }), 'revoked');
  assert.equal(refusal({ lists: [revocationList(ark, [], { until: now - 1000 })] }), 'expired');
  assert.equal(refusal({ lists: [revocationList(ark, [], { from: now + 1000 })] }), 'not-yet-valid');
});

test('a list by somebody else, of changes only, or that is none is refused, not ignored', () => {
  assert.equal(refusal({ lists: [revocationList(ask, [])] }), 'endorsement-signature');
  const lookAlike = issue({ commonName: 'ARK-Milan' });
  assert.equal(refusal({ lists: [revocationList(lookAlike, [])] }), 'endorsement-signature');
  assert.equal(refusal({ lists: [revocationList(ark, [], { delta: true })] }), 'malformed');
  assert.equal(refusal({ lists: [Buffer.from('garbage')] }), 'malformed');
  assert.equal(refusal({ lists: [revocationList(ark, []), revocationList(ark, [300])] }), 'endorsement-surplus');
});

test('an authority that may not sign lists cannot revoke', () => {
  const root = issue({ commonName: 'ARK-Milan', usage: 0x04 });
  const authority = issue({ commonName: 'SEV-Milan' }, root);
  const leaf = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions() }, authority);
  const over = { chain: [leaf, authority, root], root, report: report(leaf) };
  assert.ok(verdict(over).ok);
  assert.equal(refusal({ ...over, lists: [revocationList(root, [])] }), 'endorsement-signature');
});

test('certificates outside of their time are refused', () => {
  assert.equal(refusal({ at: now - 2 * day }), 'not-yet-valid');
  assert.equal(refusal({ at: now + 2 * day }), 'expired');
});

test('a leaf, or what may not sign certificates, is no authority', () => {
  const below = issue({ commonName: 'SEV-Milan', authority: false }, ark);
  const fromLeaf = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions() }, below);
  assert.equal(refusal({ chain: [fromLeaf, below, ark], report: report(fromLeaf) }), 'endorsement-signature');
  const listsOnly = issue({ commonName: 'SEV-Milan', usage: 0x02 }, ark);
  const leaf = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions() }, listsOnly);
  assert.equal(refusal({ chain: [leaf, listsOnly, ark], report: report(leaf) }), 'endorsement-signature');
});

test('an authority of another product or role vouches for nothing', () => {
  for (const commonName of ['SEV-Genoa', 'SEV-VLEK-Milan']) {
    const authority = issue({ commonName }, ark);
    const leaf = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions() }, authority);
    assert.equal(refusal({ chain: [leaf, authority, ark], report: report(leaf) }), 'endorsement-mismatch');
  }
});

test('a leaf that is an authority, or has a critical extension that nobody knows, is refused', () => {
  const authority = issue({ commonName: 'SEV-VCEK', extensions: extensions() }, ask);
  assert.equal(refusal({ chain: [authority, ask, ark], report: report(authority) }), 'endorsement-mismatch');
  const critical = '1.3.6.1.4.1.3704.1.4';
  const unknown = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions(), critical }, ask);
  assert.equal(refusal({ chain: [unknown, ask, ark], report: report(unknown) }), 'malformed');
});

test('a report of another chip, product, TCB or kind of key than the certificate is refused', () => {
  const changes: ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.fill(0xc2, 0x1a0, 0x1a1),
    (bytes) => bytes.fill(0x11, 0x189, 0x18a),
    (bytes) => bytes.fill(199, 0x187, 0x188),
    (bytes) => bytes.writeUInt32LE(1 << 2, 0x48),
    (bytes) => bytes.writeUInt32LE(7 << 2, 0x48),
  ];
  for (const change of changes) assert.equal(refusal({ report: report(vcek, change) }), 'endorsement-mismatch');
});

test('a masked chip identity is read from the certificate of its key', () => {
  const result = verdict({ report: report(vcek, (bytes) => bytes.fill(0, 0x1a0, 0x1e0)) });
  assert.deepEqual(result.ok && Buffer.from(result.evidence.chip!), chip);
});

test('memory is open with the debug bit, and to an agent of migration', () => {
  for (const bit of [18n, 19n]) {
    const result = verdict({ report: report(vcek, (bytes) => bytes.writeBigUInt64LE(0x30000n | (1n << bit), 0x08)) });
    assert.equal(result.ok && result.evidence.debug, true);
  }
});

test('what is reserved is refused, though it is signed', () => {
  const changes: ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.writeUInt32LE(1, 0),
    (bytes) => bytes.writeUInt32LE(6, 0),
    (bytes) => bytes.writeBigUInt64LE(0x10000n, 0x08),
    (bytes) => bytes.writeBigUInt64LE(0x30000n | (1n << 40n), 0x08),
    (bytes) => bytes.writeUInt32LE(2, 0x34),
    (bytes) => bytes.writeUInt32LE(2 << 2, 0x48),
    (bytes) => bytes.writeUInt32LE(1 << 5, 0x48),
    (bytes) => bytes.fill(1, 0x4c, 0x4d),
    (bytes) => bytes.fill(1, 0x18b, 0x18c),
    (bytes) => bytes.fill(1, 0x1f8, 0x1f9),
  ];
  for (const change of changes) assert.equal(refusal({ report: report(vcek, change) }), 'malformed');
  assert.equal(refusal({ report: report().subarray(1) }), 'malformed');
  assert.equal(refusal({ report: Buffer.concat([report(), Buffer.of(0)]) }), 'malformed');
});

test('surplus and missing endorsements are refused', () => {
  assert.equal(refusal({ chain: [vcek, ask] }), 'endorsement-missing');
  const bundle = bundleOf({});
  const surplus = { ...bundle, endorsements: [...bundle.endorsements, bundle.endorsements[0]!] };
  const result = verdict({}, surplus);
  assert.equal(!result.ok && result.error, 'endorsement-surplus');
});
