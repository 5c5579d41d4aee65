/**
 * The certificate table that a host hands a guest with its report: Guest-Hypervisor Communication Block (56421), "Certificate
 * Data Structure", which Linux shows as `auxblob`.
 *
 * Rows of identifier, offset and length end with a row of zeros; the blobs follow. Hosts put DER there as well as PEM,
 * leave entries out, and add others: all of it is only a place to find certificates in.
 */
import { type Decoded, decodeUtf8, toHex } from '@coppice/wire';
import { decodePem } from '../pem.ts';

const rowBytes = 24;
const rowsMax = 16;
/** Identifiers of ARK, ASK or ASVK, VCEK and VLEK, in the byte order of the table. */
const certificates = new Set([
  'c0b406a4a803495297433fb6014cd0ae',
  '4ab7b379bbac4fe4a02f05aef327c782',
  '63da758de6644564adc5f4b93be8accd',
  'a8074bc2a25a483eaae639c045a0b8a1',
]);

/** DER of the certificates in the table, in its order, or why it is no such table. */
export function decodeCertificateTable(bytes: Uint8Array): Decoded<readonly Uint8Array[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  for (let row = 0; row < rowsMax; row++) {
    const start = row * rowBytes;
    if (start + rowBytes > bytes.length) return { ok: false, reason: 'table is cut off' };
    const id = toHex(bytes.subarray(start, start + 16));
    const [offset, length] = [view.getUint32(start + 16, true), view.getUint32(start + 20, true)];
    if (/^0+$/.test(id)) {
      return row > 0 && offset === 0 && length === 0
        ? { ok: true, value: found }
        : { ok: false, reason: 'not a certificate table' };
    }
    if (offset + length > bytes.length) return { ok: false, reason: 'entry beyond the end' };
    if (!certificates.has(id)) continue;
    const entry = bytes.subarray(offset, offset + length);
    const read = certificatesOf(entry);
    if (!read.ok) return read;
    found.push(...read.value);
  }
  return { ok: false, reason: 'too many rows' };
}

function certificatesOf(entry: Uint8Array): Decoded<readonly Uint8Array[]> {
  if (entry[0] === 0x30) return { ok: true, value: [entry] };
  const text = decodeUtf8(entry);
  const blocks = text === undefined ? undefined : decodePem(text);
  if (blocks?.ok !== true) return { ok: false, reason: 'entry is no certificate' };
  return { ok: true, value: blocks.value.map((block) => block.bytes) };
}
