/**
 * RFC 9162 Merkle roots (section 2.1.1): leaves are hashed with prefix 0, inner nodes with prefix 1, and a tree whose
 * size is no power of two splits at the largest power of two below its size. Trees that grow, and proofs, are in
 * `ledger`; this is the plain function, for lists that are at hand.
 */
import { allocate, copyInto } from './bytes.ts';
import type { Cryptography, Digest } from './cryptography.ts';

export function merkleLeaf(cryptography: Cryptography, leaf: Uint8Array): Digest {
  const prefixed = allocate(1 + leaf.length);
  copyInto(prefixed, leaf, 1);
  return cryptography.hash(prefixed);
}

export function merkleNode(cryptography: Cryptography, left: Digest, right: Digest): Digest {
  const prefixed = allocate(65);
  prefixed[0] = 1;
  copyInto(prefixed, left, 1);
  copyInto(prefixed, right, 33);
  return cryptography.hash(prefixed);
}

/** The root over `leaves`; of no leaves, the hash of nothing. */
export function merkleRoot(cryptography: Cryptography, leaves: readonly Uint8Array[]): Digest {
  if (leaves.length === 0) return cryptography.hash(new Uint8Array(0));
  // Level by level, an odd node moves up as it is: the same tree as the recursive split of the RFC.
  let level = leaves.map((leaf) => merkleLeaf(cryptography, leaf));
  while (level.length > 1) {
    const above: Digest[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(merkleNode(cryptography, level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) above.push(level.at(-1)!);
    level = above;
  }
  return level[0]!;
}
