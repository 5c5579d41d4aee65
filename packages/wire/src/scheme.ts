/**
 * By which scheme seats sign: one frozen table, by version of the protocol. spec/algorithms.md.
 *
 * A key says by its length of which scheme it is, and with it its signatures. Scheme 1 is encoded as it was before there was another;
 * one that stands in its place begins with bytes that no key and no signature of it can have.
 */
import { type Codec, fixed } from './codec.ts';
import { publicKeyBytes, signatureBytes } from './cryptography.ts';

/** Lengths of a key and a signature. */
interface Lengths {
  readonly publicKeyBytes: number;
  readonly signatureBytes: number;
}

export const schemes = {
  /** Ed25519. */
  1: { publicKeyBytes, signatureBytes },
  /** Ed25519 and ML-DSA-65, both of which have to hold: one after the other. */
  2: { publicKeyBytes: publicKeyBytes + 1952, signatureBytes: signatureBytes + 3309 },
} as const satisfies Readonly<Record<number, Lengths>>;

export type Scheme = keyof typeof schemes;

/** Of the keys that joins bring while this version of the protocol is active. */
export function schemeOf(protocol: number): Scheme {
  return protocol < 3 ? 1 : 2;
}

/** Whether all keys of a join are of one scheme, and of this one. */
export function keysOf(scheme: Scheme, keys: readonly { readonly signingKey: Uint8Array }[]): boolean {
  return keys.every(({ signingKey }) => signingKey.length === schemes[scheme].publicKeyBytes);
}

/** Of scheme 1 as it is; of scheme 2 after as many bytes ff as one of scheme 1 has. */
function ofEither(field: keyof Lengths): Codec<Uint8Array> {
  const [short, long] = [schemes[1][field], schemes[2][field]];
  const [first, second] = [fixed(short), fixed(long)];
  const mark = new Uint8Array(short).fill(0xff);
  const marked = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes.every((byte) => byte === 0xff);
  return {
    write(writer, value) {
      if (value.length !== long) {
        if (marked(value)) throw new RangeError('what announces another scheme is nothing of the first');
        return first.write(writer, value);
      }
      writer.raw(mark);
      second.write(writer, value);
    },
    read(reader) {
      const bytes = first.read(reader);
      return marked(bytes) ? second.read(reader) : bytes;
    },
  };
}

/** A key with which a seat signs. */
export const signingKey = ofEither('publicKeyBytes');
/** Its signature. */
export const seatSignature = ofEither('signatureBytes');
