/**
 * Files of evidence as they stand, judged as `coppice evidence verify` judges them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeBundle, verifyBundle } from '@coppice/attestation';
import { nodeCryptography, nodeX509Cryptography } from '@coppice/cryptography';
import type { Constitution } from '@coppice/governance';
import { decodeTpmEvidence } from '../../attestation/src/tpm/format.ts';
import { issue, now, pinOf, revocationList } from '../../attestation/test/certificates.ts';
import { bundleOf as tpmBundleOf } from '../../attestation/test/tpm/quotes.ts';
import { constitutionOf } from '../../governance/test/fixtures.ts';
import { casesOf, filesOf, pathOf, read, skip } from '../../attestation/test/vectors.ts';
import { judgeEvidence } from '../src/commands/evidence.ts';
import { poolOf, recognise } from '../src/evidence/recognise.ts';
import { showPool } from '../src/evidence/show-pool.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const platforms = ['sev-snp', 'tdx', 'sgx', 'nitro'];

for (const platform of platforms) {
  test(`real evidence of ${platform} gets the verdict that is expected`, { skip }, () => {
    for (const one of casesOf(platform)) {
      const [evidence, ...endorsements] = filesOf(one);
      const now = Date.parse(one.verificationTime);
      const verdict = judgeEvidence(evidence, endorsements, { now, allowDebug: true });
      const told = `${one.id}: ${verdict.reason} ${verdict.detail}`;
      assert.equal(verdict.platform, platform, told);
      assert.equal(verdict.verdict, one.expect.replace('-but-debug', ''), told);
      for (const [claim, value] of Object.entries(one.claims)) assert.deepEqual(verdict.claims[claim], value, told);
      if (verdict.verdict !== 'verified') continue;
      if (one.tcbStatus !== undefined) assert.equal(verdict.claims['tcbStatus'], one.tcbStatus, told);
      if (one.advisories !== undefined) assert.deepEqual(verdict.claims['advisories'], one.advisories, told);
      const strict = judgeEvidence(evidence, endorsements, { now, allowDebug: false });
      const debug = one.expect === 'verified-but-debug' || one.claims['debug'] === true;
      assert.equal(strict.reason, debug ? 'debug' : null, told);
      for (const at of [0, Date.UTC(2090, 0)])
        assert.equal(judgeEvidence(evidence, endorsements, { now: at, allowDebug: true }).verdict, 'rejected');
    }
  });
}

test('the order of files, and files that are given twice, change nothing', { skip }, () => {
  for (const one of casesOf('sev-snp')) {
    const [evidence, ...others] = filesOf(one);
    const now = Date.parse(one.verificationTime);
    const verdict = judgeEvidence(evidence, [...others, ...others].reverse(), { now, allowDebug: true });
    assert.equal(verdict.verdict, one.expect, one.id);
  }
});

test('a bundle is evidence with its endorsements, and takes no others', { skip }, () => {
  const one = casesOf('sev-snp')[0]!;
  const [evidence, ...endorsements] = filesOf(one);
  const found = recognise(evidence, endorsements);
  assert.ok(found.ok);
  const file = { name: 'bundle', bytes: encodeBundle(found.bundles[0]!) };
  const context = { now: Date.parse(one.verificationTime), allowDebug: false };
  assert.equal(judgeEvidence(file, [], context).verdict, 'verified');
  assert.equal(judgeEvidence(file, endorsements, context).reason, 'endorsement-surplus');
});

test('certificates and lists of a TPM are put in order', () => {
  const root = issue({ commonName: 'TPM root' });
  const authority = issue({ commonName: 'TPM authority', serial: 300 }, root);
  const leaf = issue({ commonName: 'key', serial: 77, authority: false, curve: 'P-256' }, authority);
  const { evidence } = tpmBundleOf({ key: { scheme: 'ecdsa', ...leaf } });
  const tpm = decodeTpmEvidence(evidence.bytes);
  assert.ok(tpm.ok);
  const files = [
    tpm.value.signature,
    tpm.value.registers,
    revocationList(root, []),
    root.certificate,
    leaf.certificate,
    revocationList(authority, []),
    authority.certificate,
  ].map((bytes, i) => ({ name: `file ${i}`, bytes }));
  const found = recognise({ name: 'quote', bytes: tpm.value.quote }, files);
  assert.ok(found.ok);
  const [bundle] = found.bundles;
  const anchors = [{ platform: 'tpm2', spki: pinOf(root) }];
  const result = verifyBundle(bundle!, { cryptography: nodeCryptography, x509: nodeX509Cryptography, now, anchors });
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.evidence.generation, 'TPM root');
});

test('endorsements may be text, and come as Azure serves them', { skip }, () => {
  const text = (file: string): string => Buffer.from(read(file).bytes).toString();
  const thim = {
    vcekCert: text('sev-snp/milan-aci-v3/vcek.pem'),
    certificateChain: text('sev-snp/roots/ask_ark_milan.pem'),
  };
  const encoded = Buffer.from(Buffer.from(JSON.stringify(thim)).toString('base64'));
  for (const bytes of [Buffer.from(JSON.stringify(thim)), encoded]) {
    const context = { now: Date.UTC(2026, 2), allowDebug: false };
    const verdict = judgeEvidence(read('sev-snp/milan-aci-v3/report.bin'), [{ name: 'thim', bytes }], context);
    assert.equal(verdict.verdict, 'verified', String(verdict.detail));
  }
});

test('evidence may be text', { skip }, () => {
  const { bytes } = read('nitro/evervault-valid/doc.bin');
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    const file = { name: encoding, bytes: Buffer.from(`${Buffer.from(bytes).toString(encoding)}\n`) };
    const verdict = judgeEvidence(file, [], { now: Date.UTC(2022, 9, 13, 9), allowDebug: false });
    assert.equal(verdict.verdict, 'verified', `${encoding}: ${verdict.detail}`);
  }
});

test('what Linux shows is evidence with its endorsements', { skip }, () => {
  const verdict = judgeEvidence(read('sev-snp/veraison-tsm/tsm-report.json'), [], {
    now: Date.UTC(2026, 0),
    allowDebug: false,
  });
  assert.equal(verdict.verdict, 'verified', `${verdict.reason} ${verdict.detail}`);
  assert.equal(verdict.claims['product'], 'Genoa');
});

/** Real evidence for which `EXPECTED.json` has no case: files, time, platform, and the reason or `null`. */
const others: readonly (readonly [readonly string[], string, string, string | null])[] = [
  [['azure-vtpm/snp/evidence-v0.json', 'sev-snp/roots/ask_ark_milan.pem'], '2025-06-19', 'azure-snp', null],
  [['azure-vtpm/snp/evidence-v1.json', 'sev-snp/roots/ask_ark_milan.pem'], '2025-06-19', 'azure-snp', null],
  [['azure-vtpm/snp/evidence-v2.json', 'sev-snp/roots/ask_ark_milan.pem'], '2026-03-19', 'azure-snp', null],
  [['azure-vtpm/snp/evidence-genoa.json', 'sev-snp/roots/ask_ark_genoa.pem'], '2026-03-19', 'azure-snp', null],
  [
    ['azure-vtpm/snp/hcl-report.bin', 'azure-vtpm/snp/quote.bin', 'azure-vtpm/snp/vcek.pem'],
    '2025-06-19',
    'azure-snp',
    null,
  ],
  [
    ['azure-vtpm/snp/hcl-report.bin', 'azure-vtpm/snp/tpm-quote-v1.json', 'azure-vtpm/snp/vcek.pem'],
    '2025-06-19',
    'azure-snp',
    null,
  ],
  [
    ['azure-vtpm/snp/hcl-report.bin', 'azure-vtpm/tdx/quote.bin', 'azure-vtpm/snp/vcek.pem'],
    '2025-06-19',
    'azure-snp',
    'evidence-signature',
  ],
  [
    ['azure-vtpm/kinvolk/hcl-report-snp.bin', 'azure-vtpm/kinvolk/quote.bin', 'azure-vtpm/kinvolk/certs.pem'],
    '2025-06-19',
    'azure-snp',
    'endorsement-mismatch',
  ],
  [
    ['azure-vtpm/tdx/evidence-v1.json', 'tdx/openenclave-v4/collateral.derived.json'],
    '2025-02-27',
    'azure-tdx',
    'endorsement-mismatch',
  ],
  [['azure-vtpm/tdx/evidence-v0.json'], '2025-02-27', 'azure-tdx', 'endorsement-missing'],
  [['azure-vtpm/kinvolk/quote.bin', 'azure-vtpm/kinvolk/akpub.pem'], '2025-02-27', 'tpm2', null],
  [['azure-vtpm/kinvolk/quote.bin', 'tpm/local-swtpm-quote/ak.pub'], '2025-02-27', 'tpm2', 'evidence-signature'],
  [['tpm/trustee/tpm_evidence.json'], '2025-02-27', 'tpm2', null],
  [
    [
      'tpm/local-swtpm-quote/quote.msg',
      'tpm/local-swtpm-quote/quote.sig',
      'tpm/local-swtpm-quote/ak.pub',
      'tpm/local-swtpm-quote/pcrs.txt',
      'tpm/local-swtpm-quote/nonce.bin',
    ],
    '2025-02-27',
    'tpm2',
    null,
  ],
  [
    ['tpm/local-swtpm-quote/quote.msg', 'tpm/local-swtpm-quote/quote.sig', 'tpm/local-swtpm-quote/pcrs.txt'],
    '2025-02-27',
    'tpm2',
    'endorsement-missing',
  ],
  [
    [
      'tpm/local-swtpm-quote/quote.msg',
      'tpm/local-swtpm-quote/quote.sig',
      'tpm/local-swtpm-quote/ak.pub',
      'tpm/local-swtpm-quote/pcrs.txt',
      'tdx/google-ccel-cos113/nonce.bin',
    ],
    '2025-02-27',
    'tpm2',
    'evidence-mismatch',
  ],
  [['sev-snp/coco-e2e/evidence.json', 'sev-snp/roots/ask_ark_genoa.pem'], '2026-03-01', 'sev-snp', null],
  [['sev-snp/scitt-css-attested/css-attested-20250925.cose'], '2025-09-26', 'sev-snp', null],
  [['sev-snp/scitt-css-attested/css-attested-20250925.cose'], '2020-09-26', 'sev-snp', 'not-yet-valid'],
  [['sev-snp/uvm-endorsements/ccf_int_svn.cose'], '2025-09-26', 'sev-snp-firmware', null],
  [['sev-snp/veraison-tsm/ratsd-token.bin'], '2026-03-01', 'sev-snp', null],
  [['sev-snp/veraison-tsm/tsm-report.cbor'], '2026-03-01', 'sev-snp', null],
  [['nitro/evervault-valid/doc.bin', 'nitro/roots/aws_nitro_root_g1.pem'], '2022-10-13T08:58:02', 'nitro', null],
  [['nitro/evervault-valid/doc.bin'], '2022-10-14', 'nitro', 'expired'],
  [['nitro/evervault-incert/cert_with_doc.der'], '2022-10-14', 'nitro', 'not-yet-valid'],
  [['sgx/openenclave-bad/report_bad.bin'], '2025-02-27', 'sgx', 'endorsement-signature'],
  [['sgx/openenclave-quote/quote.bin'], '2025-02-27', 'sgx', 'endorsement-missing'],
];

