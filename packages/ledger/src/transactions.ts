/**
 * The transactions of a batch, as its header names them. spec/ledger.md, "Transactions".
 *
 * A leaf holds three digests, so a receipt can show request and result without showing what was written, and the
 * write set's salt keeps what was written from being guessed from its digest. What was written to public maps can be shown by
 * itself, beside the digest of the rest.
 */
import {
  allocate,
  concatBytes,
  type Cryptography,
  type Digest,
  digestBytes,
  digestOf,
  fromLatin1,
  type Header,
  merkleLeaf,
  type Outcome,
  publicMapPrefix,
  resultDigest,
  sameBytes,
  transactionLeaf,
} from '@coppice/wire';
import { merkleLevels, pathInLevels, rangePathInLevels, rootFromPath } from './merkle-proof.ts';

/** The digest by which a transaction names what it wrote. */
export function writeSetDigest(cryptography: Cryptography, salt: Uint8Array, writeSet: Uint8Array): Digest {
  const parts = splitWriteSet(writeSet);
  if (parts === undefined) return privateWriteSetDigest(cryptography, salt, writeSet);
  const rest = privateWriteSetDigest(cryptography, salt, parts.rest);
  return publicWriteSetDigest(cryptography, parts.shown, rest);
}

/** Of the salt, after its length in a byte, and the encoding. */
export function privateWriteSetDigest(cryptography: Cryptography, salt: Uint8Array, writeSet: Uint8Array): Digest {
  return digestOf(cryptography, 'write-set', Uint8Array.of(salt.length), salt, writeSet);
}

/** Of a write set that has changes of public maps: these, encoded, and the digest of all others. */
export function publicWriteSetDigest(cryptography: Cryptography, shown: Uint8Array, rest: Digest): Digest {
  return digestOf(cryptography, 'public-write-set', shown, rest);
}

const prefix = fromLatin1(publicMapPrefix);

/**
 * The changes of public maps, and all others, each encoded as a write set; `undefined` where none is of a public map. Addresses ascend, so
 * such changes are neighbours.
 */
export function splitWriteSet(
  encoded: Uint8Array,
): { readonly shown: Uint8Array; readonly rest: Uint8Array } | undefined {
  if (encoded.length < 8) return undefined;
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  const count = view.getUint32(0);
  let at = 4;
  const pass = (order: number): number => {
    let passed = 0;
    while (at + 4 <= encoded.length && comparePrefix(encoded, at + 4) === order) {
      const change = changeBytes(view, at);
      if (change === undefined) break;
      at += change;
      passed += 1;
    }
    return passed;
  };
  // Most have none: their first address comes after all of public maps.
  pass(-1);
  const begin = at;
  const shown = pass(0);
  if (shown === 0 || shown > count) return undefined;
  return {
    shown: withCount(shown, encoded.subarray(begin, at)),
    rest: withCount(count - shown, encoded.subarray(4, begin), encoded.subarray(at)),
  };
}

/** How the address at `at` compares with those of public maps: 0 if it is one. */
function comparePrefix(encoded: Uint8Array, at: number): number {
  for (let i = 0; i < prefix.length; i++) {
    const byte = prefix[i]!;
    const there = encoded[at + i];
    if (there === undefined || there < byte) return -1;
    if (there > byte) return 1;
  }
  return 0;
}

/** Bytes of the change that begins at `at`; `undefined` where there is no whole one. */
function changeBytes(view: DataView, at: number): number | undefined {
  const value = at + 4 + view.getUint32(at);
  if (value >= view.byteLength) return undefined;
  if (view.getUint8(value) === 0) return value + 1 - at;
  if (value + 5 > view.byteLength) return undefined;
  const end = value + 5 + view.getUint32(value + 1);
  return end > view.byteLength ? undefined : end - at;
}

function withCount(count: number, ...changes: readonly Uint8Array[]): Uint8Array {
  const encoded = concatBytes(allocate(4), ...changes);
  new DataView(encoded.buffer, encoded.byteOffset).setUint32(0, count);
  return encoded;
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
  const hash = cryptography.of(header.protocolVersion);
  const root = rootFromPath(hash, merkleLeaf(hash, leaf), index, header.transactions, path);
  return root !== undefined && sameBytes(root, header.transactionsRoot);
}
