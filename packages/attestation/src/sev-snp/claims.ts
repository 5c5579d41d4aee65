/**
 * What a report says, for people and for `--json`: shown of refused evidence too, so nothing here is verified.
 */
import { toHex } from '@coppice/wire';
import type { EvidenceBundle } from '../bundle.ts';
import type { ShownClaims } from '../evidence.ts';
import { decodeCertificate } from '../x509.ts';
import { readEndorsementKey } from './endorsement-key.ts';
import { type Product, productOf, tcbParts } from './products.ts';
import { decodeReport, policyBits, type SnpReport } from './report.ts';

/** `undefined` if the evidence is no report. */
export function snpClaims({ evidence, endorsements }: EvidenceBundle): ShownClaims | undefined {
  const decoded = decodeReport(evidence.bytes);
  if (!decoded.ok) return undefined;
  const report = decoded.value;
  const product = productOf(report) ?? certifiedProduct(endorsements[0]?.bytes);
  return {
    reportVersion: report.version,
    product: product?.name ?? null,
    vmpl: report.vmpl,
    signingKey: report.signingKey,
    policy: `0x${report.policy.toString(16)}`,
    debug: (report.policy & policyBits.debug) !== 0n,
    migratable: (report.policy & policyBits.migration) !== 0n,
    guestSvn: report.guestSvn,
    platformInfo: `0x${report.platformInfo.toString(16)}`,
    reportedTcb: versions(product, report, 'reportedTcb'),
    currentTcb: versions(product, report, 'currentTcb'),
    committedTcb: versions(product, report, 'committedTcb'),
    launchTcb: versions(product, report, 'launchTcb'),
    measurement: toHex(report.measurement),
    hostData: toHex(report.hostData),
    reportData: toHex(report.reportData),
    familyId: toHex(report.familyId),
    imageId: toHex(report.imageId),
    idKeyDigest: toHex(report.idKeyDigest),
    authorKeyDigest: toHex(report.authorKeyDigest),
    chipId: toHex(report.chipId),
  };
}

/** A report of version 2 does not name its product. */
function certifiedProduct(leaf: Uint8Array | undefined): Product | undefined {
  const certificate = leaf === undefined ? undefined : decodeCertificate(leaf);
  const key = certificate?.ok === true ? readEndorsementKey(certificate.value) : undefined;
  return key?.ok === true ? key.value.product : undefined;
}

function versions(
  product: Product | undefined,
  report: SnpReport,
  field: 'reportedTcb' | 'currentTcb' | 'committedTcb' | 'launchTcb',
): Readonly<Record<string, number>> | string {
  return product === undefined ? toHex(report[field]) : tcbParts(product, report[field]);
}
