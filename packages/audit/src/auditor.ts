/**
 * What each kind of record means to an audit. spec/ledger.md, "Records" and "What a certificate proves".
 */
import {
  type CheckpointCertificate,
  type CommitCertificate,
  type Configuration,
  configurationNamed,
  type Cryptography,
  type Digest,
  type EpochCertificate,
  type GenesisDocument,
  headerDigest,
  type NewView,
  newViewStatement,
  ofAllVersions,
  type PreparedCertificate,
  primarySlot,
  quorumOf,
  rehashedFrom,
  sameBytes,
  seatOf,
  serviceDigest,
  type Subject,
  toLatin1,
  validCheckpointCertificate,
  validCommitCertificate,
  validPreparedCertificate,
  type ViewChange,
  viewChangeStatement,
} from '@coppice/wire';
import type { LedgerRecord } from '@coppice/ledger';
import type { AuditOptions } from './audit.ts';
import { ActivationWatch } from './activation.ts';
import { checkGenesisDocument } from './genesis.ts';
import { GovernanceWatch } from './governance.ts';
import { type Accepted, LogWatch } from './log.ts';
import { MembershipWatch } from './membership.ts';
import type { AuditReport, Findings, SuccessionReport } from './report.ts';
import { StateWatch } from './state-replay.ts';
import { votesOf, VoteWatch } from './votes.ts';

type Found = Omit<AuditReport, 'ok' | 'problems' | 'firstProblem' | 'stopped' | 'end'>;

export class Auditor {
  readonly #findings: Findings;
  readonly #cryptography: Cryptography;
  /** The same, remembering signatures that were good: a vote is in a prepared, a commit, an epoch certificate. */
  readonly #remembering: Cryptography;
  #service: Digest;
  readonly #successions: SuccessionReport[] = [];
  readonly #log: LogWatch;
  #membership: MembershipWatch;
  readonly #votes = new VoteWatch();
  readonly #state: StateWatch | undefined;
  readonly #governance: GovernanceWatch;
  readonly #activations: ActivationWatch;
  readonly #options: AuditOptions;
  /** The slot of view 0's primary in this epoch. */
  #firstPrimary = 0;
  /** The committed closing batch, until the record of the epoch's end. */
  #closing: Accepted | undefined;
  /** Checkpoints that were signed in an epoch which has not begun where their records stand. */
  #early: CheckpointCertificate[] = [];
  #batches = 0;
  #transactions = 0;
  #certified = 0;
  #stateRecomputed = 0;

  constructor(findings: Findings, options: AuditOptions, document: GenesisDocument) {
    const { amend, cryptography } = options;
    this.#findings = findings;
    this.#options = options;
    this.#cryptography = cryptography;
    this.#remembering = remembering(cryptography);
    this.#service = serviceDigest(cryptography, document.genesis);
    checkGenesisDocument(cryptography, findings, document);
    const objection = options.checkGenesis?.(document);
    if (objection !== undefined) findings.add('genesis', objection);
    this.#log = new LogWatch(cryptography, findings, this.#service, document);
    this.#membership = this.#membershipOf(document);
    this.#governance = new GovernanceWatch(cryptography, this.#service, document.constitution, amend);
    this.#activations = new ActivationWatch(cryptography, findings, document.constitution);
    // Of a state that it goes on from, a successor's ledger alone tells nothing.
    const written = document.genesis.predecessor === undefined ? options.genesisWriteSet?.(document) : undefined;
    this.#state = written === undefined ? undefined : new StateWatch(cryptography, written);
  }

  #membershipOf(document: GenesisDocument, before?: MembershipWatch): MembershipWatch {
    const { appraise, overdueMsMax = 60_000 } = this.#options;
    const options = { appraise, overdueMsMax };
    return new MembershipWatch(this.#remembering, this.#findings, this.#service, document, options, before);
  }

