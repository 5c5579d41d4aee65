/**
 * The report of a trust domain as the processor makes it: Intel TDX Module ABI, TDREPORT_STRUCT. Its code can be checked
 * only on the same processor; of what a quote repeats, everything must be the same.
 */
import { concatBytes, sameBytes } from '@coppice/wire';
import type { X509Cryptography } from '../signatures.ts';
import type { DomainReport } from '../tdx/domain-report.ts';

const reportBytes = 1024;
const moduleInfo = [256, 495] as const;
const domainInfo = [512, 1024] as const;
/** And what follows the report. */
const reserved = [
  [4, 16],
  [192, 224],
  [495, 512],
  [reportBytes, Infinity],
] as const;

/** What a report, followed by zeros, says otherwise than a quote; `undefined` if nothing. */
export function domainReportMismatch(
  bytes: Uint8Array,
  quoted: DomainReport,
  x509: X509Cryptography,
): string | undefined {
  const part = (from: number, length: number): Uint8Array => bytes.subarray(from, from + length);
  const same =
    bytes[0] === 0x81 &&
    sameBytes(part(128, 64), quoted.reportData) &&
    sameBytes(part(32, 48), x509.hash('sha384', bytes.subarray(...moduleInfo))) &&
    sameBytes(part(80, 48), x509.hash('sha384', bytes.subarray(...domainInfo))) &&
    sameBytes(
      part(264, 120),
      concatBytes(quoted.teeTcbSvn, quoted.mrSeam, quoted.mrSignerSeam, quoted.seamAttributes),
    ) &&
    sameBytes(
      part(512, 400),
      concatBytes(
        quoted.tdAttributes,
        quoted.xfam,
        quoted.mrTd,
        quoted.mrConfigId,
        quoted.mrOwner,
        quoted.mrOwnerConfig,
        ...quoted.rtmr,
      ),
    ) &&
    reserved.every(([from, to]) => bytes.subarray(from, to).every((byte) => byte === 0));
  return same ? undefined : 'the report is of another domain than the quote';
}
