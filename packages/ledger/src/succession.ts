/**
 * A service that goes on where another one was lost, as far as ledgers tell: the head that it names is one that a quorum
 * of the old service prepared, and its tree is the old one. Whether the members may found it so is governance's to say.
 * spec/recovery.md, lines 40-43.
 */
import {
  type Cryptography,
  type Digest,
  type GenesisDocument,
  headerDigest,
  headersInherited,
  sameBytes,
  validPreparedCertificate,
} from '@coppice/wire';
import type { ChainVerifier } from './chain.ts';
import { MerkleTree } from './merkle-tree.ts';

/** The tree of all headers that a successor inherits, trimmed to the last of them; a reason where the document does not give it. */
export function inheritedTree(
  cryptography: Cryptography,
  { genesis: { predecessor }, inheritance }: GenesisDocument,
): MerkleTree | string {
  if (predecessor === undefined || inheritance === undefined) return 'there is no predecessor';
  const { header, ledgerRoot } = predecessor;
  const size = Math.max(0, header.sequence - headersInherited);
  const tree = MerkleTree.fromFrontier(cryptography, size, inheritance.peaks, header.rehashed);
  if (tree === undefined || size + inheritance.recent.length !== header.sequence) return 'a frontier of another size';
  for (const leaf of inheritance.recent) tree.append(leaf);
  if (!sameBytes(tree.root(), ledgerRoot)) return 'the frontier has another root';
  const last = tree.leaf(header.sequence - 1);
  if (last === undefined || !sameBytes(last, headerDigest(cryptography, header))) return 'the last header is another';
  return sameBytes(header.previousRoot, tree.root(header.sequence - 1)) ? tree : 'the last header is of another log';
}

/**
 * Why this document does not go on where the service of `chain` ends, as far as the chain tells: it must have been followed
 * as far as its holder can. `seen` is the highest header that the holder saw certified.
 */
export function headObjection(
  cryptography: Cryptography,
  chain: ChainVerifier,
  document: GenesisDocument,
  seen?: { readonly sequence: number; readonly digest: Digest },
): { readonly kind: 'invalid' | 'fork'; readonly reason: string } | undefined {
  const invalid = (reason: string) => ({ kind: 'invalid', reason }) as const;
  const fork = (reason: string) => ({ kind: 'fork', reason }) as const;
  const { predecessor, configuration, time } = document.genesis;
  if (predecessor === undefined) return invalid('it names no predecessor');
  const { certificate, header, service } = predecessor;
  if (!sameBytes(service, chain.service)) return invalid('it goes on from another service');
  if (!sameBytes(header.service, service)) return invalid('its head is of another service');
  if (configuration.epoch !== header.epoch + 1) return invalid('its first epoch is not the next one');
  if (time < header.time) return invalid('it is dated before what it goes on from');
  const tree = inheritedTree(cryptography, document);
  if (typeof tree === 'string') return invalid(tree);

  const epoch = chain.start(header.epoch);
  if (epoch === undefined) return invalid(`its head is of epoch ${header.epoch}, which is not known`);
  const { subject } = certificate;
  const about =
    subject.epoch === header.epoch &&
    subject.sequence === header.sequence &&
    sameBytes(subject.headerDigest, headerDigest(cryptography, header));
  if (!about || !validPreparedCertificate(cryptography, service, epoch.configuration, certificate))
    return invalid('no quorum prepared its head');
  if (header.sequence <= epoch.sequence) return invalid('its head is numbered as if before its epoch');

  const next = chain.start(header.epoch + 1);
  if (next !== undefined && (chain.epoch > header.epoch + 1 || next.sequence !== header.sequence))
    return fork(
      `it goes on from batch ${header.sequence} of epoch ${header.epoch}, and epoch ${chain.epoch} has begun`,
    );
  if (seen !== undefined && seen.sequence > header.sequence)
    return fork(`it goes on from batch ${header.sequence}, and batch ${seen.sequence} was committed`);
  const there = seen === undefined ? undefined : tree.leaf(seen.sequence - 1);
  if (seen !== undefined && there !== undefined && !sameBytes(there, seen.digest))
    return fork(`it has another batch ${seen.sequence} than was committed`);
  return undefined;
}
