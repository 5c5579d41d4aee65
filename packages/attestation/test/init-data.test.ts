/**
 * Containers whose host data is the digest of init-data, under roots of the tests' own.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { nodeX509Cryptography as x509 } from '../../cryptography/src/index.ts';
import { assembleSnp, type EvidenceBundle, initDataType, type Verification, verifyBundle } from '../src/index.ts';
import { now, pinOf } from './certificates.ts';
import { bytesOf, cryptography } from './fixtures.ts';
import { bundleOf as intelBundleOf, root } from './intel.ts';
import { ark, ask, report, vcek } from './sev-snp/reports.ts';

const launch = Buffer.from(bytesOf('launch')).toString('hex');
const initData = (line = `coppice-launch = "${launch}"`, policy = 'allow'): Buffer =>
  Buffer.from(`version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n${line}\n"policy.rego" = '''\n${policy}\n'''\n`);
const digest = (bytes: Uint8Array, hash = 'sha256'): Buffer => createHash(hash).update(bytes).digest();

function verdict(bundle: EvidenceBundle, document: Uint8Array): Verification {
  const endorsements = [...bundle.endorsements, { mediaType: initDataType, bytes: document }];
  const anchors = [
    { platform: 'sev-snp', spki: pinOf(ark) },
    { platform: 'tdx', spki: pinOf(root) },
  ];
  return verifyBundle({ ...bundle, endorsements }, { cryptography, x509, now, anchors });
}

const snp = (hostData: Uint8Array): EvidenceBundle =>
  assembleSnp(
    report(vcek, (bytes) => bytes.set(hostData, 0xc0)),
    [vcek, ask, ark].map(({ certificate }) => certificate),
    [],
  )[0]!;
const tdx = (configuration: Uint8Array): EvidenceBundle =>
  intelBundleOf('TDX', { body: (body) => body.set(configuration, 184) });

test('the launch is what the bound document says, and the rest of it is measured', () => {
  for (const bundle of [snp(digest(initData())), tdx(digest(initData())), tdx(digest(initData(), 'sha384'))]) {
    const result = verdict(bundle, initData());
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(Buffer.from(result.evidence.launchDigest).toString('hex'), launch);
    const rest = initData(`coppice-launch = "${'0'.repeat(64)}"`);
    assert.deepEqual(Buffer.from(result.evidence.measurement.subarray(-32)), digest(rest));
  }
});

test('another policy in the document is another measurement, and another launch is not', () => {
  const measured = (document: Buffer): string => {
    const result = verdict(snp(digest(document)), document);
    assert.ok(result.ok);
    return Buffer.from(result.evidence.measurement).toString('hex');
  };
  assert.equal(measured(initData()), measured(initData(`coppice-launch = "${'ab'.repeat(32)}"`)));
  assert.notEqual(measured(initData()), measured(initData(undefined, 'deny')));
});

test('a document that was not bound, or names no launch or two, is refused', () => {
  const fault = (bundle: EvidenceBundle, document: Buffer): string | false => {
    const result = verdict(bundle, document);
    return !result.ok && result.error;
  };
  assert.equal(fault(snp(digest(initData())), initData(undefined, 'deny')), 'evidence-mismatch');
  assert.equal(fault(snp(Buffer.from(launch, 'hex')), initData()), 'evidence-mismatch');
  for (const line of ['', 'coppice-launch = "ab"', `a = 1\ncoppice-launch = "${launch}"\ncoppice-launch = '${launch}'`])
    assert.equal(fault(snp(digest(initData(line))), initData(line)), 'malformed');
  const long = initData(undefined, 'x'.repeat(70_000));
  assert.equal(fault(snp(digest(long)), long), 'malformed');
});
