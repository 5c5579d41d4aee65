/**
 * The log that a service goes on from, read back: the state that its write sets make, and what leads there.
 *
 * Whoever founds a successor does this alone, from the files that the host gives it, and takes the result for its own if it has
 * the root and the digest that the members signed. Nothing that was voted is read, only what was executed. spec/recovery.md, line 34.
 */
import type { Ancestor } from '@coppice/client';
import { genesisWriteSet } from '@coppice/execution';
import {
  type Constitution,
  encodeConstitution,
  readConstitution,
  verifyGenesis,
  verifyGenesisAgain,
} from '@coppice/governance';
import { nodeCryptography } from '@coppice/cryptography';
import { ChainVerifier, decodeRecord, headObjection, type LedgerRecord, MerkleTree } from '@coppice/ledger';
import { decodeWriteSet, type PageStore, type Snapshot, State } from '@coppice/state';
import { type FileKeys, LedgerIndex, type LedgerReader, readLedger } from '@coppice/storage';
import {
  assert,
  type CheckpointCertificate,
  type Digest,
  type EpochCertificate,
  type GenesisDocument,
  headerDigest,
  type Header,
  type Outcome,
  sameBytes,
  serviceDigest,
} from '@coppice/wire';
import { checkBatch } from './history.ts';
import type { ReadItem } from './records.ts';

export interface InheritedLog {
  readonly state: State;
  readonly constitution: Constitution;
  /** Over all headers. */
  readonly tree: MerkleTree;
  readonly header: Header;
  /** The oldest first. */
  readonly ancestors: readonly Ancestor[];
  /** The last checkpoint of the last of them, and its state. */
  readonly checkpoint: { readonly certificate: CheckpointCertificate; readonly snapshot: Snapshot } | undefined;
}

interface Waiting {
  readonly header: Header;
  readonly outcomes: readonly Outcome[];
}

/**
 * What the log in this folder gives to the founders of the successor that `document` describes. Throws where it is not the log that
 * the members signed for, or they may not go on from it.
 */
export async function inherit(
  folder: string,
  keys: FileKeys,
  service: Digest,
  document: GenesisDocument,
  pages: PageStore | undefined,
): Promise<InheritedLog & { readonly reader: LedgerReader }> {
  const { predecessor } = document.genesis;
  assert(predecessor !== undefined, 'only a successor inherits');
  const index = new LedgerIndex(folder, keys);
  const records = noted(readLedger(folder, { service, keys }), index);
  const log = await replayLog(records, predecessor.header.sequence, { service: predecessor.service, pages });
  if (!sameBytes(log.tree.root(), predecessor.ledgerRoot)) throw new Error('the log that is there has another root');
  if (!sameBytes(log.state.digest(), predecessor.stateDigest)) throw new Error('the state after it is another');
  if (!sameBytes(encodeConstitution(log.constitution), document.constitution))
    throw new Error('another constitution was in force');
  const last = log.ancestors.at(-1)!;
  const { genesis } = last.document;
  // Its seats' keys say what was prepared. Those of older services say nothing here: whoever sat in this one looked at them before voting.
  const founded = verifyGenesis(nodeCryptography, last.document);
  if (!founded.ok) throw new Error(`the last genesis does not hold: ${founded.check}: ${founded.reason}`);
  const chain = ChainVerifier.fromGenesis(nodeCryptography, serviceDigest(nodeCryptography, genesis), genesis);
  if (!chain.ok) throw new Error(chain.reason);
  for (const epoch of last.epochs) {
    const objection = chain.value.extend(epoch);
    if (objection !== undefined) throw new Error(`the chain of epochs does not hold: ${objection}`);
  }
  const objection = headObjection(nodeCryptography, chain.value, document);
  if (objection !== undefined) throw new Error(objection.reason);
  return { ...log, reader: index.reader() };
}

/** The log is long: it is read once, also for those who will ask for parts of it. */
function* noted(records: Iterable<ReadItem>, index: LedgerIndex): Generator<ReadItem> {
  for (const item of records) {
    if (item.kind === 'record') index.add(item);
    yield item;
  }
}

/** Records between two breaths. */
const breathRecords = 64;

interface ReplayOptions {
  /** The last service, where members or an audit verified the log: each genesis in it is then one that they verified. */
  readonly service?: Digest;
  readonly pages?: PageStore | undefined;
}

/**
 * Replays the batches up to `through`. Throws where the records do not make a log, or not one of `service`: that what they make is the
 * right one, its root and its digest have to show.
 */
