/**
 * Committed batches read back from the disk: the live ledger, and what was filled in behind it.
 *
 * Its certificate stands beside most batches. Another is shown by the next one that is certified, and a path to it: that takes the headers
 * from the last frontier that is kept below it to there, some megabytes of the log, and more than one slice of the thread. So looking for a
 * batch is done in steps, which a {@link FairQueue} takes. spec/client-protocol.md, 6.
 */
import { decodeRecord, type LedgerRecord, type MerkleTree, recordTypes } from '@coppice/ledger';
import type { CommittedBatch } from '@coppice/protocol';
import { type Ledger, type PayloadFilter, StorageError } from '@coppice/storage';
import { batchCodec, type Cryptography, decode, type Header, headerDigest, sameBytes } from '@coppice/wire';
import { Frontiers } from './frontiers.ts';
import type { FilledGap } from './history.ts';
import type { Journal } from './journal.ts';
import { recordsFrom } from './records.ts';

/** Frontiers right below batches that were asked for: whoever reads on asks for the next one. */
const recentMax = 64;

type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;
type CommitRecord = Extract<LedgerRecord, { kind: 'commit' }>;

/** What is done in steps, and gives something in the end. It has to be gone on with until then. */
export type Steps<T> = Generator<undefined, T>;

export interface RecallOptions {
  readonly cryptography: Cryptography;
  readonly ledger: Ledger;
  /** More may come. */
  readonly filled: readonly FilledGap[];
  readonly journal: Pick<Journal, 'rejected'>;
  /** The last batch of the services before this one, which have other certificates: how these are read, if that is known. */
  readonly inherited: number;
  readonly inheritedAt: ((sequence: number) => CommittedBatch | undefined) | undefined;
}

export class Recall {
  readonly #options: RecallOptions;
  readonly #recent = new Frontiers(recentMax);
  /** Of what is in the live ledger. */
  readonly frontiers = new Frontiers();

  constructor(options: RecallOptions) {
    this.#options = options;
  }

  /**
   * The committed batch at `sequence`; `undefined` where the records do not show it, or an archive does not give what that takes: others may
   * have it, and it may be there again later.
   */
  *batchAt(sequence: number): Steps<CommittedBatch | undefined> {
    const { inherited, inheritedAt, journal } = this.#options;
    try {
      if (sequence <= inherited) return inheritedAt?.(sequence);
      return yield* this.#find(sequence);
    } catch (error) {
      if (!(error instanceof StorageError) || error.detail.code !== 'ARCHIVE_UNAVAILABLE') throw error;
      journal.rejected('disk', 'read', 'archive-unavailable', error.message);
      return undefined;
    }
  }

  *#find(sequence: number): Steps<CommittedBatch | undefined> {
    const { cryptography, filled, ledger } = this.#options;
    const batches: BatchRecord[] = [];
    let commit: CommitRecord | undefined;
    const gap = filled.find(({ from, to }) => from <= sequence && sequence <= to);
    for (const record of decodedRecords((gap?.reader ?? ledger).read(sequence))) {
      if (record.kind === 'batch') batches.push(record);
      if (record.kind === 'commit' && record.certificate.subject.sequence === sequence) commit ??= record;
    }
    if (commit === undefined) return yield* this.#byLater(sequence, batches);
    const { subject } = commit.certificate;
    const batch = batches.find(({ header }) => sameBytes(headerDigest(cryptography, header), subject.headerDigest));
    return batch && committedBatch(cryptography, batch, batch.header, commit.certificate, []);
  }

  /** A batch without a certificate of its own: committed by that of a later header, which a path connects it with. */
  *#byLater(sequence: number, batches: readonly BatchRecord[]): Steps<CommittedBatch | undefined> {
    const { cryptography, filled, ledger } = this.#options;
    const tree = this.#treeBelow(sequence);
    if (tree === undefined || batches.length === 0) return undefined;
    const headers = new Map<number, Header>();
    const wanted: PayloadFilter = ({ type }) => type === recordTypes.batch || type === recordTypes.commit;
    const records = recordsFrom(ledger, filled, { from: tree.size + 1, to: Infinity, wanted });
    for (const record of decodedRecords(records)) {
      // Of several at a place, the last before what certifies it is the one that was committed.
      if (record.kind === 'batch') headers.set(record.header.sequence, record.header);
      if (record.kind === 'commit' && record.certificate.subject.sequence > sequence) {
        const { certificate } = record;
        const certified = headers.get(certificate.subject.sequence);
        if (certified === undefined || !grow(tree, headers, certified)) return undefined;
        this.#recent.keep(tree, sequence);
        const digest = tree.leaf(sequence - 1)!;
        const batch = batches.find(({ header }) => sameBytes(headerDigest(cryptography, header), digest));
        const path = tree.inclusionPath(sequence - 1, tree.size);
        return batch && committedBatch(cryptography, batch, certified, certificate, path);
      }
      yield;
    }
    return undefined;
  }

  /** The largest tree that is kept and does not have this batch's header. */
  #treeBelow(sequence: number): MerkleTree | undefined {
    const { cryptography, filled } = this.#options;
    return [this.frontiers, this.#recent, ...filled.map(({ frontiers }) => frontiers)]
      .map((frontiers) => frontiers.treeBelow(cryptography, sequence - 1))
      .reduce((best, tree) => ((tree?.size ?? -1) > (best?.size ?? -1) ? tree : best));
  }
}

/** Whether these headers lead from the tree to the one that is certified. */
function grow(tree: MerkleTree, headers: ReadonlyMap<number, Header>, certified: Header): boolean {
  for (let sequence = tree.size + 1; sequence < certified.sequence; sequence++) {
    const header = headers.get(sequence);
    if (header === undefined) return false;
    tree.appendHeader(header);
  }
  return sameBytes(tree.root(), certified.previousRoot);
}

function* decodedRecords(records: Iterable<{ type: number; payload: Uint8Array }>): Generator<LedgerRecord> {
  for (const { type, payload } of records) {
    const record = decodeRecord(type, payload);
    if (record.ok) yield record.value;
  }
}

export function committedBatch(
  cryptography: Cryptography,
  { header, batch, outcomes }: BatchRecord,
  certified: Header,
  certificate: CommitRecord['certificate'],
  path: readonly Uint8Array[],
): CommittedBatch | undefined {
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) return undefined;
  return {
    header,
    headerDigest: headerDigest(cryptography, header),
    items: decoded.value.items,
    outcomes,
    certified,
    certificate,
    path,
  };
}
