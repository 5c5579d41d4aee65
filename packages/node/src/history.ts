/**
 * Filling in the ledger's past: an instance that began with a snapshot fetches what was recorded before it, so that every
 * instance comes to hold the whole log and the log outlives those who wrote it.
 *
 * Nothing that comes is believed: the headers must lead to the ledger root that the snapshot's checkpoint certifies, each
 * batch must give its header's transactions root, and only then does the folder get its final name.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DoorConnection } from '@coppice/client';
import { decodeRecord, type LedgerRecord, type MerkleTree, TransactionsTree } from '@coppice/ledger';
import { type Done, type Ledger, type LedgerReader, type Opened, openLedger, type Vault } from '@coppice/storage';
import {
  batchCodec,
  type CallerProof,
  type Cryptography,
  decode,
  type Digest,
  requestDigests,
  sameBytes,
  type Seat,
  type Signer,
  systemRequestDigest,
} from '@coppice/wire';
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
/** Bytes that wait for the disk, at most, beside one answer. */
const pendingBytesMax = 4 * 1024 * 1024;

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
}

type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;

export interface GapFillerOptions {
  readonly cryptography: Cryptography;
  readonly service: Digest;
  readonly vault: Vault | undefined;
  readonly dataFolder: string;
  /** Gaps that were filled before. */
  readonly filled: number;
  /** How long a turn may take: whoever is to be seated has to have the log by then. */
  readonly turnDeadlineMs: number;
}

/** What is wrong with a record: whoever gave it, or what came before it, lied. */
class RecordError extends Error {}

/**
 * Fills one gap. Whoever is asked may end, retire or be cut off: the next one is asked for what follows what has come. Where that
 * turns out not to be the log, nobody can say whose fault it is, and all of it is asked for again.
 */
export class GapFiller {
  readonly #options: GapFillerOptions;
  readonly #gap: Gap;
  #tree: MerkleTree;
  #opened: Opened | undefined;

  constructor(options: GapFillerOptions, gap: Gap) {
    this.#options = options;
    this.#gap = gap;
    this.#tree = gap.below.clone();
  }

  /** The last batch that has come. */
  get at(): number {
    return this.#tree.size;
  }

  /** Asks the replica in this seat, which is shown `identity`. Throws where it did not give all of the rest, well. */
  async fill(seat: Pick<Seat, 'clientAddress' | 'instance'>, identity: Signer): Promise<FilledGap> {
    const { dataFolder, service } = this.#options;
    const { from, to } = this.#gap;
    const connection = await DoorConnection.open(seat.clientAddress, seat.instance);
    try {
      await this.#copy(connection, connection.callerProof(service, identity));
    } catch (error) {
      if (error instanceof RecordError) await this.#giveUp();
      throw error;
    } finally {
      connection.close();
    }
    const { ledger, readerIn } = this.#opened!;
    await done((then) => ledger.close(then));
    const folder = join(dataFolder, 'history', `${from}-${to}`);
    renameSync(this.#partial, folder);
    return { from, to, reader: readerIn(folder) };
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

  async #giveUp(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#tree = this.#gap.below.clone();
    if (opened !== undefined) await done((then) => opened.ledger.close(then));
  }

  async #copy(connection: DoorConnection, as: CallerProof): Promise<void> {
    const { to, ledgerRoot } = this.#gap;
    this.#opened ??= this.#begin();
    const { ledger } = this.#opened;
    const since = performance.now();
    let spentMs = 0;
    const doublingMs = Math.min(this.#options.turnDeadlineMs / doublingsInATurn, doublingMsMax);
    while (this.at < to) {
      const { at } = this;
      const answer = await connection.ask({ kind: 'ledger', from: at + 1, as }, 'ledger', answerMs);
      const began = performance.now();
      for (const record of answer.records) if (record.sequence <= to) this.#take(ledger, record);
      const busyMs = performance.now() - began;
      if (this.at === at) throw new Error(`it has no more than batch ${at}`);
      if (this.at >= to) break;
      if (ledger.bytesPending > pendingBytesMax) await done((then) => ledger.sync(then));
      spentMs += busyMs;
      if (spentMs < unpacedMs) continue;
      const doublings = this.#options.filled + Math.floor((performance.now() - since) / doublingMs);
      const share = Math.min(1, copyingShare * 2 ** doublings);
      await pause(Math.min(busyMs * (1 / share - 1), pauseMsMax));
    }
    if (!sameBytes(this.#tree.root(), ledgerRoot))
      throw new RecordError('the records do not lead to the certified ledger root');
  }

  /** Committed batches alone are served, so each header is the next one. */
  #take(ledger: Ledger, { type, sequence, payload }: { type: number; sequence: number; payload: Uint8Array }): void {
    const { cryptography } = this.#options;
    const record = decodeRecord(type, payload);
    if (!record.ok) throw new RecordError(`malformed record at ${sequence}: ${record.reason}`);
    if (record.value.kind === 'genesis' && sequence === 0) return;
    if (record.value.kind === 'batch') {
      const { header } = record.value;
      if (header.sequence !== this.at + 1)
        throw new RecordError(`batch ${header.sequence} where ${this.at + 1} was due`);
      if (!sameBytes(header.previousRoot, this.#tree.root()))
        throw new RecordError(`batch ${sequence} is of another log`);
      try {
        checkBatch(cryptography, record.value);
      } catch (error) {
        throw new RecordError(error instanceof Error ? error.message : String(error));
      }
      this.#tree.appendHeader(header);
    }
    ledger.append({ type, sequence, payload });
  }
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
