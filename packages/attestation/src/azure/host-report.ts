/**
 * What an Azure confidential virtual machine has in its TPM (index 0x01400001): the hardware's report, made by the
 * paravisor below the guest, and the paravisor's own claims, whose digest is the report's data.
 *
 *     header (32) │ report (1184) │ header of claims (20) │ claims, JSON │ zeros
 *
 * Azure, "Confidential VM guest attestation", vTPM evidence; all numbers little-endian.
 */
import { type Decoded, decodeUtf8, fromHex, toHex } from '@coppice/wire';
import { decodeBase64 } from '../pem.ts';

const reportOffset = 32;
const reportBytes = 1184;
const claimsOffset = reportOffset + reportBytes;
const claimsHeaderBytes = 20;
const bytesMax = 16 * 1024;

export interface HostReport {
  readonly kind: 'snp' | 'tdx';
  /** 1184 bytes: a report of SEV-SNP; or of TDX, which has a code that only its processor can check, and zeros. */
  readonly report: Uint8Array;
  /** The paravisor's claims, JSON as it stands: what the report's data is a SHA-256 of. */
  readonly claims: Uint8Array;
}

/** The report that exactly these bytes are, or why they are none. */
export function decodeHostReport(bytes: Uint8Array): Decoded<HostReport> {
  const refused = (reason: string): Decoded<never> => ({ ok: false, reason });
  if (bytes.length < claimsOffset + claimsHeaderBytes || bytes.length > bytesMax) return refused('of another length');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const version = u32(4);
  if (toHex(bytes.subarray(0, 4)) !== '48434c41' || version < 1 || version > 2) return refused('unknown header');
  // Kind of request 2 is this report; then a status, which is none, and reserved bytes.
  if (u32(12) !== 2 || bytes.subarray(16, reportOffset).some((byte) => byte !== 0)) return refused('unknown header');
  const [size, claimsVersion, type, hash, length] = [0, 4, 8, 12, 16].map((offset) => u32(claimsOffset + offset));
  const kind = ({ 2: 'snp', 4: 'tdx' } as const)[type!];
  if (kind === undefined || claimsVersion !== 1 || hash !== 1) return refused('unknown kind of report');
  const start = claimsOffset + claimsHeaderBytes;
  const end = start + length!;
  if (size !== claimsHeaderBytes + length! || u32(8) !== claimsOffset + size || end > bytes.length)
    return refused('claims of another length');
  if (bytes.subarray(end).some((byte) => byte !== 0)) return refused('surplus bytes');
  return {
    ok: true,
    value: { kind, report: bytes.subarray(reportOffset, claimsOffset), claims: bytes.subarray(start, end) },
  };
}

/** What the paravisor says of the machine. */
export interface RuntimeClaims {
  /** SubjectPublicKeyInfo of the TPM's attestation key. */
  readonly attestationKey: Uint8Array;
  readonly machine: string | undefined;
  readonly secureBoot: boolean | undefined;
  /** Hexadecimal: what the guest had put into the report. */
  readonly userData: string | undefined;
}

/** The claims in a JSON text. */
export function readRuntimeClaims(bytes: Uint8Array): Decoded<RuntimeClaims> {
  let document: Fields;
  try {
    document = fieldsOf(JSON.parse(decodeUtf8(bytes) ?? ''));
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  const keys = Array.isArray(document['keys']) ? document['keys'].map(fieldsOf) : [];
  const [key, second] = keys.filter(({ kid }) => kid === 'HCLAkPub');
  if (key === undefined || second !== undefined) return { ok: false, reason: 'no attestation key' };
  const attestationKey = rsaKey(key);
  if (attestationKey === undefined) return { ok: false, reason: 'attestation key is not of RSA' };
  const configuration = fieldsOf(document['vm-configuration']);
  const [machine, secureBoot] = [configuration['vmUniqueId'], configuration['secure-boot']];
  const userData = document['user-data'];
  return {
    ok: true,
    value: {
      attestationKey,
      machine: typeof machine === 'string' ? machine : undefined,
      secureBoot: typeof secureBoot === 'boolean' ? secureBoot : undefined,
      userData: typeof userData === 'string' ? userData : undefined,
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** SubjectPublicKeyInfo of a JSON Web Key of RSA with 2048 bits and the exponent 65537. */
function rsaKey({ kty, e, n }: Fields): Uint8Array | undefined {
  if (kty !== 'RSA' || e !== 'AQAB' || typeof n !== 'string') return undefined;
  const modulus = decodeBase64(`${n.replace(/-/g, '+').replace(/_/g, '/')}==`);
  if (modulus?.length !== 256 || modulus[0]! < 0x80) return undefined;
  return fromHex(`30820122300d06092a864886f70d01010105000382010f003082010a0282010100${toHex(modulus)}0203010001`);
}
