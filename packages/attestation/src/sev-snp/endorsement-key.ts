/**
 * What AMD certifies of the key that signs reports: Versioned Chip Endorsement Key Certificate and KDS Interface
 * Specification (57230), and its counterpart for keys that a provider has loaded (VLEK, 58369).
 *
 * The key is derived from the chip's secret and the versions of its firmware, so its certificate names both.
 */
import type { Decoded } from '@coppice/wire';
import { decodeDer, smallInteger, tags } from '../der.ts';
import type { Certificate } from '../x509.ts';
import { type Product, products } from './products.ts';

const arc = '1.3.6.1.4.1.3704.1';
const productOid = `${arc}.2`;
const chipOid = `${arc}.4`;
const providerOid = `${arc}.5`;

export interface EndorsementKey {
  readonly kind: 'VCEK' | 'VLEK';
  readonly product: Product;
  /** The TCB bytes that the key is derived from. */
  readonly tcb: Uint8Array;
  /** Of a VCEK: the chip's identity, as 64 bytes that end in zeros where it is shorter. */
  readonly chip: Uint8Array | undefined;
  /** Of a VLEK: the provider that the key was made for. */
  readonly provider: string | undefined;
}

/** What a certificate says of the key in it, or why it is no certificate of such a key. */
export function readEndorsementKey({ commonName, extensions }: Certificate): Decoded<EndorsementKey> {
  const kind = ({ 'SEV-VCEK': 'VCEK', 'SEV-VLEK': 'VLEK' } as const)[commonName];
  if (kind === undefined) return { ok: false, reason: 'neither a VCEK nor a VLEK' };
  // The product may be followed by a stepping: Milan-B0.
  const name = ia5Text(extensions.get(productOid))?.split('-', 1)[0];
  const product = products.find((one) => one.name === name);
  if (product === undefined) return { ok: false, reason: 'unknown product' };
  const tcb = new Uint8Array(8);
  for (const [i, last] of product.extensions.entries()) {
    const version = integer(extensions.get(`${arc}.3.${last}`));
    if (version === undefined || version > 255) return { ok: false, reason: 'a version is missing' };
    tcb[i] = version;
  }
  const identity = extensions.get(chipOid);
  const provider = ia5Text(extensions.get(providerOid));
  if (kind === 'VCEK' ? identity?.length !== product.chipBytes : provider === undefined)
    return { ok: false, reason: kind === 'VCEK' ? 'no chip identity' : 'no provider' };
  let chip: Uint8Array | undefined;
  if (kind === 'VCEK') {
    chip = new Uint8Array(64);
    chip.set(identity!);
  }
  return { ok: true, value: { kind, product, tcb, chip, provider: kind === 'VLEK' ? provider : undefined } };
}

function integer(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const decoded = decodeDer(value, (reader) => smallInteger(reader.next(tags.integer)));
  return decoded.ok ? decoded.value : undefined;
}

function ia5Text(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  const decoded = decodeDer(value, (reader) => reader.next(tags.ia5String).content);
  return decoded.ok ? asciiText(decoded.value) : undefined;
}

function asciiText(bytes: Uint8Array): string | undefined {
  return bytes.length <= 128 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
    ? String.fromCharCode(...bytes)
    : undefined;
}
