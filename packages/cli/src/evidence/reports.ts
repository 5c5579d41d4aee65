/**
 * What hardware has signed, told apart by how it begins.
 */
import { snpReportBytes } from '@coppice/attestation';
import { type Parts, type Pool, setPart } from './pool.ts';

/** Whether the bytes are what hardware has signed, or an Azure machine's TPM has of it; that is then in the pool. */
export function addReport(file: Uint8Array, pool: Pool): boolean {
  const bytes = unwrapped(file);
  const platform = platformOf(bytes);
  if (platform === 'azure') setPart(pool, 'hostReport', bytes);
  else if (platform !== undefined) setPart(pool, 'report', { platform, bytes });
  return platform !== undefined;
}

/** What Open Enclave writes before a quote: its version, kind and length. */
function unwrapped(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 16) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [version, kind, length] = [view.getUint32(0, true), view.getUint32(4, true), view.getBigUint64(8, true)];
  return version === 1 && kind === 2 && Number(length) === bytes.length - 16 ? bytes.subarray(16) : bytes;
}

function platformOf(bytes: Uint8Array): Parts['report']['platform'] | 'azure' | undefined {
  if (bytes.length < 48) return undefined;
  const start = Buffer.from(bytes).subarray(0, 8).toString('hex');
  if (start.startsWith('48434c41')) return 'azure';
  if (/^(d2)?8444a1013822a0/.test(start)) return 'nitro';
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (bytes.length === snpReportBytes && view.getUint32(0, true) < 256) return 'sev-snp';
  const [version, keyType, teeType] = [view.getUint16(0, true), view.getUint16(2, true), view.getUint32(4, true)];
  if (version < 3 || version > 5 || keyType !== 2) return undefined;
  return teeType === 0x81 ? 'tdx' : 'sgx';
}