test('real evidence in the forms of other tools gets its verdict', { skip }, () => {
  for (const [[evidence, ...endorsements], at, platform, reason] of others) {
    const now = Date.parse(at.includes('T') ? `${at}Z` : `${at}T00:00:00Z`);
    const verdict = judgeEvidence(read(evidence!), endorsements.map(read), { now, allowDebug: true });
    const told = `${evidence} ${endorsements.join(' ')}: ${verdict.detail}`;
    assert.equal(verdict.platform, platform, told);
    assert.equal(verdict.reason, reason, told);
  }
});

test('under a policy, what members do not accept is rejected, with every claim judged', { skip }, () => {
  const [evidence, ...endorsements] = filesOf(casesOf('tdx')[0]!);
  const now = Date.parse(casesOf('tdx')[0]!.verificationTime);
  const measured = judgeEvidence(evidence, endorsements, { now, allowDebug: false }).claims;
  const measurement = [measured['mrTd'] as string, ...(measured['rtmr'] as string[]).slice(0, 3)].join('');
  const policyOf = (over: object, values = measurement): Constitution =>
    constitutionOf((written) => {
      written.policy.platforms.push({
        name: 'tdx',
        generations: [{ name: 'b0c06f000000', minimumTcb: [{ component: 'evaluation', version: 17 }] }],
        statuses: ['UpToDate'],
        ...over,
      });
      written.releases[0].variants[0].referenceValues.push({ platform: 'tdx', measurements: [values] });
    });
  const verdict = (policy: Constitution): ReturnType<typeof judgeEvidence> =>
    judgeEvidence(evidence, endorsements, { now, allowDebug: false, policy });
  const good = verdict(policyOf({}));
  assert.equal(good.verdict, 'verified', String(good.detail));
  assert.ok(good.appraisal!.every((claim) => claim.verdict === 'affirming'));
  const cases: [string, Constitution][] = [
    ['measurement', policyOf({}, '00'.repeat(192))],
    ['tcb-status', policyOf({ statuses: ['SWHardeningNeeded'] })],
    ['generation', policyOf({ generations: [{ name: '90c06f000000', minimumTcb: [] }] })],
    [
      'tcb:evaluation',
      policyOf({ generations: [{ name: 'b0c06f000000', minimumTcb: [{ component: 'evaluation', version: 18 }] }] }),
    ],
    ['platform', constitutionOf()],
  ];
  for (const [claim, policy] of cases) {
    const { verdict: word, reason, detail, appraisal } = verdict(policy);
    assert.deepEqual([word, reason], ['rejected', 'policy'], claim);
    assert.ok(detail!.includes(claim), `${claim}: ${detail}`);
    assert.notEqual(appraisal!.find((one) => one.claim === claim)?.verdict, 'affirming');
  }
});

