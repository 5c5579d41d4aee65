/**
 * Endorsements that are none of the evidence's: whoever brings them must not have something else judged in its place.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, revocationList } from '../../attestation/test/certificates.ts';
import { casesOf, filesOf, read, skip } from '../../attestation/test/vectors.ts';
import { judgeEvidence } from '../src/commands/evidence.ts';

/** Evidence, then what is no endorsement of it: evidence of its own, or nothing that is read. */
const surplus: readonly (readonly [readonly string[], string])[] = [
  [['sev-snp/turin-v5/report.bin', 'sev-snp/milan-aci-v3/report.bin'], '2026-02-06'],
  [['tdx/phala-v4-tappd/quote.hex', 'tdx/phala-v4/quote.bin', 'tdx/phala-v4/collateral.json'], '2025-06-19'],
  [['sev-snp/milan-aci-v3/report.bin', 'azure-vtpm/snp/evidence-v1.json', 'azure-vtpm/snp/vcek.pem'], '2026-02-06'],
  [['sev-snp/milan-aci-v3/report.bin', 'azure-vtpm/snp/hcl-report.bin', 'azure-vtpm/snp/quote.bin'], '2026-02-06'],
  [['azure-vtpm/snp/hcl-report.bin', 'azure-vtpm/kinvolk/hcl-report-snp.bin', 'azure-vtpm/snp/vcek.pem'], '2025-06-19'],
  [['azure-vtpm/kinvolk/quote.bin', 'azure-vtpm/snp/quote.bin', 'azure-vtpm/kinvolk/akpub.pem'], '2025-02-27'],
  [['azure-vtpm/kinvolk/quote.bin', 'sev-snp/scitt-css-attested/css-attested-20250925.cose'], '2025-09-26'],
  [['sev-snp/milan-aci-v3/report.bin', 'sev-snp/scitt-css-attested/css-attested-20250925.cose'], '2025-09-26'],
  [['sev-snp/scitt-css-attested/css-attested-20250925.cose', 'sev-snp/turin-v5/report.bin'], '2025-09-26'],
  [['sev-snp/milan-aci-v3/report.bin', 'azure-vtpm/kinvolk/quote.bin', 'sev-snp/milan-aci-v3/vcek.pem'], '2026-02-06'],
  [['sev-snp/milan-aci-v3/report.bin', 'tdx/google-v5/tcbInfo.json'], '2026-02-06'],
  [['nitro/evervault-valid/doc.bin', 'nitro/anjuna-prod-2021/doc.bin'], '2022-10-13T08:58:02'],
  [['nitro/evervault-valid/doc.bin', 'sev-snp/roots/ask_ark_milan.pem'], '2022-10-13T08:58:02'],
  [['nitro/evervault-valid/doc.bin', 'sgx/intel-qvl-synthetic/rootCaCrl.der'], '2022-10-13T08:58:02'],
  [['nitro/evervault-valid/doc.bin', 'tdx/google-ccel-cos113/ccel_data.bin'], '2022-10-13T08:58:02'],
  [['nitro/evervault-valid/doc.bin', 'sev-snp/uvm-endorsements/ccf_int_svn.cose'], '2022-10-13T08:58:02'],
];

test('what endorses nothing of the evidence is surplus, and never judged in its place', { skip }, () => {
  for (const [[evidence, ...endorsements], at] of surplus) {
    const now = Date.parse(at.includes('T') ? `${at}Z` : `${at}T00:00:00Z`);
    const told = `${evidence} ${endorsements.join(' ')}`;
    for (const files of [endorsements, endorsements.toReversed()]) {
      const verdict = judgeEvidence(read(evidence!), files.map(read), { now, allowDebug: true });
      assert.equal(verdict.reason, 'endorsement-surplus', `${told}: ${verdict.detail}`);
    }
  }
});

test('a revocation list that nothing in the chain has issued is surplus', { skip }, () => {
  const one = casesOf('tdx')[0]!;
  const [evidence, ...endorsements] = filesOf(one);
  const context = { now: Date.parse(one.verificationTime), allowDebug: false };
  const list = { name: 'list', bytes: revocationList(issue({ commonName: 'Somebody' }), []) };
  assert.equal(judgeEvidence(evidence, [...endorsements, list], context).reason, 'endorsement-surplus');
});

test('a key beside evidence of an Azure machine is that of its paravisor', { skip }, () => {
  const now = Date.parse('2025-06-19T00:00:00Z');
  const files = ['azure-vtpm/snp/quote.bin', 'azure-vtpm/snp/vcek.pem', 'azure-vtpm/kinvolk/akpub.pem'].map(read);
  const verdict = judgeEvidence(read('azure-vtpm/snp/hcl-report.bin'), files, { now, allowDebug: false });
  assert.equal(verdict.reason, 'evidence-mismatch');
});
