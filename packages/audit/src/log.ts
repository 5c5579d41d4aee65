/**
 * The log, as far as it is read: headers that are committed, and above them those that still wait for a certificate.
 *
 * - The tree holds the digests of all of them; what is older than {@link digestsKept} committed headers is trimmed.
 * - Waiting batches are linked to each other; a batch at a place that is taken replaces what waits from there on, as
 *   after a view change.
 */
import {
  configurationNamed,
  type Configuration,
  type Cryptography,
  type Digest,
  type GenesisDocument,
  type Header,
  headerDigest,
  type Outcome,
  sameBytes,
  seatOf,
  type SystemRequest,
} from '@coppice/wire';
import { inheritedTree, MerkleTree } from '@coppice/ledger';
import { checkContent } from './content.ts';
import { BatchDigests } from './digests.ts';
import type { Findings } from './report.ts';

/** Committed headers whose digests are kept, for checkpoints and whatever else looks back. */
const digestsKept = 4096;
/** What may wait for a certificate. Replicas have 16 batches in flight at most. */
const waitingMax = 1024;
const waitingBytesMax = 256 * 1024 * 1024;

export interface Accepted {
  readonly header: Header;
  readonly digest: Digest;
  readonly system: readonly SystemRequest[];
  /** Requests of clients in it. */
  readonly clientRequests: number;
  readonly writeSets: readonly Uint8Array[];
  /** It names another configuration than that of its epoch. */
  readonly closes: boolean;
  /** Of its record. */
  readonly bytes: number;
}

export class LogWatch {
  readonly #cryptography: Cryptography;
  readonly #findings: Findings;
  #service: Digest;
  readonly #tree: MerkleTree;
  readonly #digests: BatchDigests;
  #waiting: Accepted[] = [];
  #waitingBytes = 0;
  /** The last committed batch; before the first, only the time. */
  #last: { readonly header: Header | undefined; readonly time: number };

  constructor(cryptography: Cryptography, findings: Findings, service: Digest, document: GenesisDocument) {
    this.#cryptography = cryptography;
    this.#findings = findings;
    this.#service = service;
    const { predecessor, time } = document.genesis;
    const inherited = predecessor === undefined ? undefined : inheritedTree(cryptography, document);
    if (typeof inherited === 'string') findings.fatal('genesis', inherited);
    this.#tree = inherited instanceof MerkleTree ? inherited : new MerkleTree(cryptography);
    this.#digests = new BatchDigests(cryptography);
    this.#last = { header: predecessor?.header, time };
  }

  /** Another service goes on after the last committed batch, from this time on; what still waits was not adopted. */
  succeed(service: Digest, time: number): void {
    this.#rollback(this.committed);
    this.#service = service;
    this.#last = { ...this.#last, time };
  }

  /** Sequence number of the last committed batch. */
  get committed(): number {
    return this.#last.header?.sequence ?? 0;
  }

  /** Agreed time of the last committed batch, or of genesis. */
  get time(): number {
    return this.#last.time;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** RFC 9162 root over headers 1 … sequence, committed or waiting; `undefined` if long past or not there. */
  rootAt(sequence: number): Digest | undefined {
    return sequence > this.#tree.size || sequence < this.#tree.trimmed ? undefined : this.#tree.root(sequence);
  }

  /** Whether the header at a place, committed or waiting, is of the hash that came later. */
  isRehashed(sequence: number): boolean {
    return sequence > this.#tree.rehashed;
  }

  /** Digest of the header at a place, committed or waiting; `undefined` if long past or not there. */
  headerAt(sequence: number): Digest | undefined {
    return this.#tree.leaf(sequence - 1);
  }

  /** Checks a batch against what it goes on from, and lets it wait for a certificate. */
  accept(header: Header, batch: Uint8Array, outcomes: readonly Outcome[], configuration: Configuration): void {
    const digest = headerDigest(this.#cryptography, header);
    if (header.sequence <= this.committed) {
      const there = this.headerAt(header.sequence);
      if (there === undefined || !sameBytes(there, digest)) {
        this.#findings.add('sequence', `a batch in the place of ${header.sequence}, which is committed`);
      }
      return;
    }
    if (header.sequence > this.#tree.size + 1) return this.#findings.add('sequence', `follows ${this.#tree.size}`);
    this.#rollback(header.sequence - 1);

    const before = this.#waiting.at(-1);
    if (before?.closes === true || header.epoch !== configuration.epoch) {
      const message = `a batch of epoch ${header.epoch}, and epoch ${configuration.epoch} has no certificate of its end`;
      return this.#findings.fatal(before?.closes === true ? 'epoch-missing' : 'header', message);
    }
    this.#checkHeader(header, configuration, before?.header.time ?? this.#last.time);
    const content = checkContent(this.#cryptography, this.#digests, this.#findings, header, batch, outcomes);

    this.#tree.append(digest, header.rehashed);
    const writeSets = outcomes.map((outcome) => outcome.writeSet);
    const closes = !sameBytes(header.configuration, configurationNamed(this.#cryptography, header, configuration));
    const bytes = batch.length + writeSets.reduce((sum, each) => sum + each.length, 0);
    this.#waiting.push({ header, digest, ...content, writeSets, closes, bytes });
    this.#waitingBytes += bytes;
    if (this.#waiting.length > waitingMax || this.#waitingBytes > waitingBytesMax) {
      this.#findings.fatal('uncertified', `${this.#waiting.length} batches wait for a certificate`);
    }
  }

  /** Commits everything up to `sequence`, which is waiting, and gives it. */
  commit(sequence: number): readonly Accepted[] {
    const batches = this.#waiting.splice(0, sequence - this.committed);
    for (const { bytes } of batches) this.#waitingBytes -= bytes;
    const { header } = batches.at(-1)!;
    this.#last = { header, time: header.time };
    if (sequence - this.#tree.trimmed > 2 * digestsKept) this.#tree.trim(sequence - digestsKept);
    return batches;
  }

  #rollback(sequence: number): void {
    if (sequence === this.#tree.size) return;
    this.#tree.rollback(sequence);
    for (const { bytes } of this.#waiting.splice(sequence - this.committed)) this.#waitingBytes -= bytes;
  }

  #checkHeader(header: Header, configuration: Configuration, timeBefore: number): void {
    const wrong = (message: string): void => this.#findings.add('header', message);
    if (!sameBytes(header.service, this.#service)) wrong('of another service');
    if (seatOf(configuration, header.proposer) === undefined)
      wrong(`proposed by slot ${header.proposer}, where nobody sits`);
    if (header.time < timeBefore)
      this.#findings.add('time', `${timeBefore - header.time} ms before the batch before it`);
    if (header.rehashed !== undefined && header.rehashed !== this.#tree.rehashed)
      wrong(
        `says that headers up to ${header.rehashed} are of the hash before, and those up to ${this.#tree.rehashed} are`,
      );
    if (!sameBytes(header.previousRoot, this.#tree.root())) {
      this.#findings.add('previous-root', 'is not that of the headers before it');
    }
  }
}