test('what is no evidence, or comes with what is no endorsement, is rejected', { skip }, () => {
  const context = { now: 0, allowDebug: false };
  const garbage = { name: 'garbage', bytes: Buffer.from('garbage') };
  const [evidence] = filesOf(casesOf('sev-snp')[0]!);
  assert.equal(judgeEvidence(garbage, [], context).reason, 'unknown-platform');
  assert.equal(judgeEvidence(evidence, [garbage], context).reason, 'malformed');
  assert.equal(judgeEvidence(evidence, [], context).reason, 'endorsement-missing');
});

const checkOf = (verdict: ReturnType<typeof judgeEvidence>, name: string): string =>
  verdict.checks.find(({ check }) => check === name)!.verdict;

test('every check has its verdict', { skip }, () => {
  const one = casesOf('tdx')[0]!;
  const [evidence, ...endorsements] = filesOf(one);
  const now = Date.parse(one.verificationTime);
  const context = { now, allowDebug: false };
  const good = judgeEvidence(evidence, endorsements, context);
  assert.deepEqual(
    good.checks.map(({ verdict }) => verdict),
    Array(10).fill('affirming'),
  );
  const late = judgeEvidence(evidence, endorsements, { ...context, now: Date.UTC(2040, 0) });
  assert.equal(checkOf(late, 'validity'), 'contraindicated');
  assert.equal(checkOf(late, 'signature'), 'missing');
  const tampered = { name: 'tampered', bytes: Uint8Array.from(evidence.bytes) };
  tampered.bytes[48 + 520]! ^= 1;
  assert.equal(
    judgeEvidence(tampered, endorsements, context)
      .checks.map(({ verdict }) => verdict[0])
      .join(''),
    'aaaaamcmmm',
  );
  const surplusList = { name: 'list', bytes: revocationList(issue({ commonName: 'Somebody' }), []) };
  const more = judgeEvidence(evidence, [...endorsements, surplusList], context);
  assert.deepEqual(
    more.checks.filter(({ verdict }) => verdict !== 'affirming').map(({ check }) => check),
    ['endorsements'],
  );
  const snp = casesOf('sev-snp').find(({ claims }) => claims['debug'] === true)!;
  const [report, ...chain] = filesOf(snp);
  const debugged = judgeEvidence(report, chain, { now: Date.parse(snp.verificationTime), allowDebug: true });
  assert.deepEqual(
    ['revocation', 'tcb', 'debug', 'signature'].map((name) => checkOf(debugged, name)),
    ['missing', 'missing', 'contraindicated', 'affirming'],
  );
});