  get counts(): { batches: number; transactions: number } {
    return { batches: this.#batches, transactions: this.#transactions };
  }

  add(record: LedgerRecord): void {
    switch (record.kind) {
      case 'genesis':
        return this.#onSuccession(record.document);
      case 'batch': {
        if (this.#closing !== undefined)
          return this.#findings.fatal('epoch-missing', 'the closing batch has no epoch certificate');
        const { header, batch, outcomes } = record;
        return this.#log.accept(header, batch, outcomes, this.#membership.configuration);
      }
      case 'prepared':
        return this.#onPrepared(record.certificate);
      case 'commit':
        return this.#onCommit(record.certificate);
      case 'new-view':
        return this.#onNewView(record.newView);
      case 'checkpoint':
        return this.#onCheckpoint(record.certificate);
      case 'epoch':
        return this.#onEpoch(record.certificate);
    }
  }

  finish(): Found {
    const { committed: sequence, time, waiting } = this.#log;
    this.#membership.end(time);
    const { service } = this.#options;
    const services = [...this.#successions.map(({ from }) => from), this.#service];
    if (service !== undefined && !services.some((one) => sameBytes(one, service)))
      this.#findings.add('genesis', 'the ledger is of another service');
    for (const { epoch } of this.#early)
      this.#findings.add('checkpoint-certificate', `of epoch ${epoch}, which does not begin`);
    const { epochs, turns, ages, faults, suspicions } = this.#membership;
    return {
      service: this.#service,
      successions: this.#successions,
      ...this.counts,
      epochs,
      turns,
      ages,
      decisions: this.#governance.decisions,
      activations: this.#activations.reports,
      faults,
      suspicions,
      checkpoints: { certified: this.#certified, stateRecomputed: this.#stateRecomputed },
      head: { sequence, time, root: this.#log.rootAt(sequence)! },
      uncertifiedTail: waiting,
    };
  }

  /** The service was lost, and its members founded another that goes on with its log. spec/recovery.md, lines 40-44, 54. */
  #onSuccession(document: GenesisDocument): void {
    const wrong = (message: string): void => this.#findings.fatal('succession', message);
    const { predecessor, time } = document.genesis;
    if (predecessor === undefined) return this.#findings.add('genesis', 'a second genesis');
    const { certificate, header, ledgerRoot, service, stateDigest } = predecessor;
    const { sequence } = header;
    if (!sameBytes(service, this.#service)) return wrong('it goes on from another service');
    const { subject } = certificate;
    const configuration = this.#membership.configurationOf(header.epoch);
    const certified =
      configuration !== undefined &&
      subject.sequence === sequence &&
      sameBytes(subject.headerDigest, headerDigest(this.#cryptography, header)) &&
      validPreparedCertificate(this.#remembering, this.#service, configuration, certificate);
    if (!certified) return wrong('no quorum prepared its head');
    if (sequence < this.#log.committed)
      return wrong(`it goes on from batch ${sequence}, and a later one was committed`);
    const there = this.#log.headerAt(sequence);
    if (there === undefined || !sameBytes(there, subject.headerDigest)) return wrong('its head is not on this log');
    const root = this.#log.rootAt(sequence);
    if (root === undefined || !sameBytes(root, ledgerRoot)) return wrong('it goes on from another log');
    if (sequence > this.#log.committed) this.#commit(sequence);
    this.#membership.lose(this.#log.time);
    const digest = this.#state?.digestAt(sequence, this.#log.isRehashed(sequence));
    if (typeof digest === 'string') return wrong(digest);
    if (digest !== undefined && !sameBytes(digest, stateDigest)) return wrong('it goes on from another state');

    this.#service = serviceDigest(this.#cryptography, document.genesis);
    this.#successions.push({ from: service, to: this.#service, sequence, time });
    checkGenesisDocument(this.#cryptography, this.#findings, document);
    const objection =
      this.#options.checkGenesis?.(document) ?? this.#governance.succeed(this.#service, document.constitution);
    if (objection !== undefined) this.#findings.add('succession', objection);
    const written = this.#state === undefined ? undefined : this.#options.genesisWriteSet?.(document);
    if (written !== undefined) {
      this.#options.onWriteSets?.([written], { sequence, time });
      const malformed = this.#state?.add(sequence, [written]);
      if (malformed !== undefined) this.#findings.add('malformed', malformed);
    }
    this.#log.succeed(this.#service, time);
    this.#membership = this.#membershipOf(document, this.#membership);
    this.#firstPrimary = 0;
    this.#closing = undefined;
    this.#early = [];
    this.#votes.clear();
  }

  #onPrepared(certificate: PreparedCertificate): void {
    const wrong = (message: string): void => this.#findings.add('prepared-certificate', message);
    const configuration = this.#configurationFor(certificate.subject);
    if (configuration === undefined) return wrong('of another epoch');
    if (!validPreparedCertificate(this.#remembering, this.#service, configuration, certificate)) {
      return wrong('not the votes of a quorum');
    }
    this.#noteVotes(certificate, configuration);
    const there = this.#log.headerAt(certificate.subject.sequence);
    if (there !== undefined && sameBytes(there, certificate.subject.headerDigest)) return;
    if (there !== undefined || certificate.subject.sequence > this.#log.committed)
      wrong('for a header that is not here');
  }

  #onCommit(certificate: CommitCertificate): void {
    const wrong = (message: string): void => this.#findings.add('commit-certificate', message);
    const { sequence, headerDigest: certified } = certificate.subject;
    const configuration = this.#configurationFor(certificate.subject);
    if (configuration === undefined) return wrong('of another epoch');
    if (!validCommitCertificate(this.#remembering, this.#service, configuration, certificate)) {
      return wrong('not the votes and nonces of a quorum');
    }
    this.#noteVotes(certificate, configuration);
    const there = this.#log.headerAt(sequence);
    if (there !== undefined && !sameBytes(there, certified)) {
      return this.#findings.fatal('other-header', 'another header is certified in this place');
    }
    if (sequence <= this.#log.committed) return;
    if (there === undefined) return wrong('for a header that is not here');
    this.#commit(sequence);
  }

  /** The members that may certify this subject: for what is not committed yet, those of the present epoch. */
  #configurationFor({ epoch, sequence }: Subject): Configuration | undefined {
    const present = this.#membership.configuration;
    if (sequence > this.#log.committed) return epoch === present.epoch ? present : undefined;
    return this.#membership.configurationOf(epoch);
  }

  #commit(sequence: number): void {
    const headerAt = (at: number): Digest | undefined => this.#log.headerAt(at);
    for (const batch of this.#log.commit(sequence)) {
      const { header, system, writeSets, closes } = batch;
      this.#activations.begin(batch, this.#membership.configuration, this.#governance.constitution);
      this.#batches += 1;
      this.#transactions += header.transactions;
      for (const [index, writeSet] of writeSets.entries()) {
        const { protocol, script, version } = this.#activations.active;
        const { decisions } = this.#governance;
        const known = decisions.length;
        for (const problem of this.#governance.add(writeSet, header, { protocol, code: { version, script } }))
          this.#findings.add('governance', `batch ${header.sequence}: ${problem}`);
        this.#activations.wrote(index, writeSet, decisions[known]?.action);
      }
      this.#options.onWriteSets?.(writeSets, header);
      for (const request of system) this.#membership.order(request, header, headerAt);
      const malformed = this.#state?.add(header.sequence, writeSets);
      if (malformed !== undefined) this.#findings.add('malformed', malformed);
      if (closes) this.#closing = batch;
    }
  }

  /** Votes that contradict others of the ledger convict their slots. */
  #noteVotes(certificate: PreparedCertificate | CommitCertificate, configuration: Configuration): void {
    if (configuration !== this.#membership.configuration) return;
    const { subject } = certificate;
    for (const { slot, first, second } of this.#votes.note(subject, votesOf(this.#cryptography, certificate))) {
      const { instance } = seatOf(configuration, slot)!;
      const proof = { slot, instance, first, second, fork: undefined };
      this.#membership.faults.push({ slot, epoch: subject.epoch, found: 'audit', sequence: subject.sequence, proof });
    }
  }

  #onEpoch({ header, certificate, next }: EpochCertificate): void {
    const before = this.#membership.configuration;
    const wrong = (message: string): void => this.#findings.fatal('epoch-certificate', message);
    if (header.epoch !== before.epoch) return wrong(`ends epoch ${header.epoch}, and the ledger is in ${before.epoch}`);
    if (!sameBytes(certificate.subject.headerDigest, headerDigest(this.#cryptography, header)))
      return wrong('about another header');
    this.#onCommit(certificate);
    const closing = this.#closing;
    if (closing === undefined || !sameBytes(closing.digest, certificate.subject.headerDigest)) {
      return wrong('its header is not that of a committed closing batch');
    }
    if (next.epoch !== before.epoch + 1 || next.slots !== before.slots) return wrong('does not lead to the next epoch');
    if (!sameBytes(header.configuration, configurationNamed(this.#cryptography, header, next)))
      return wrong('the closing header names another configuration');
    this.#membership.close(header, next);
    this.#firstPrimary = firstPrimaryOf(before, header.proposer, next);
    this.#closing = undefined;
    this.#votes.clear();
    const early = this.#early;
    this.#early = [];
    for (const checkpoint of early) this.#onCheckpoint(checkpoint);
  }

  #onCheckpoint(certificate: CheckpointCertificate): void {
    const { epoch, sequence, ledgerRoot, stateDigest } = certificate;
    const wrong = (message: string): void => this.#findings.add('checkpoint-certificate', message);
    // Signed again after its epoch ended; a ledger that was filled in later has it beside its batch.
    if (epoch > this.#membership.configuration.epoch && this.#early.length < earlyMax)
      return void this.#early.push(certificate);
    const configuration = this.#membership.configurationOf(epoch);
    if (configuration === undefined) return wrong(`of epoch ${epoch}`);
    if (!validCheckpointCertificate(this.#cryptography, this.#service, configuration, certificate))
      return wrong('not signed by a quorum');
    const root = this.#log.rootAt(sequence);
    if (root === undefined) return wrong('of a batch that is not here, or long past');
    this.#certified += 1;
    if (!sameBytes(root, ledgerRoot)) return this.#findings.add('ledger-root', 'the checkpoint has another one');
    // Its signers had committed it. After a gap was filled it may be all that certifies the gap's last batch.
    if (sequence > this.#log.committed) this.#commit(sequence);
    const digest = this.#state?.digestAt(sequence, this.#log.isRehashed(sequence));
    if (digest === undefined) return;
    if (typeof digest === 'string') return this.#findings.add('state-digest', digest);
    this.#stateRecomputed += 1;
    if (!sameBytes(digest, stateDigest)) this.#findings.add('state-digest', 'the checkpoint has another one');
  }

  /** spec/view-change.md, lines 9-13. */
  #onNewView(newView: NewView): void {
    const { service, epoch, view, slot, viewChanges, signature } = newView;
    const wrong = (message: string): void => this.#findings.add('new-view', message);
    const configuration = this.#membership.configuration;
    if (epoch !== configuration.epoch || !sameBytes(service, this.#service)) return wrong(`of epoch ${epoch}`);
    if (slot !== primarySlot(configuration.slots, this.#firstPrimary, view))
      return wrong(`slot ${slot} is not the primary of view ${view}`);
    const seat = seatOf(configuration, slot);
    if (seat === undefined || !this.#cryptography.verify(seat.signingKey, newViewStatement(newView), signature))
      return wrong('not signed by its primary');
    const slots = new Set(viewChanges.map((viewChange) => viewChange.slot));
    if (viewChanges.length !== quorumOf(configuration.slots) || slots.size !== viewChanges.length)
      return wrong('not of a quorum');
    for (const viewChange of viewChanges) {
      const reason = this.#viewChangeObjection(viewChange, view, configuration);
      if (reason !== undefined) wrong(`view change of slot ${viewChange.slot}: ${reason}`);
    }
  }

  #viewChangeObjection(viewChange: ViewChange, view: number, configuration: Configuration): string | undefined {
    const { service, epoch, slot, prepared, signature } = viewChange;
    if (viewChange.view !== view || epoch !== configuration.epoch || !sameBytes(service, this.#service))
      return 'for another view';
    const seat = seatOf(configuration, slot);
    if (seat === undefined || !this.#cryptography.verify(seat.signingKey, viewChangeStatement(viewChange), signature))
      return 'not signed';
    if (prepared === undefined) return undefined;
    const { header, certificate } = prepared;
    const { subject } = certificate;
    if (subject.view >= view || header.epoch !== epoch || header.sequence !== subject.sequence)
      return 'prepared elsewhere';
    if (!sameBytes(headerDigest(this.#cryptography, header), subject.headerDigest)) return 'prepared another header';
    if (!validPreparedCertificate(this.#remembering, this.#service, configuration, certificate)) return 'not prepared';
    this.#noteVotes(certificate, configuration);
    return undefined;
  }
}

/** The proposer of the closing header if its instance still sits there, else the next occupied slot. spec/epochs.md, line 5. */
function firstPrimaryOf(before: Configuration, proposer: number, next: Configuration): number {
  const [was, is] = [seatOf(before, proposer), seatOf(next, proposer)];
  if (was !== undefined && is !== undefined && sameBytes(was.instance, is.instance)) return proposer;
  const others = next.seats.map((seat) => seat.slot).filter((slot) => slot !== proposer);
  return others.find((slot) => slot > proposer) ?? others[0] ?? proposer;
}

/** Checkpoints that may wait for their epoch. */
const earlyMax = 64;
/** Good signatures that are remembered. */
const rememberedMax = 2048;

function remembering(cryptography: Cryptography): Cryptography {
  const good = new Map<string, { publicKey: Uint8Array; message: Uint8Array }>();
  const remembered = {
    hash: (bytes: Uint8Array) => cryptography.of(1).hash(bytes),
    validPublicKey: (publicKey: Uint8Array) => cryptography.validPublicKey(publicKey),
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
      const name = toLatin1(signature);
      const known = good.get(name);
      if (known !== undefined && sameBytes(known.publicKey, publicKey) && sameBytes(known.message, message))
        return true;
      if (!cryptography.verify(publicKey, message, signature)) return false;
      if (good.size >= rememberedMax) good.delete(good.keys().next().value!);
      good.set(name, { publicKey, message });
      return true;
    },
  };
  return ofAllVersions(remembered, cryptography.of(rehashedFrom).hash);
}
