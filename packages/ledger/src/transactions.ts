/**
 * The transactions of a batch, as its header names them. spec/ledger.md, "Transactions".
 *
 * A leaf holds three digests, so a receipt can show request and result without showing what was written, and the
 * write set's salt keeps what was written from being guessed from its digest.
 */
import {
  type Cryptography,
  type Digest,
  digestBytes,
  digestOf,
  type Header,
  merkleLeaf,
  type Outcome,
  resultDigest,
  sameBytes,
  transactionLeaf,
} from '@coppice/wire';
import { merkleLevels, pathInLevels, rangePathInLevels, rootFromPath } from './merkle-proof.ts';

/** The digest by which a transaction names what it wrote: of the salt, after its length in a byte, and the encoding. */
export function writeSetDigest(cryptography: Cryptography, salt: Uint8Array, writeSet: Uint8Array): Digest {
  return digestOf(cryptography, 'write-set', Uint8Array.of(salt.length), salt, writeSet);
}

/** The leaves of executed transactions. */
export function outcomeLeaves(cryptography: Cryptography, outcomes: readonly Outcome[]): Uint8Array[] {
  // Many requests in a row have the same answer, such as that they were done: one digest serves them.
  let last: { readonly result: Uint8Array; readonly digest: Digest } | undefined;
  return outcomes.map(({ request, result, salt, writeSet }) => {
    if (last === undefined || !sameBytes(last.result, result)) {
      last = { result, digest: resultDigest(cryptography, result) };
    }
    return transactionLeaf(request, last.digest, writeSetDigest(cryptography, salt, writeSet));
  });
}

const trees = new WeakMap<readonly Outcome[], TransactionsTree>();

/** The tree under a header's `transactionsRoot`. */
export class TransactionsTree {
  readonly root: Digest;
  readonly #leaves: readonly Uint8Array[];
  readonly #levels: readonly Uint8Array[];

  constructor(cryptography: Cryptography, outcomes: readonly Outcome[]) {
    this.#leaves = outcomeLeaves(cryptography, outcomes);
    this.#levels = merkleLevels(cryptography, this.#leaves);
    this.root = outcomes.length === 0 ? cryptography.hash(new Uint8Array(0)) : this.#levels.at(-1)!.slice();
  }

  /** The tree of this very list, made once: whoever executes a batch needs its root, whoever answers for it the paths. */
  static of(cryptography: Cryptography, outcomes: readonly Outcome[]): TransactionsTree {
    let tree = trees.get(outcomes);
    if (tree === undefined) trees.set(outcomes, (tree = new TransactionsTree(cryptography, outcomes)));
    return tree;
  }

  /** Inclusion path of transaction `index`, from 0 to the number of outcomes − 1. */
  path(index: number): Digest[] {
    return pathInLevels(this.#levels, index);
  }

  /** The siblings of transactions `first` … `first + count − 1`: for `proveRange`. */
  rangePath(first: number, count: number): Digest[] {
    return rangePathInLevels(this.#levels, first, count);
  }

  /** The digest of what transaction `index` wrote. */
  writeSetDigest(index: number): Digest {
    return this.#leaves[index]!.subarray(2 * digestBytes);
  }
}

/** Whether the transaction with this leaf is number `index` of those that `header` names. */
export function includesTransaction(
  cryptography: Cryptography,
  header: Header,
  leaf: Uint8Array,
  index: number,
  path: readonly Digest[],
): boolean {
  const root = rootFromPath(cryptography, merkleLeaf(cryptography, leaf), index, header.transactions, path);
  return root !== undefined && sameBytes(root, header.transactionsRoot);
}
