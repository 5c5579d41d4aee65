/**
 * Proofs about one key: the value it has under a state digest, or that it has none.
 *
 * The proof is the way from the root of the trie towards the key's place: of each part what its digest covers. It ends
 * with the head of a leaf, or where a node has nothing on that way. Of other entries in the leaf it shows the hashes
 * of address and content: nothing to read, but something to check a guess against.
 */
import { bytes, type Cryptography, type Digest, list, rehashedFrom, sameBytes } from '@coppice/wire';
import { addressOf, isKey, isMapName, type Key, valueBytesMax } from './address.ts';
import { entryBytesOf, headBytesMax, isHead, itemsOfLeaf, leafOfEntry, nibbleOf, recordIn } from './leaf.ts';
import { childDigest, isNodePreimage, noDigest, nodeBytes, partDigest, pathLengthMax, placeOf } from './trie.ts';

/** From the root down. Of an empty state: nothing. */
export type Proof = readonly Uint8Array[];

export const proofCodec = list(bytes(Math.max(nodeBytes, headBytesMax)), pathLengthMax + 1);

/** What a proof is about: `value` is `undefined` if the key is said to be absent. */
export interface Claim {
  readonly map: string;
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

export type ProofVerdict = { ok: true } | { ok: false; reason: 'malformed' | 'wrong-digest' | 'wrong-claim' };

function refuse(reason: 'malformed' | 'wrong-digest' | 'wrong-claim'): ProofVerdict {
  return { ok: false, reason };
}

/**
 * Whether `proof` shows that the claim holds in the state with this digest. Total: whatever it is given.
 *
 * @param since a version of the protocol that was active before: the digest is of a hash of it, or of a later one
 */
export function verifyProof(
  cryptography: Cryptography,
  digest: Digest,
  claim: Claim,
  proof: Proof,
  since = 1,
): ProofVerdict {
  // No certificate of a checkpoint says its hash. spec/algorithms.md, 23.
  const verdict = verifyBy(cryptography.of(rehashedFrom), digest, claim, proof);
  return verdict.ok || since >= rehashedFrom ? verdict : verifyBy(cryptography.of(since), digest, claim, proof);
}

function verifyBy(cryptography: Cryptography, digest: Digest, claim: Claim, proof: Proof): ProofVerdict {
  const { map, key, value } = claim;
  if (!isMapName(map) || !isKey(key) || (value?.length ?? 0) > valueBytesMax) return refuse('malformed');
  const address = addressOf(map, key);
  const place = placeOf(cryptography, address);

  // Down the nodes, as far as the proof goes on: each must have the digest that the one above gives it.
  let expected = digest;
  for (const [depth, preimage] of proof.entries()) {
    const path = depth === 0 ? '' : 'below';
    if (!sameBytes(partDigest(cryptography, path, preimage), expected)) return refuse('wrong-digest');
    const last = depth === proof.length - 1;
    if (isHead(preimage)) {
      if (!last) return refuse('malformed');
      const recorded = recordIn(preimage, place);
      if (value === undefined || recorded === undefined)
        return recorded === value ? { ok: true } : refuse('wrong-claim');
      const [item] = itemsOfLeaf(leafOfEntry(place, address, value));
      return sameBytes(cryptography.hash(entryBytesOf(item!)), recorded) ? { ok: true } : refuse('wrong-claim');
    }
    if (!isNodePreimage(preimage) || depth >= pathLengthMax) return refuse('malformed');
    expected = childDigest(preimage, nibbleOf(place, depth));
  }

  // The way ended above a leaf: there must be nothing further down.
  const nothing = proof.length === 0 ? partDigest(cryptography, '', new Uint8Array(0)) : noDigest;
  if (!sameBytes(expected, nothing)) return refuse('malformed');
  return value === undefined ? { ok: true } : refuse('wrong-claim');
}