export async function replayLog(
  records: Iterable<ReadItem>,
  through: number,
  options: ReplayOptions = {},
): Promise<InheritedLog> {
  const replay = new Replay(through, options);
  let read = 0;
  for (const item of records) {
    if (item.kind !== 'record') {
      if (item.kind === 'corrupt') throw new Error(`${item.damage.segment} is damaged at ${item.damage.offset}`);
      break;
    }
    const record = decodeRecord(item.record.type, item.record.payload.slice());
    if (!record.ok) throw new Error(`record ${item.record.position}: ${record.reason}`);
    replay.take(record.value);
    if (++read % breathRecords === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return replay.finish();
}

class Replay {
  readonly #through: number;
  readonly #service: Digest | undefined;
  readonly #tree = new MerkleTree(nodeCryptography);
  readonly #state: State;
  readonly #ancestors: { document: GenesisDocument; epochs: EpochCertificate[] }[] = [];
  #waiting: Waiting[] = [];
  #applied = 0;
  #last: Header | undefined;
  #checkpoint: InheritedLog['checkpoint'];

  constructor(through: number, { pages, service }: ReplayOptions) {
    this.#state = new State(nodeCryptography, undefined, pages);
    this.#through = through;
    this.#service = service;
  }

  take(record: LedgerRecord): void {
    switch (record.kind) {
      case 'genesis':
        return this.#found(record.document);
      case 'batch': {
        const { header, outcomes } = record;
        const { sequence } = header;
        if (sequence > this.#through || sequence <= this.#applied) return;
        const digest = headerDigest(nodeCryptography, header);
        const there = this.#tree.leaf(sequence - 1);
        if (there !== undefined && sameBytes(there, digest)) return;
        if (sequence > this.#tree.size + 1) throw new Error(`batch ${sequence} follows ${this.#tree.size}`);
        this.#tree.rollback(sequence - 1);
        this.#waiting = this.#waiting.slice(0, sequence - 1 - this.#applied);
        if (!sameBytes(header.previousRoot, this.#tree.root())) throw new Error(`batch ${sequence} is of another log`);
        checkBatch(nodeCryptography, record);
        this.#tree.append(digest, header.rehashed);
        this.#waiting.push({ header, outcomes });
        return;
      }
      case 'epoch':
        if (record.certificate.header.sequence <= this.#through)
          this.#ancestors.at(-1)?.epochs.push(record.certificate);
        return;
      case 'checkpoint': {
        const { certificate } = record;
        if (certificate.sequence > this.#tree.size || certificate.sequence < this.#applied) return;
        if (!sameBytes(this.#tree.root(certificate.sequence), certificate.ledgerRoot)) return;
        this.#apply(certificate.sequence);
        this.#hashAsLast();
        this.#checkpoint = { certificate, snapshot: this.#state.snapshot() };
        return;
      }
      default:
        return;
    }
  }

  finish(): InheritedLog {
    if (this.#tree.size !== this.#through) throw new Error(`the log ends with batch ${this.#tree.size}`);
    this.#apply(this.#through);
    const header = this.#last;
    this.#hashAsLast();
    if (header === undefined) throw new Error('the log is empty');
    const { genesis } = this.#ancestors.at(-1)!.document;
    if (this.#service !== undefined && !sameBytes(serviceDigest(nodeCryptography, genesis), this.#service))
      throw new Error('the log is of another service');
    return {
      state: this.#state,
      constitution: readConstitution(this.#state.view()),
      tree: this.#tree,
      header,
      ancestors: this.#ancestors,
      checkpoint: this.#checkpoint,
    };
  }

  #found(document: GenesisDocument): void {
    const { predecessor, time } = document.genesis;
    const before = this.#ancestors.at(-1)?.document;
    if (before !== undefined) {
      if (predecessor === undefined || !sameBytes(predecessor.service, serviceDigest(nodeCryptography, before.genesis)))
        throw new Error('a genesis that does not go on from the one before it');
      const { sequence } = predecessor.header;
      if (sequence > this.#tree.size || !sameBytes(this.#tree.root(sequence), predecessor.ledgerRoot))
        throw new Error('a genesis that goes on from another log');
      this.#tree.rollback(sequence);
      this.#apply(sequence);
      this.#hashAsLast();
      this.#waiting = [];
      if (!sameBytes(this.#state.digest(), predecessor.stateDigest))
        throw new Error('a genesis that goes on from another state');
    } else if (predecessor !== undefined) throw new Error('the log of its predecessor is missing');
    // That it is one that was verified, the digest of the last service shows at the end.
    const verify = this.#service === undefined ? verifyGenesis : verifyGenesisAgain;
    const genesis = verify(nodeCryptography, document);
    if (!genesis.ok) throw new Error(`a genesis that does not hold: ${genesis.check}: ${genesis.reason}`);
    this.#write(
      genesisWriteSet(nodeCryptography, { ...genesis, time }, before === undefined ? undefined : this.#state),
    );
    this.#ancestors.push({ document, epochs: [] });
    this.#checkpoint = undefined;
  }

  #apply(sequence: number): void {
    for (const { header, outcomes } of this.#waiting.splice(0, sequence - this.#applied)) {
      for (const { writeSet } of outcomes) this.#write(writeSet);
      this.#applied = header.sequence;
      this.#last = header;
    }
  }

  /** A state's digest is of the hash of the header that it is after. spec/algorithms.md, 23. */
  #hashAsLast(): void {
    if (this.#last !== undefined) this.#state.hashBy(nodeCryptography.of(this.#last.protocolVersion));
  }

  #write(encoded: Uint8Array): void {
    const writeSet = decodeWriteSet(encoded);
    if (!writeSet.ok) throw new Error(`a malformed write set: ${writeSet.reason}`);
    this.#state.begin().apply(writeSet.value);
    this.#state.fold();
  }
}
