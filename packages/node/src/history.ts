/**
 * Filling in the ledger's past: an instance that began with a snapshot fetches what was recorded before it, so that every
 * instance comes to hold the whole log and the log outlives those who wrote it.
 *
 * Nothing that comes is believed: each batch must give its header's transactions root, each header names the root of all before it, and a
 * quorum of the header's epoch signed the last one that counts. So whoever gives what does not hold is known at once, and what came before stays. At
 * last the headers must lead to the ledger root that the snapshot's checkpoint certifies, and only then does the folder get its final name.
 *
 * - Up to `#certified`, batches are certified, and in the ledger of the fill-in.
 * - `#held` are those above it, of one replica, that are checked as far as they can be; the tree has their headers.
 * - `#appended` is above `#certified` where so much was held that it had to go to the ledger: it cannot be taken back alone.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DoorConnection } from '@coppice/client';
import { decodeRecord, type LedgerRecord, type MerkleTree, recordTypes, TransactionsTree } from '@coppice/ledger';
import { type Done, type Ledger, type LedgerReader, type Opened, openLedger, type Vault } from '@coppice/storage';
import {
  batchCodec,
  type CallerProof,
  type ClientAnswerOf,
  type Configuration,
  type Cryptography,
  decode,
  type Digest,
  requestDigests,
  sameBytes,
  type Seat,
  type Signer,
  systemRequestDigest,
  validCommitCertificate,
} from '@coppice/wire';
import { Frontiers } from './frontiers.ts';
import { partialHistory } from './records.ts';

/** How long one page is waited for. */
const answerMs = 30_000;

/** Copying that takes less than this of a processor's time is not worth drawing out. */
const unpacedMs = 1000;
/**
 * Of a processor, what copying the first gap takes after that: the rest is left to serving, here and at whoever is asked. Twice that after each
 * sixteenth of what a turn may take, or each minute; and for each further gap, which is what the log grew by meanwhile, so that they become
 * smaller however fast it grows.
 */
const copyingShare = 1 / 8;
const doublingMsMax = 60_000;
const doublingsInATurn = 16;
const pauseMsMax = 1000;
/** Bytes that are given to the disk at once: as many more may have come when it has them. */
const writeBytes = 4 * 1024 * 1024;
/** Bytes of batches that nothing certifies yet, in memory: those that somebody once fetched together have one certificate. */
const heldBytesMax = 32 * 1024 * 1024;

export interface Gap {
  readonly from: number;
  readonly to: number;
  /** Of the headers below `from`, and the root that it must grow to at `to`. */
  readonly below: MerkleTree;
  readonly ledgerRoot: Digest;
}

/** A gap that was filled, and what reads its records. */
export interface FilledGap {
  readonly from: number;
  readonly to: number;
  readonly reader: LedgerReader;
  readonly frontiers: Frontiers;
}

type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;
type CommitRecord = Extract<LedgerRecord, { kind: 'commit' }>;
type Page = ClientAnswerOf<'ledger'>['records'];
type Stored = Page[number];

export interface GapFillerOptions {
  readonly cryptography: Cryptography;
  readonly service: Digest;
  readonly vault: Vault | undefined;
  readonly dataFolder: string;
  /** Gaps that were filled before. */
  readonly filled: number;
  /** How long a turn may take: whoever is to be seated has to have the log by then. */
  readonly turnDeadlineMs: number;
  /** Who sat when, as far as it is proven. */
  readonly configurationOf: (epoch: number) => Configuration | undefined;
}

/** What is wrong with a record: whoever gave it lied. */
export class RecordError extends Error {}

/**
 * Fills one gap. Whoever is asked may end, retire, lie or be cut off: the next one is asked for what follows what has come and is
 * certified.
 */
export class GapFiller {
  readonly #options: GapFillerOptions;
  readonly #gap: Gap;
  readonly #began = performance.now();
  /** Processor time that it took, in milliseconds. */
  #spentMs = 0;
  #bytes = 0;
  #tree: MerkleTree;
  #frontiers = new Frontiers();
  #opened: Opened | undefined;
  #certified: number;
  #appended: number;
  #held: Stored[] = [];
  #heldBytes = 0;

  constructor(options: GapFillerOptions, gap: Gap) {
    this.#options = options;
    this.#gap = gap;
    this.#tree = gap.below.clone();
    this.#certified = this.#appended = this.#tree.size;
    this.#frontiers.keep(gap.below, gap.below.size);
  }

