/**
 * Parts of a state on the wire and on disk: the nodes and leaves of the trie, each with its path.
 *
 * A part is the very bytes that its digest covers (of a leaf: its head, and the entries that the head has hashes of),
 * so whoever holds the digest checks it alone. No part is longer than one entry of the largest size.
 */
import { bytes, decode, type Decoded, encode, limits, list, malformed, mapped, struct, text } from '@coppice/wire';
import { leafBytesMax } from './leaf.ts';
import { type Path, pathLengthMax } from './trie.ts';

export interface StatePart {
  readonly path: Path;
  readonly bytes: Uint8Array;
}

/** Bytes of one part. */
export const partBytesMax = leafBytesMax;
/** What a part takes beside its bytes and path, in a list of them. */
export const partOverhead = 8;
/** Parts, or paths, of one message or chunk. */
export const partsMax = Math.floor(limits.messageBytes / partOverhead);

/** Hexadecimal digits, at most 64. */
export const pathCodec = mapped(
  text(pathLengthMax),
  (path): Path => (/^[0-9a-f]*$/.test(path) ? path : malformed('not a path')),
  (path) => path,
);

const partsCodec = list(struct({ path: pathCodec, bytes: bytes(partBytesMax) }), partsMax);

/** Parts in one byte string: an answer to a replica, or a chunk of a snapshot on disk. */
export function encodeParts(parts: readonly StatePart[]): Uint8Array {
  let length = 4;
  for (const part of parts) length += partOverhead + part.path.length + part.bytes.length;
  return encode(partsCodec, parts, length);
}

/** The parts in a byte string. Their bytes are views of it. Says nothing of their digests. */
export function decodeParts(encoded: Uint8Array): Decoded<readonly StatePart[]> {
  return decode(partsCodec, encoded);
}
