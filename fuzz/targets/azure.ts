/** Machines of Azure: a paravisor's report with its claims in JSON, in a TPM. */
import { createHash, createPublicKey } from 'node:crypto';
import { azureEvidenceType, certificateType, encodeAzureEvidence, type EvidenceBundle } from '@coppice/attestation';
import { decodeTpmEvidence } from '../../packages/attestation/src/tpm/format.ts';
import { now, pinOf } from '../../packages/attestation/test/certificates.ts';
import { ark, ask, report, vcek } from '../../packages/attestation/test/sev-snp/reports.ts';
import { bundleOf as tpmBundleOf, keyOf } from '../../packages/attestation/test/tpm/quotes.ts';
import { evidenceTargets } from '../evidence.ts';
import { must, type Target } from '../target.ts';

const key = keyOf('rsa-pkcs1');

function claims(): Uint8Array {
  const { n, e } = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  });
  return Buffer.from(JSON.stringify({ keys: [{ kid: 'HCLAkPub', kty: 'RSA', e, n }], 'user-data': '00' }));
}

function hostReport(): Uint8Array {
  const text = claims();
  const signed = report(vcek, (bytes) => {
    bytes.fill(0, 0x50, 0x90);
    bytes.set(createHash('sha256').update(text).digest(), 0x50);
  });
  const bytes = Buffer.alloc(2600);
  bytes.write('HCLA');
  bytes.writeUInt32LE(2, 4);
  bytes.writeUInt32LE(1184 + 20 + 32 + text.length, 8);
  bytes.writeUInt32LE(2, 12);
  bytes.set(signed, 32);
  for (const [i, value] of [20 + text.length, 1, 2, 1, text.length].entries())
    bytes.writeUInt32LE(value, 32 + 1184 + 4 * i);
  bytes.set(text, 32 + 1184 + 20);
  return bytes;
}

function bundle(): EvidenceBundle {
  const tpm = decodeTpmEvidence(tpmBundleOf({ key }).evidence.bytes);
  must(tpm.ok, 'what was made is evidence of a TPM');
  const bytes = encodeAzureEvidence({ hostReport: hostReport(), domainQuote: undefined, ...tpm.value });
  return {
    platform: 'azure-snp',
    evidence: { mediaType: azureEvidenceType, bytes },
    endorsements: [vcek, ask, ark].map(({ certificate }) => ({ mediaType: certificateType, bytes: certificate })),
  };
}

export const targets: readonly Target[] = evidenceTargets(
  [{ bundle: bundle(), now }],
  [{ platform: 'sev-snp', spki: pinOf(ark) }],
);