  /** The last batch that has come and counts; bytes of all records up to it that came in this process, and for how long they have. */
  get progress(): { readonly at: number; readonly bytes: number; readonly ms: number } {
    return { at: this.#certified, bytes: this.#bytes, ms: Math.round(performance.now() - this.#began) };
  }

  /** Asks the replica in this seat, which is shown `identity`. Throws where it did not give all of the rest, well; {@link RecordError} where it lied. */
  async fill(seat: Pick<Seat, 'clientAddress' | 'instance'>, identity: Signer): Promise<FilledGap> {
    const { dataFolder, service } = this.#options;
    const { from, to } = this.#gap;
    const connection = await DoorConnection.open(seat.clientAddress, seat.instance);
    try {
      await this.#copy(connection, connection.callerProof(service, identity));
    } catch (error) {
      await this.#drop();
      throw error;
    } finally {
      connection.close();
    }
    const { ledger, readerIn } = this.#opened!;
    await done((then) => ledger.close(then));
    const folder = join(dataFolder, 'history', `${from}-${to}`);
    renameSync(this.#partial, folder);
    return { from, to, reader: readerIn(folder), frontiers: this.#frontiers };
  }

  get #partial(): string {
    return partialHistory(this.#options.dataFolder);
  }

  #begin(): Opened {
    const { service, vault } = this.#options;
    rmSync(this.#partial, { recursive: true, force: true });
    mkdirSync(this.#partial, { recursive: true });
    return openLedger(this.#partial, { service, vault });
  }

  /** Forgets what is not certified: it came from one replica, and from the next one it may come otherwise. */
  async #drop(): Promise<void> {
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#appended > this.#certified) return this.#giveUp();
    this.#tree.rollback(this.#certified);
  }

  async #giveUp(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#tree = this.#gap.below.clone();
    this.#certified = this.#appended = this.#tree.size;
    this.#bytes = 0;
    this.#frontiers = new Frontiers();
    this.#frontiers.keep(this.#tree, this.#tree.size);
    if (opened !== undefined) await done((then) => opened.ledger.close(then));
  }

  async #copy(connection: DoorConnection, as: CallerProof): Promise<void> {
    const { to } = this.#gap;
    const { ledger } = (this.#opened ??= this.#begin());
    const pageFrom = (from: number): Promise<ClientAnswerOf<'ledger'>> => {
      const answer = connection.ask({ kind: 'ledger', from, as }, 'ledger', answerMs);
      answer.catch(() => undefined);
      return answer;
    };
    let written: Promise<void> = Promise.resolve();
    let next = pageFrom(this.#tree.size + 1);
    while (this.#certified < to) {
      const { records } = await next;
      const last = records.findLast(({ type }) => type === recordTypes.batch)?.sequence ?? 0;
      if (last <= this.#tree.size) throw new Error(`it has no more than batch ${this.#tree.size}`);
      // While one page is checked, and rested after, the next one is on its way.
      if (last < to) next = pageFrom(last + 1);
      const busyMs = processorMs(() => this.#take(ledger, records));
      if (this.#tree.size === to) await this.#end(ledger);
      if (ledger.bytesPending > writeBytes) {
        await written;
        written = done((then) => ledger.sync(then));
        written.catch(() => undefined);
      }
      this.#spentMs += busyMs;
      if (this.#certified < to && this.#spentMs > unpacedMs) await pause(this.#restMs(busyMs));
    }
  }

  /** How long to leave the processor to others. */
  #restMs(busyMs: number): number {
    const doublingMs = Math.min(this.#options.turnDeadlineMs / doublingsInATurn, doublingMsMax);
    const doublings = this.#options.filled + Math.floor((performance.now() - this.#began) / doublingMs);
    const share = Math.min(1, copyingShare * 2 ** doublings);
    return Math.min(busyMs * (1 / share - 1), pauseMsMax);
  }

  /** Takes a page, up to the last batch in it that is certified. */
  #take(ledger: Ledger, page: Page): void {
    const { size } = this.#tree;
    let certifying: CommitRecord | undefined;
    for (const stored of page) {
      if (stored.sequence > this.#gap.to) break;
      const record = this.#checked(stored);
      // What is about a batch comes behind it, but for the genesis of a service that goes on from another.
      const about = record.kind === 'genesis' ? this.#tree.size + 1 : this.#tree.size;
      if (stored.sequence !== about || about === size)
        throw new RecordError(`a record of ${stored.sequence} at ${about}`);
      if (record.kind === 'commit') certifying = record;
      this.#held.push(stored);
      this.#heldBytes += stored.payload.length;
    }
    if (certifying !== undefined && this.#isCertified(certifying)) {
      this.#append(ledger, certifying.certificate.subject.sequence);
      this.#certified = this.#appended;
      this.#tree.trim(this.#certified);
    } else if (this.#heldBytes > heldBytesMax) this.#append(ledger, this.#tree.size);
  }

  /** Upon all records: without a certificate of its own, the last batch has that of the checkpoint. */
  async #end(ledger: Ledger): Promise<void> {
    const certified = this.#certified === this.#gap.to;
    if (!sameBytes(this.#tree.root(), this.#gap.ledgerRoot)) {
      // A quorum that certifies another log than the checkpoint: keys of an epoch that is over were not erased, and nobody knows since when.
      if (certified) await this.#giveUp();
      throw new RecordError('the records do not lead to the certified ledger root');
    }
    this.#append(ledger, this.#gap.to);
    this.#certified = this.#gap.to;
  }

  #append(ledger: Ledger, to: number): void {
    let count = 0;
    for (const record of this.#held) {
      if (record.sequence > to) break;
      ledger.append(record);
      if (record.type === recordTypes.batch) this.#frontiers.grew(this.#tree, record.sequence, record.payload.length);
      this.#bytes += record.payload.length;
      this.#heldBytes -= record.payload.length;
      count++;
    }
    this.#held = this.#held.slice(count);
    this.#appended = to;
  }

  /** The record, which fits the tree. Committed batches alone are served, so each header is the next one. */
  #checked({ type, sequence, payload }: Stored): LedgerRecord {
    const { cryptography } = this.#options;
    const record = decodeRecord(type, payload);
    if (!record.ok) throw new RecordError(`malformed record at ${sequence}: ${record.reason}`);
    if (record.value.kind !== 'batch') return record.value;
    const { header } = record.value;
    const due = this.#tree.size + 1;
    if (header.sequence !== due || sequence !== due)
      throw new RecordError(`batch ${header.sequence} where ${due} was due`);
    if (!sameBytes(header.previousRoot, this.#tree.root()))
      throw new RecordError(`batch ${sequence} is of another log`);
    try {
      checkBatch(cryptography, record.value);
    } catch (error) {
      throw new RecordError(error instanceof Error ? error.message : String(error));
    }
    this.#tree.appendHeader(header);
    return record.value;
  }

  /** Whether this certifies one of the held batches, and so all before it. */
  #isCertified({ certificate }: CommitRecord): boolean {
    const { configurationOf, cryptography, service } = this.#options;
    const { epoch, headerDigest, sequence } = certificate.subject;
    const configuration = configurationOf(epoch);
    if (configuration === undefined || sequence <= this.#certified) return false;
    const header = this.#tree.leaf(sequence - 1);
    if (
      header === undefined ||
      !sameBytes(header, headerDigest) ||
      !validCommitCertificate(cryptography, service, configuration, certificate)
    )
      throw new RecordError(`what certifies batch ${sequence} does not`);
    return true;
  }
}

/** What this process took of processors while it did this. */
function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { system, user } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function done(ask: (then: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => ask((error) => (error === undefined ? resolve() : reject(error))));
}

/** Throws where the outcomes are not those of the batch's requests, or not those that its header names. */
export function checkBatch(provider: Cryptography, record: BatchRecord): void {
  const { header, outcomes } = record;
  const cryptography = provider.of(header.protocolVersion);
  const batch = decode(batchCodec, record.batch);
  if (!batch.ok) throw new Error(`malformed batch ${header.sequence}`);
  const requests = batch.value.items.flatMap((item) =>
    item.kind === 'bundle'
      ? requestDigests(cryptography, item.bundle)
      : [systemRequestDigest(cryptography, item.request)],
  );
  const root = new TransactionsTree(cryptography, outcomes).root;
  const named =
    outcomes.length >= requests.length && requests.every((request, i) => sameBytes(request, outcomes[i]!.request));
  if (!sameBytes(root, header.transactionsRoot) || !named)
    throw new Error(`batch ${header.sequence} is not what its header names`);
}
