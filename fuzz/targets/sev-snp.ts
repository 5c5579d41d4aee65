/** Reports of AMD SEV-SNP, their certificates and lists; real ones too, where COPPICE_VECTORS has them. */
import { assembleSnp, decodeCertificateTable, decodePem } from '@coppice/attestation';
import { now, pinOf, revocationList } from '../../packages/attestation/test/certificates.ts';
import { ark, ask, report, vcek } from '../../packages/attestation/test/sev-snp/reports.ts';
import { casesOf, filesOf } from '../../packages/attestation/test/vectors.ts';
import { evidenceTargets, type Sample } from '../evidence.ts';
import { type Target, textOfBytes } from '../target.ts';

const certificates = [vcek, ask, ark].map(({ certificate }) => certificate);
const made = { bundle: assembleSnp(report(), certificates, [revocationList(ark, [1, 2])])[0]!, now };
const real = casesOf('sev-snp').map((one): Sample => {
  const [quoted, ...others] = filesOf(one);
  const chain = others.flatMap(({ bytes }) => {
    const pem = decodePem(textOfBytes(bytes));
    return pem.ok ? pem.value.map((block) => block.bytes) : [bytes];
  });
  return { bundle: assembleSnp(quoted.bytes, chain, [])[0]!, now: Date.parse(one.verificationTime) };
});

/** Entries of 24 bytes, a zero one, then what they point to (GHCB specification, 4.1.8.1). */
function certificateTable(): Uint8Array {
  const head = Buffer.alloc(24 * (certificates.length + 1));
  let offset = head.length;
  for (const [i, { length }] of certificates.entries()) {
    head.fill(i + 1, 24 * i, 24 * i + 16);
    head.writeUInt32LE(offset, 24 * i + 16);
    head.writeUInt32LE(length, 24 * i + 20);
    offset += length;
  }
  return new Uint8Array(Buffer.concat([head, ...certificates]));
}

const table: Target = {
  name: 'snp-certificate-table',
  dialect: 'bytes',
  seeds: () => [certificateTable()],
  run(input) {
    const decoded = decodeCertificateTable(input);
    return decoded.ok ? undefined : decoded.reason;
  },
};

export const targets: readonly Target[] = [
  ...evidenceTargets([made, ...real], [{ platform: 'sev-snp', spki: pinOf(ark) }]),
  table,
];
