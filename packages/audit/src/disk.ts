/**
 * What one disk of a dead service holds, for a view change whose voters are disks. spec/recovery.md, lines 1-8.
 *
 * Nothing on it is believed: its log is a chain of headers, and a certificate counts if its signatures are those of its epoch's
 * quorum and its header is on that chain. What the batches hold is checked once, later, of the log that is adopted.
 */
import {
  type CheckpointCertificate,
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  type Cryptography,
  type Digest,
  type EpochCertificate,
  type GenesisDocument,
  type Header,
  headerDigest,
  type PreparedCertificate,
  sameBytes,
  serviceDigest,
  type Subject,
  toHex,
  validCheckpointCertificate,
  validCommitCertificate,
  validPreparedCertificate,
} from '@coppice/wire';
import {
  ChainVerifier,
  decodeRecord,
  headObjection,
  inheritedTree,
  type LedgerRecord,
  MerkleTree,
} from '@coppice/ledger';
import type { AuditInput } from './audit.ts';

/** How far a log goes, and what says so. */
export interface Head {
  readonly header: Header;
  readonly certificate: PreparedCertificate;
  /** Root over all headers up to this one. */
  readonly root: Digest;
}

/** A nonce that an instance revealed: its disk held what the certificate is about. */
export interface Revealed {
  readonly certificate: CommitCertificate;
  readonly slot: number;
  /** Hexadecimal. */
  readonly instance: string;
}

export interface Disk {
  /** For people. */
  readonly name: string;
  /** Whose disk it is, hexadecimal; `undefined` where nothing says it. */
  readonly instance: string | undefined;
  /** Of the newest service whose genesis it holds. */
  readonly service: Digest;
  /** The genesis documents on the disk, the oldest first. */
  readonly documents: readonly GenesisDocument[];
  /** Of the newest service: configurations of its epochs, the first one first, and what leads from each to the next. */
  readonly configurations: readonly Configuration[];
  readonly epochs: readonly EpochCertificate[];
  /**
   * `incomplete`: a state was received, and the log before it never filled in, so that nothing was revealed from then on; or what was filled in
   * is not there any more. Line 8 tells them apart, for what an instance had when it was seated.
   */
  readonly end: 'clean' | 'torn' | 'incomplete' | 'damaged';
  /** Why reading ended before the end. */
  readonly problem: string | undefined;
  /** Batches on its log. */
  readonly length: number;
  /** The log's header at a place; `undefined` beyond its end, and of what it only inherited. */
  readonly headerAt: (sequence: number) => Digest | undefined;
  /** Root over the headers up to a place of its log. */
  readonly rootAt: (sequence: number) => Digest;
  /** The highest of the last epoch, by (view, sequence). */
  readonly best: Head | undefined;
  /** The last batch that a commit or checkpoint certificate covers. */
  readonly certain: number;
  /** The last checkpoint, of the newest service, of the log up to its place. */
  readonly checkpoint: CheckpointCertificate | undefined;
  /** The newest that each instance revealed, in certificates on this disk. */
  readonly revealed: readonly Revealed[];
}

/** Certificates of one epoch that are kept as candidates: replicas have a few batches in flight. */
const candidatesKept = 256;

/** Reads a disk. `undefined` where it does not even begin with a genesis. Never throws for what it reads. */
export function readDisk(
  cryptography: Cryptography,
  source: Iterable<AuditInput>,
  label: Pick<Disk, 'name' | 'instance'>,
): Disk | undefined {
  let reader: DiskReader | undefined;
  let end: Disk['end'] = 'clean';
  let problem: string | undefined;
  for (const input of source) {
    if (input.kind !== 'record') {
      end = input.kind === 'corrupt' ? 'damaged' : input.kind;
      if (input.kind === 'corrupt')
        problem = `${input.damage.segment} at ${input.damage.offset}: ${input.damage.reason}`;
      break;
    }
    // A reader may use its buffer again.
    const { position, sequence, type, payload } = input.record;
    const decoded = decodeRecord(type, payload.slice());
    if (!decoded.ok) problem = `record ${position}, of batch ${sequence}: ${decoded.reason}`;
    else if (reader !== undefined) problem = reader.add(decoded.value);
    else {
      if (decoded.value.kind !== 'genesis') return undefined;
      const begun = DiskReader.begin(cryptography, decoded.value.document);
      if (typeof begun === 'string') return undefined;
      reader = begun;
    }
    if (problem !== undefined) {
      end = reader?.incomplete === true ? 'incomplete' : 'damaged';
      break;
    }
  }
  return reader && { ...label, end, problem, ...reader.finish() };
}

interface Candidate {
  readonly subject: Subject;
  readonly certificate: PreparedCertificate | CommitCertificate;
  readonly header: Header;
}