const shown: readonly (readonly [file: string, kind: string, claim: string, value: unknown])[] = [
  ['sev-snp/turin-v5/vcek.pem', 'certificate', 'product', 'Turin'],
  ['sev-snp/roots/ask_ark_milan.pem', 'certificate', 'issuer', 'ARK-Milan'],
  ['sev-snp/vlek-trustee/vlek.der', 'certificate', 'chipId', null],
  ['sgx/intel-qvl-synthetic/pckCert.pem', 'certificate', 'fmspc', '00707f000000'],
  ['sgx/intel-qvl-synthetic/rootCaCrl.der', 'revocation-list', 'issuer', 'Intel SGX Root CA'],
  ['tdx/google-v5/tcbInfo.json', 'tcb-info', 'evaluation', 18],
  ['sgx/intel-qvl-synthetic/qeIdentity.json', 'enclave-identity', 'isvProdId', 1],
  ['tdx/google-ccel-cos113/ccel_data.bin', 'event-log', 'events', 43],
  ['sev-snp/uvm-endorsements/ccf_int_svn.cose', 'firmware-endorsement', 'firmwareSvn', 102],
];

test('endorsements can be shown as they stand', { skip }, () => {
  for (const [file, kind, claim, value] of shown) {
    const pool = poolOf(read(file));
    assert.ok(pool !== undefined, file);
    const [first] = showPool(pool);
    assert.deepEqual([first!['kind'], first![claim]], [kind, value], file);
  }
  assert.equal(poolOf({ name: 'garbage', bytes: Buffer.from('garbage') }), undefined);
});

