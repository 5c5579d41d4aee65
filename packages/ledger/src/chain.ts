/**
 * The chain of epochs, from the verifier's side: from the service digest to "this header is committed".
 *
 * A quorum of epoch e certifies its closing header, which names the configuration of e + 1. Whoever has followed that
 * chain can judge every commit certificate of its epochs, and with it the whole log below the certified header.
 * spec/ledger.md, "What a certificate proves", has the argument for each check.
 */
import {
  type CheckpointCertificate,
  type CommitCertificate,
  commitCertificateCodec,
  type Configuration,
  configurationNamed,
  type Cryptography,
  type Decoded,
  type Digest,
  encode,
  type EpochCertificate,
  type Genesis,
  type Header,
  headerDigest,
  limits,
  rehashedFrom,
  sameBytes,
  serviceDigest,
  toLatin1,
  validCheckpointCertificate,
  validCommitCertificate,
} from '@coppice/wire';
import { includesHeader } from './merkle-proof.ts';
import type { Receipt } from './receipt.ts';

/** Where an epoch begins. Whoever verified it once can begin there the next time. */
export interface EpochStart {
  readonly configuration: Configuration;
  /** Sequence number and time of the last batch before the epoch: its predecessor's closing batch, or genesis. */
  readonly sequence: number;
  readonly time: number;
  /** Protocol version of the header that it begins after: nothing of an earlier one is in it. Unknown if left out. */
  readonly protocolVersion?: number | undefined;
}

/** What does not hold of something certified. */
export interface ChainFailure {
  readonly check: 'header' | 'path' | 'certificate';
  readonly reason: string;
}

interface Epoch extends EpochStart {
  /** Digest of the header that closed the epoch before, where this verifier saw it. */
  readonly closing: Digest | undefined;
  readonly protocolVersion: number;
}

/** Certified headers that are remembered, so that a batch's many receipts cost one check of its certificate. */
const rememberedMax = 256;

export class ChainVerifier {
  readonly service: Digest;
  readonly #cryptography: Cryptography;
  /** Headers up to this sequence number are those of the services before: their places in the tree are all that is known of them. */
  readonly #inherited: number;
  /** Consecutive epochs, from the one that the verifier began with. */
  readonly #epochs: Epoch[];
  /** Valid certificates by the digest of their header. */
  readonly #remembered = new Map<string, Uint8Array>();

  /** Begins at an epoch that the caller trusts: one that was verified before. `genesis` must be that of the service. */
  constructor(cryptography: Cryptography, service: Digest, start: EpochStart, genesis?: Genesis) {
    this.#cryptography = cryptography;
    this.service = service;
    this.#inherited = genesis?.predecessor?.header.sequence ?? 0;
    this.#epochs = [{ ...start, closing: undefined, protocolVersion: start.protocolVersion ?? 0 }];
  }

  /** Begins at the first epoch of the service with this digest. */
  static fromGenesis(cryptography: Cryptography, service: Digest, genesis: Genesis): Decoded<ChainVerifier> {
    const { configuration, predecessor, time } = genesis;
    const last = predecessor?.header;
    if (configuration.epoch !== (last === undefined ? 0 : last.epoch + 1))
      return { ok: false, reason: `does not begin with epoch ${configuration.epoch}` };
    if (!sameBytes(serviceDigest(cryptography, genesis), service)) return { ok: false, reason: 'of another service' };
    if (last !== undefined && time < last.time) return { ok: false, reason: 'dated before what it goes on from' };
    const unsound = unsoundness(configuration);
    if (unsound !== undefined) return { ok: false, reason: unsound };
    const start = { configuration, sequence: last?.sequence ?? 0, time };
    return { ok: true, value: new ChainVerifier(cryptography, service, start, genesis) };
  }

  /** The newest epoch that was reached. */
  get epoch(): number {
    return this.#epochs.at(-1)!.configuration.epoch;
  }

  /** Where an epoch began, or `undefined` for one that was not reached or lies before the beginning. */
  start(epoch: number): EpochStart | undefined {
    return this.#epoch(epoch);
  }