class DiskReader {
  readonly #cryptography: Cryptography;
  #chain: ChainVerifier;
  #tree: MerkleTree;
  readonly #documents: GenesisDocument[];
  #configurations: Configuration[];
  #epochs: EpochCertificate[] = [];
  /** Headers above what is inherited, by sequence number. */
  readonly #headers = new Map<number, Header>();
  /** Of the present epoch, in the order in which they were recorded. */
  #candidates: Candidate[] = [];
  #certain: number;
  #checkpoint: CheckpointCertificate | undefined;
  readonly #revealed = new Map<string, Revealed>();
  incomplete = false;

  static begin(cryptography: Cryptography, document: GenesisDocument): DiskReader | string {
    const service = serviceDigest(cryptography, document.genesis);
    const chain = ChainVerifier.fromGenesis(cryptography, service, document.genesis);
    if (!chain.ok) return chain.reason;
    const tree =
      document.inheritance === undefined ? new MerkleTree(cryptography) : inheritedTree(cryptography, document);
    return typeof tree === 'string' ? tree : new DiskReader(cryptography, document, chain.value, tree);
  }

  private constructor(cryptography: Cryptography, document: GenesisDocument, chain: ChainVerifier, tree: MerkleTree) {
    this.#cryptography = cryptography;
    this.#documents = [document];
    this.#chain = chain;
    this.#tree = tree;
    this.#configurations = [document.genesis.configuration];
    this.#certain = tree.size;
  }

