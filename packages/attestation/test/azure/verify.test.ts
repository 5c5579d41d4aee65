/**
 * Machines under a root of the tests' own: paravisor's report, its claims, and its TPM's quote, taken apart and mixed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeX509Cryptography as x509 } from '../../../cryptography/src/index.ts';
import {
  azureEvidenceType,
  certificateType,
  decodePem,
  encodeAzureEvidence,
  type EvidenceBundle,
  type Verification,
  verifyBundle,
} from '../../src/index.ts';
import { domainReportMismatch } from '../../src/azure/domain-report.ts';
import { decodeHostReport } from '../../src/azure/host-report.ts';
import { decodeQuote } from '../../src/sgx/quote.ts';
import { readDomainReport } from '../../src/tdx/domain-report.ts';
import { day, now, pinOf } from '../certificates.ts';
import { cryptography } from '../fixtures.ts';
import { root as intelRoot } from '../intel.ts';
import { ark } from '../sev-snp/reports.ts';
import { keyOf, launch, report as reported } from '../tpm/quotes.ts';
import { read, skip } from '../vectors.ts';
import { attestationKey, bundleOf, claimsOf, domainBundleOf, type Over } from './machines.ts';

function verdict(over: Over = {}, at = now): Verification {
  const anchors = [{ platform: 'sev-snp', spki: pinOf(ark) }];
  return verifyBundle(bundleOf(over), { cryptography, x509, now: at, anchors });
}

function refusal(over: Over, at = now): string {
  const result = verdict(over, at);
  assert.ok(!result.ok);
  return result.error;
}

test('launch and report are those of the quote, the chip and its versions those of the hardware', () => {
  const result = verdict();
  assert.ok(result.ok, JSON.stringify(result));
  const { evidence } = result;
  assert.deepEqual(Buffer.from(evidence.launchDigest), launch);
  assert.deepEqual(Buffer.from(evidence.reportData), reported);
  assert.equal(evidence.platform, 'azure-snp');
  assert.equal(evidence.generation, 'Milan');
  assert.equal(evidence.measurement.length, 48 + 5 + 2 * 32);
  assert.equal(evidence.chip?.length, 64);
});

test('a quote by another key, of other registers or of another launch is refused', () => {
  assert.equal(refusal({ quote: { key: keyOf('rsa-pkcs1') } }), 'evidence-signature');
  assert.equal(refusal({ quote: { quoted: Buffer.from('other') } }), 'evidence-mismatch');
  assert.equal(refusal({ quote: { launch: reported } }), 'evidence-mismatch');
  const unlaunched = verdict({ quote: { launch: null } });
  assert.equal(unlaunched.ok && unlaunched.evidence.launchDigest.length, 0);
});

test("claims that the hardware's report is not of are refused", () => {
  const other = claimsOf(keyOf('rsa-pkcs1'));
  assert.equal(refusal({ after: (bytes) => bytes.set(other, 32 + 1184 + 20) }), 'evidence-mismatch');
  assert.equal(refusal({ change: (bytes) => bytes.fill(1, 0x70, 0x71) }), 'evidence-mismatch');
});

test('a report that was not asked for by the paravisor is refused: a guest may ask with any data', () => {
  assert.equal(refusal({ change: (bytes) => bytes.writeUInt32LE(2, 0x30) }), 'evidence-mismatch');
});

test('the hardware is verified as without a paravisor', () => {
  assert.equal(refusal({ after: (bytes) => bytes.fill(7, 32 + 0x90, 32 + 0x91) }), 'evidence-signature');
  assert.equal(refusal({ change: (bytes) => bytes.fill(9, 0x187, 0x188) }), 'endorsement-mismatch');
  assert.equal(refusal({}, now + 2 * day), 'expired');
  const debug = verdict({ change: (bytes) => bytes.writeBigUInt64LE(0xb0000n, 8) });
  assert.equal(debug.ok && debug.evidence.debug, true);
  const look = verifyBundle(bundleOf({}), { cryptography, x509, now });
  assert.equal(!look.ok && look.error, 'root-not-pinned');
});

test('a paravisor may be without SEPT_VE_DISABLE, and not be open to its host in another way', () => {
  const anchors = [{ platform: 'tdx', spki: pinOf(intelRoot) }];
  for (const [byte, debug] of [
    [0x10, false],
    [0x00, false],
    [0x20, true],
  ] as const) {
    const bundle = domainBundleOf({ domain: (body) => void body.writeUInt8(byte, 123) });
    const result = verifyBundle(bundle, { cryptography, x509, now, anchors });
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.evidence.debug, debug, String(byte));
  }
});

test('what is reserved, or of another length or kind, is refused', () => {
  const changes: ((bytes: Buffer) => unknown)[] = [
    (bytes) => bytes.write('HCLB'),
    (bytes) => bytes.writeUInt32LE(3, 4),
    (bytes) => bytes.writeUInt32LE(1, 8),
    (bytes) => bytes.writeUInt32LE(1, 12),
    (bytes) => bytes.writeUInt32LE(1, 16),
    (bytes) => bytes.fill(1, 31, 32),
    (bytes) => bytes.writeUInt32LE(5, 32 + 1184 + 4),
    (bytes) => bytes.writeUInt32LE(4, 32 + 1184 + 8),
    (bytes) => bytes.writeUInt32LE(9, 32 + 1184 + 12),
    (bytes) => bytes.writeUInt32LE(0xffff_ffff, 32 + 1184 + 16),
    (bytes) => bytes.fill(1, 2599),
  ];
  for (const change of changes) assert.equal(refusal({ after: (bytes) => void change(bytes) }), 'malformed');
  for (const claims of ['', 'text', '[]', '{"keys":[]}', '{"keys":[{"kid":"HCLAkPub","kty":"EC"}]}'])
    assert.equal(refusal({ claims: Buffer.from(claims) }), 'malformed', claims);
  const { keys } = JSON.parse(claimsOf(attestationKey).toString()) as { keys: unknown[] };
  assert.equal(refusal({ claims: Buffer.from(JSON.stringify({ keys: [...keys, ...keys] })) }), 'malformed');
});

interface RealEvidence {
  readonly hcl_report: string;
  readonly vcek: string;
  readonly tpm_quote: { readonly message: string; readonly signature: string; readonly pcrs: readonly string[] };
}

test('no byte of real evidence can change', { skip }, () => {
  const evidence = JSON.parse(Buffer.from(read('azure-vtpm/snp/evidence-v2.json').bytes).toString()) as RealEvidence;
  const pem = decodePem(Buffer.from(read('sev-snp/roots/ask_ark_milan.pem').bytes).toString());
  assert.ok(pem.ok);
  const raw = Buffer.from(evidence.tpm_quote.signature, 'hex');
  const bytes = encodeAzureEvidence({
    hostReport: Buffer.from(evidence.hcl_report, 'base64url'),
    domainQuote: undefined,
    quote: Buffer.from(evidence.tpm_quote.message, 'hex'),
    signature: Buffer.concat([Buffer.from('0014000b0100', 'hex'), raw]),
    registers: Buffer.from(evidence.tpm_quote.pcrs.join(''), 'hex'),
    launch: undefined,
  });
  const chain = [Buffer.from(evidence.vcek, 'base64url'), ...pem.value.map((block) => block.bytes)];
  const endorsements = chain.map((der) => ({ mediaType: certificateType, bytes: der }));
  const verified = (changed: Uint8Array): boolean =>
    verifyBundle(
      { platform: 'azure-snp', evidence: { mediaType: azureEvidenceType, bytes: changed }, endorsements },
      { cryptography, x509, now: Date.UTC(2026, 2, 19) },
    ).ok;
  assert.ok(verified(bytes));
  const step = process.env['COPPICE_EVERY_BYTE'] === '1' ? 1 : 7;
  for (let i = 0; i < bytes.length; i += step) {
    const changed = Uint8Array.from(bytes);
    changed[i]! ^= 1 << (i % 8);
    assert.ok(!verified(changed), `byte ${i}`);
  }
});

test('a machine on TDX is verified with the quote of its domain, and with no other', () => {
  const anchors = [{ platform: 'tdx', spki: pinOf(intelRoot) }];
  const fault = (bundle: EvidenceBundle): string | undefined => {
    const result = verifyBundle(bundle, { cryptography, x509, now, anchors });
    return result.ok ? undefined : result.error;
  };
  assert.equal(fault(domainBundleOf()), undefined);
  assert.equal(fault({ ...domainBundleOf(), platform: 'azure-snp' }), 'malformed');
  assert.equal(fault(domainBundleOf({ quote: { key: keyOf('rsa-pkcs1') } })), 'evidence-signature');
  assert.equal(fault(domainBundleOf({ after: (bytes) => bytes.fill(1, 32 + 130, 32 + 131) })), 'evidence-mismatch');
  assert.equal(fault(domainBundleOf({ after: (bytes) => bytes.fill(1, 32 + 600, 32 + 601) })), 'evidence-mismatch');
  const other = claimsOf(keyOf('rsa-pkcs1'));
  assert.equal(fault(domainBundleOf({ after: (bytes) => bytes.set(other, 32 + 1184 + 20) })), 'evidence-mismatch');
});

test("a domain's report and its quote are of one domain, in real evidence", { skip }, () => {
  const host = decodeHostReport(read('azure-vtpm/tdx/hcl-report.bin').bytes);
  const quote = decodeQuote(read('azure-vtpm/tdx/td-quote.bin').bytes);
  const other = decodeHostReport(read('azure-vtpm/kinvolk/hcl-report-tdx.bin').bytes);
  assert.ok(host.ok && quote.ok && other.ok);
  const quoted = readDomainReport(quote.value.body);
  assert.deepEqual(Buffer.from(quoted.reportData.subarray(0, 32)), Buffer.from(cryptography.hash(host.value.claims)));
  const { report } = host.value;
  assert.equal(domainReportMismatch(report, quoted, x509), undefined);
  assert.notEqual(domainReportMismatch(other.value.report, quoted, x509), undefined);
  // Version of the report and of the processor, and the code: only that processor could check them.
  const free = (i: number): boolean => (i >= 1 && i < 4) || (i >= 16 && i < 32) || (i >= 224 && i < 256);
  for (let i = 0; i < report.length; i++) {
    const changed = Uint8Array.from(report);
    changed[i]! ^= 1 << (i % 8);
    assert.equal(domainReportMismatch(changed, quoted, x509) === undefined, free(i), `byte ${i}`);
  }
});