  /** Goes on to the next epoch, or says why this certificate does not lead there. */
  extend({ header, certificate, next }: EpochCertificate): string | undefined {
    const { configuration } = this.#epochs.at(-1)!;
    if (header.epoch !== configuration.epoch) return `closes epoch ${header.epoch}, not ${configuration.epoch}`;
    const misplaced = this.#misplaced(header);
    if (misplaced !== undefined) return misplaced;
    if (next.epoch !== configuration.epoch + 1) return `leads to epoch ${next.epoch}`;
    if (next.slots !== configuration.slots) return 'changes the number of slots';
    const unsound = unsoundness(next);
    if (unsound !== undefined) return unsound;
    if (!sameBytes(configurationNamed(this.#cryptography, header, next), header.configuration))
      return 'the closing header names another configuration';
    const closing = headerDigest(this.#cryptography, header);
    const uncertified = this.#uncertified(header, closing, certificate);
    if (uncertified !== undefined) return uncertified;
    const { protocolVersion, sequence, time } = header;
    this.#epochs.push({ configuration: next, sequence, time, closing, protocolVersion });
    return undefined;
  }

  /** Whether `header` is committed, shown by its own certificate or by that of a later header: why not, if not. */
  verifyCertified(header: Header, via: Receipt['via'], certificate: CommitCertificate): ChainFailure | undefined {
    const certified = via?.header ?? header;
    const misplaced = this.#misplaced(header) ?? this.#misplaced(certified);
    if (misplaced !== undefined) return { check: 'header', reason: misplaced };
    const digest = headerDigest(this.#cryptography, header);
    if (via !== undefined) {
      const unconnected = this.#unconnected(header, digest, via);
      if (unconnected !== undefined) return { check: 'path', reason: unconnected };
    }
    const certifiedDigest = via === undefined ? digest : headerDigest(this.#cryptography, via.header);
    const reason = this.#uncertified(certified, certifiedDigest, certificate);
    return reason === undefined ? undefined : { check: 'certificate', reason };
  }

  /** Whether a quorum certified this checkpoint, of a batch of its epoch or of an earlier one: why not, if not. */
  verifyCheckpoint(certificate: CheckpointCertificate): string | undefined {
    const { epoch, sequence } = certificate;
    const own = this.#epoch(epoch);
    if (own === undefined) return `of epoch ${epoch}, whose members are not known`;
    const end = this.#epoch(epoch + 1)?.sequence;
    if (end !== undefined && sequence > end) return 'of a batch after its epoch';
    const valid = validCheckpointCertificate(this.#cryptography, this.service, own.configuration, certificate);
    return valid ? undefined : 'not the signatures of a quorum';
  }

  /** A version of the protocol that was active before batch `sequence`: the latest that the chain shows; 0 where it shows none. */
  protocolBefore(sequence: number): number {
    return this.#epochs.findLast((one) => one.sequence < sequence)?.protocolVersion ?? 0;
  }

  #epoch(epoch: number): Epoch | undefined {
    return this.#epochs[epoch - this.#epochs[0]!.configuration.epoch];
  }

  /** Why a header cannot stand where it says, given where the epochs that are known begin and end. */
  #misplaced(header: Header): string | undefined {
    // Its codec knows its version. What is not known of an epoch's ends is not asked. spec/upgrades.md, line 22.
    if (header.protocolVersion < (this.#epoch(header.epoch)?.protocolVersion ?? 0))
      return 'of a version before its epoch';
    // What a service inherited is in its tree, and was signed for its predecessors. spec/recovery.md, line 53.
    if (!sameBytes(header.service, this.service) && header.sequence > this.#inherited) return 'of another service';
    if (header.epoch > this.epoch) return `of epoch ${header.epoch}, and the chain ends with ${this.epoch}`;
    const own = this.#epoch(header.epoch);
    if (header.sequence <= (own?.sequence ?? 0)) return 'numbered as if before its epoch';
    if (header.time < (own?.time ?? 0)) return 'dated before its epoch';
    const next = header.epoch === this.epoch ? undefined : (this.#epoch(header.epoch + 1) ?? this.#epochs[0]!);
    if (next === undefined) return undefined;
    if (header.sequence > next.sequence) return 'numbered as if after its epoch';
    if (header.time > next.time) return 'dated after its epoch';
    if (next.closing !== undefined && header.protocolVersion > next.protocolVersion)
      return 'of a version after its epoch';
    if (own === undefined || next.closing === undefined) return undefined;
    if (header.sequence === next.sequence) {
      const closing = sameBytes(headerDigest(this.#cryptography, header), next.closing);
      return closing ? undefined : 'stands in the place of the header that closed its epoch';
    }
    const named = configurationNamed(this.#cryptography, header, own.configuration);
    return sameBytes(header.configuration, named) ? undefined : 'names a configuration of no epoch';
  }

  /** Why a header is not in the past of a later one. */
  #unconnected(header: Header, digest: Digest, via: NonNullable<Receipt['via']>): string | undefined {
    const later = via.header;
    if (later.sequence <= header.sequence || later.epoch < header.epoch || later.time < header.time)
      return 'leads to no later header';
    const { previousRoot: root, rehashed } = later;
    // Which hash a header is of is a matter of its place. spec/algorithms.md, 21.
    if (header.protocolVersion >= rehashedFrom !== header.sequence > (rehashed ?? Infinity))
      return 'is of another hash';
    const under = { path: via.path, rehashed, root, size: later.sequence - 1 };
    const included = includesHeader(this.#cryptography, digest, header.sequence, under);
    return included ? undefined : 'does not lead to the previous root of the later header';
  }

  /** Why a header, which has this digest and is where it may be, is not certified by this certificate. */
  #uncertified(header: Header, digest: Digest, certificate: CommitCertificate): string | undefined {
    const { subject } = certificate;
    if (subject.epoch !== header.epoch || subject.sequence !== header.sequence) return 'about another place of the log';
    if (!sameBytes(subject.headerDigest, digest)) return 'about another header';
    const configuration = this.#epoch(header.epoch)?.configuration;
    if (configuration === undefined) return `of epoch ${header.epoch}, whose members are not known`;

    // Remembered with its bytes: a receipt that is kept must hold a certificate that is good everywhere.
    const key = toLatin1(digest);
    const encoded = encode(commitCertificateCodec, certificate, 1024);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && sameBytes(remembered, encoded)) return undefined;
    if (!validCommitCertificate(this.#cryptography, this.service, configuration, certificate)) {
      return 'not the votes and nonces of a quorum';
    }
    if (this.#remembered.size >= rememberedMax) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(key, encoded);
    return undefined;
  }
}

/** Why nobody could count a quorum in this configuration. */
function unsoundness({ slots, seats }: Configuration): string | undefined {
  if (slots < 1 || slots > limits.slots) return `a configuration of ${slots} slots`;
  if (seats.some((seat) => seat.slot >= slots)) return 'a seat in a slot that does not exist';
  // Were one key to sit twice, one signature would count as two.
  const keys = new Set(seats.map((seat) => toLatin1(seat.signingKey)));
  return keys.size === seats.length ? undefined : 'one signing key in two seats';
}