test('a quote that cannot be read is still of what its header says', { skip }, () => {
  for (const [file, platform] of [
    ['sgx/phala-v3/quote.bin', 'sgx'],
    ['tdx/phala-v4/quote.bin', 'tdx'],
  ] as const) {
    const quote = { name: file, bytes: read(file).bytes.slice(0, 700) };
    const verdict = judgeEvidence(quote, [], { now: Date.UTC(2025, 5, 19), allowDebug: false });
    assert.deepEqual([verdict.platform, verdict.reason], [platform, 'malformed']);
  }
});

test('what cannot be read is rejected in the one document', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-evidence-'));
  const large = join(folder, 'large');
  writeFileSync(large, Buffer.alloc(4 * 1024 * 1024 + 1));
  for (const file of [folder, join(folder, 'nothing'), large]) {
    const { status, stdout } = spawnSync(process.execPath, [main, 'evidence', 'verify', file, '--json'], {
      encoding: 'utf8',
    });
    const { verdict, reason, claims } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([status, verdict, reason, claims], [1, 'rejected', 'unreadable', {}], file);
  }
  rmSync(folder, { recursive: true });
});

test('the command answers in one document, and its exit status is the verdict', { skip }, () => {
  const [one] = casesOf('sev-snp');
  const [evidence, ...endorsements] = Object.values(one!.files).map(pathOf);
  const run = (at: string): ReturnType<typeof spawnSync> =>
    spawnSync(
      process.execPath,
      [main, 'evidence', 'verify', evidence!, '--endorsements', ...endorsements, '--at', at, '--json'],
      { encoding: 'utf8' },
    );
  const good = run(one!.verificationTime);
  assert.equal(good.status, 0);
  assert.equal((JSON.parse(String(good.stdout)) as { verdict: string }).verdict, 'verified');
  const early = run('2020-01-01T00:00:00Z');
  assert.equal(early.status, 1);
  assert.equal((JSON.parse(String(early.stdout)) as { reason: string }).reason, 'not-yet-valid');
  assert.equal(run('yesterday').status, 1);
});