  /** Takes a record; a reason where the rest of the disk cannot be read. */
  add(record: LedgerRecord): string | undefined {
    switch (record.kind) {
      case 'genesis':
        return this.#succeed(record.document);
      case 'batch':
        return this.#onBatch(record.header);
      case 'prepared':
      case 'commit':
        return this.#onCertificate(record.certificate);
      case 'epoch':
        return this.#onEpoch(record.certificate);
      case 'checkpoint': {
        const { epoch, sequence, ledgerRoot } = record.certificate;
        const configuration = this.#configurations.find((one) => one.epoch === epoch);
        if (configuration === undefined || sequence <= this.#certain || sequence > this.#tree.size) return undefined;
        if (!sameBytes(this.#tree.root(sequence), ledgerRoot)) return undefined;
        const { service } = this.#chain;
        if (!validCheckpointCertificate(this.#cryptography, service, configuration, record.certificate))
          return undefined;
        this.#certain = sequence;
        this.#checkpoint = record.certificate;
        return undefined;
      }
      case 'new-view':
        return undefined;
    }
  }

  finish(): Omit<Disk, 'name' | 'instance' | 'end' | 'problem'> {
    const { service } = this.#chain;
    // Signatures of the highest alone, unless it turns out to be forged.
    const ordered = [...this.#candidates].sort((a, b) => compareSubjects(b.subject, a.subject));
    const configuration = this.#configurations.at(-1)!;
    const best = ordered.map((one) => this.#verified(one, service, configuration)).find((one) => one !== undefined);
    const revealed = [...this.#revealed.values()].filter((one) => this.#committed(one.certificate));
    return {
      service,
      documents: this.#documents,
      configurations: this.#configurations,
      epochs: this.#epochs,
      length: this.#tree.size,
      headerAt: (sequence) => this.#tree.leaf(sequence - 1),
      rootAt: (sequence) => this.#tree.root(sequence),
      best,
      certain: Math.max(this.#certain, ...revealed.map(({ certificate }) => this.#covers(certificate))),
      checkpoint: this.#checkpoint,
      revealed,
    };
  }

  /** Where a commit certificate's header is on this log: up to where it makes sure. */
  #covers({ subject: { headerDigest: digest, sequence } }: CommitCertificate): number {
    const there = this.#tree.leaf(sequence - 1);
    return there !== undefined && sameBytes(there, digest) ? sequence : 0;
  }

  #committed(certificate: CommitCertificate): boolean {
    const configuration = this.#configurations.find(({ epoch }) => epoch === certificate.subject.epoch);
    return (
      configuration !== undefined &&
      validCommitCertificate(this.#cryptography, this.#chain.service, configuration, certificate)
    );
  }

  #verified({ certificate, header }: Candidate, service: Digest, configuration: Configuration): Head | undefined {
    const prepared = preparedOf(this.#cryptography, certificate);
    if (!validPreparedCertificate(this.#cryptography, service, configuration, prepared)) return undefined;
    return { header, certificate: prepared, root: this.#tree.root(header.sequence) };
  }

  #onBatch(header: Header): string | undefined {
    const { sequence } = header;
    const digest = headerDigest(this.#cryptography, header);
    if (sequence <= this.#tree.size) {
      const there = this.#tree.leaf(sequence - 1);
      if (sequence <= this.#tree.trimmed || (there !== undefined && sameBytes(there, digest))) return undefined;
      this.#rollback(sequence - 1);
    }
    if (sequence > this.#tree.size + 1) {
      this.incomplete = true;
      const [from, to] = [this.#tree.size + 1, sequence - 1];
      const which = from === to ? `batch ${from} is` : `batches ${from} to ${to} are`;
      return `${which} not on it: never filled in, or its folder history was not copied with it`;
    }
    if (!sameBytes(header.previousRoot, this.#tree.root()))
      return `batch ${sequence} does not go on from the one before it`;
    this.#tree.append(digest, header.rehashed);
    this.#headers.set(sequence, header);
    return undefined;
  }

  #rollback(sequence: number): void {
    this.#tree.rollback(sequence);
    this.#candidates = this.#candidates.filter(({ header }) => header.sequence <= sequence);
  }

  #onCertificate(certificate: PreparedCertificate | CommitCertificate): undefined {
    const { subject } = certificate;
    if ('reveals' in certificate) {
      const configuration = this.#configurations.find(({ epoch }) => epoch === subject.epoch);
      for (const { slot } of certificate.reveals) {
        const seat = configuration?.seats.find((one) => one.slot === slot);
        if (seat === undefined) continue;
        const instance = toHex(seat.instance);
        const known = this.#revealed.get(instance)?.certificate.subject;
        if (known === undefined || comparePlaces(subject, known) > 0)
          this.#revealed.set(instance, { certificate, slot, instance });
      }
    }
    const header = this.#headers.get(subject.sequence);
    const there = this.#tree.leaf(subject.sequence - 1);
    if (header === undefined || there === undefined || !sameBytes(there, subject.headerDigest)) return undefined;
    if (subject.epoch !== this.#chain.epoch || header.epoch !== subject.epoch) return undefined;
    this.#candidates.push({ subject, certificate, header });
    if (this.#candidates.length > 2 * candidatesKept) {
      this.#candidates.sort((a, b) => compareSubjects(a.subject, b.subject));
      this.#candidates = this.#candidates.slice(-candidatesKept);
    }
    return undefined;
  }

  #onEpoch(certificate: EpochCertificate): string | undefined {
    if (certificate.header.epoch < this.#chain.epoch) return undefined;
    const objection = this.#chain.extend(certificate);
    if (objection !== undefined) return `its chain of epochs does not hold: ${objection}`;
    const { sequence } = certificate.header;
    const there = this.#tree.leaf(sequence - 1);
    if (there === undefined || !sameBytes(there, certificate.certificate.subject.headerDigest))
      return `the batch that closes epoch ${certificate.header.epoch} is not on its log`;
    this.#rollback(sequence);
    this.#configurations.push(certificate.next);
    this.#epochs.push(certificate);
    this.#candidates = [];
    this.#certain = Math.max(this.#certain, sequence);
    return undefined;
  }

  /** The service ended here, and another one goes on. Line 3. */
  #succeed(document: GenesisDocument): string | undefined {
    const objection = headObjection(this.#cryptography, this.#chain, document);
    if (objection !== undefined) return `the succession does not hold: ${objection.reason}`;
    const { header, ledgerRoot } = document.genesis.predecessor!;
    const { sequence } = header;
    if (sequence > this.#tree.size || !sameBytes(this.#tree.root(sequence), ledgerRoot))
      return 'its successor goes on from another log';
    const service = serviceDigest(this.#cryptography, document.genesis);
    const chain = ChainVerifier.fromGenesis(this.#cryptography, service, document.genesis);
    if (!chain.ok) return chain.reason;
    this.#rollback(sequence);
    this.#chain = chain.value;
    this.#documents.push(document);
    this.#configurations = [document.genesis.configuration];
    this.#epochs = [];
    this.#candidates = [];
    this.#revealed.clear();
    this.#certain = sequence;
    this.#checkpoint = undefined;
    return undefined;
  }
}

/** Which of two is adopted: by view, then sequence. Of one epoch. */
export function compareSubjects(a: Subject, b: Subject): number {
  return a.view - b.view || a.sequence - b.sequence;
}

/** The same across epochs. */
export function comparePlaces(a: Subject, b: Subject): number {
  return a.epoch - b.epoch || compareSubjects(a, b);
}

/** Whoever revealed has prepared: line 5. */
export function preparedOf(
  cryptography: Cryptography,
  certificate: PreparedCertificate | CommitCertificate,
): PreparedCertificate {
  if ('votes' in certificate) return certificate;
  const { reveals, subject } = certificate;
  const votes = reveals.map(({ slot, nonce, signature }) => ({
    slot,
    commitment: commitmentOf(cryptography, nonce),
    signature,
  }));
  return { subject, votes };
}
