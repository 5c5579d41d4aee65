/**
 * Keys of TPM 2.0 as everybody else writes them: TPMT_PUBLIC to SubjectPublicKeyInfo.
 */
import { type Decoded, fromHex, toHex } from '@coppice/wire';
import { decodeTpm, TpmFault, type TpmReader } from './reader.ts';

const digestBytesMax = 64;
const modulusBytesMax = 1024;

/** Attributes that make a key sign nothing but what its TPM has made, and never leave it. */
const restrictedSigner = 0x0005_0032;
const decrypts = 0x0002_0000;

/** The SubjectPublicKeyInfo of the key of a TPMT_PUBLIC that may only sign what its TPM has made. */
export function attestationKeySpki(bytes: Uint8Array): Decoded<Uint8Array> {
  return decodeTpm(bytes, (reader) => {
    const type = reader.u16();
    reader.hash();
    const attributes = reader.u32();
    if ((attributes & restrictedSigner) !== restrictedSigner || (attributes & decrypts) !== 0)
      throw new TpmFault('not a key for attestation');
    reader.sized(digestBytesMax);
    if (reader.u16() !== 0x0010) throw new TpmFault('not a signing key');
    if (reader.u16() !== 0x0010) reader.hash();
    if (type === 0x0001) return rsaSpki(reader);
    if (type === 0x0023) return eccSpki(reader);
    throw new TpmFault('unknown kind of key');
  });
}

const curves = new Map([
  [3, { bytes: 32, prefix: '3059301306072a8648ce3d020106082a8648ce3d03010703420004' }],
  [4, { bytes: 48, prefix: '3076301006072a8648ce3d020106052b8104002203620004' }],
  [5, { bytes: 66, prefix: '30819b301006072a8648ce3d020106052b810400230381860004' }],
]);

function eccSpki(reader: TpmReader): Uint8Array {
  const curve = curves.get(reader.u16());
  if (curve === undefined) throw new TpmFault('unknown curve');
  if (reader.u16() !== 0x0010) throw new TpmFault('key derivation of a signing key');
  const point = [reader.sized(curve.bytes), reader.sized(curve.bytes)];
  return spki(curve.prefix + point.map((part) => toHex(part).padStart(2 * curve.bytes, '0')).join(''));
}

function rsaSpki(reader: TpmReader): Uint8Array {
  reader.u16();
  const exponent = reader.u32() || 65_537;
  const modulus = reader.sized(modulusBytesMax);
  if ((modulus[0] ?? 0) < 0x80) throw new TpmFault('modulus of another length');
  const digits = exponent.toString(16);
  const number = (hex: string): string => der('02', Number.parseInt(hex.slice(0, 2), 16) < 0x80 ? hex : `00${hex}`);
  const key = der('30', number(toHex(modulus)) + number(digits.padStart(digits.length + (digits.length % 2), '0')));
  return spki(der('30', `300d06092a864886f70d0101010500${der('03', `00${key}`)}`));
}

/** DER of a value, all in hexadecimal. */
function der(tag: string, content: string): string {
  const length = content.length / 2;
  const [short, medium] = [length.toString(16).padStart(2, '0'), length.toString(16).padStart(4, '0')];
  return tag + (length < 0x80 ? short : length < 0x100 ? `81${short}` : `82${medium}`) + content;
}

function spki(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new TpmFault('not a key');
  return bytes;
}
