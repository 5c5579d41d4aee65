/**
 * Real Ed25519 over node:crypto, and small services that exist only as signatures: enough to sign a ledger.
 */
import { createHash, createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import {
  type Batch,
  batchCodec,
  type Bundle,
  bundleStatement,
  bytes,
  type Code,
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  configurationDigest,
  type Cryptography,
  type Digest,
  encode,
  type EpochCertificate,
  type Genesis,
  type Header,
  headerDigest,
  headerVersion,
  list,
  type Operation,
  optional,
  type Outcome,
  type PreparedCertificate,
  quorumOf,
  requestDigests,
  type Seat,
  serviceDigest,
  type Signer,
  struct,
  type Subject,
  toLatin1,
  type Vote,
  voteStatement,
  ofAllVersions,
} from '@coppice/wire';
import { MerkleTree, type Receipt, receiptVersion, TransactionsTree, writeSetDigest } from '@coppice/ledger';

const publicKeys = new Map<string, KeyObject>();

function publicKeyObject(raw: Uint8Array): KeyObject {
  const name = toLatin1(raw);
  let key = publicKeys.get(name);
  if (key === undefined) {
    key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') },
      format: 'jwk',
    });
    publicKeys.set(name, key);
  }
  return key;
}

export const testCryptography: Cryptography = ofAllVersions(
  {
    hash: (bytes) => Uint8Array.from(hash('sha256', bytes, 'buffer')),
    verify: (publicKey, message, signature) =>
      publicKey.length === 32 &&
      signature.length === 64 &&
      verify(null, message, publicKeyObject(publicKey), signature),
    validPublicKey: (publicKey) => publicKey.length === 32,
  },
  (bytes) => Uint8Array.from(hash('sha3-256', bytes, 'buffer')),
);

/** 32 bytes that only this text gives. */
export function bytesOf(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

/** The signer whose private key follows from this text. */
export function testSigner(seed: string): Signer {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, bytesOf(`key ${seed}`)]), format: 'der', type: 'pkcs8' });
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url');
  return { publicKey, sign: (message) => sign(null, message, key) };
}

/** Signing key of the launch called `name` in `epoch`. */
export const epochSigner = (name: string, epoch: number): Signer => testSigner(`${name} epoch ${epoch}`);

export function seatNamed(name: string, slot: number, epoch: number, turn = 0, since = 1000): Seat {
  return {
    slot,
    instance: testSigner(name).publicKey,
    signingKey: epochSigner(name, epoch).publicKey,
    sealingKey: bytesOf(`seal ${name} ${epoch}`),
    release: bytesOf('release'),
    variant: 'v',
    platform: 'simulated',
    provider: 'p',
    turn,
    since,
    termEnd: since + 1_000_000,
    address: 'a',
    clientAddress: 'c',
  };
}

export interface Voters {
  readonly slots?: readonly number[];
  readonly launches?: string[];
}

/** A log of which the test holds every key. `launches[slot]` names the instance that sits there. */
export class TestLog {
  readonly genesis: Genesis;
  readonly service: Digest;
  configuration: Configuration;
  launches: string[];
  /** Versions of the protocol and of the service of what comes. */
  protocol = 1;
  code: Code = { version: 1, script: new Uint8Array(32) };
  readonly tree = new MerkleTree(testCryptography);
  readonly epochs: EpochCertificate[] = [];
  time: number;

  constructor(launches = ['s0', 's1', 's2', 's3'], genesis: Partial<Genesis> = {}) {
    this.launches = launches;
    this.configuration = {
      epoch: 0,
      slots: launches.length,
      seats: launches.map((name, slot) => seatNamed(name, slot, 0)),
    };
    this.genesis = {
      constitution: bytesOf('constitution'),
      joinsRoot: bytesOf('joins'),
      time: 1000,
      configuration: this.configuration,
      ...genesis,
    };
    this.service = serviceDigest(testCryptography, this.genesis);
    this.time = this.genesis.time;
  }

  /** The next header over these outcomes; `changes` may spoil it. */
  header(outcomes: readonly Outcome[], changes: Partial<Header> = {}): Header {
    this.time += 10;
    const { protocolVersion } = { protocolVersion: this.protocol, ...changes };
    const header = {
      ...headerVersion(this, this.tree.rehashed),
      service: this.service,
      epoch: this.configuration.epoch,
      sequence: this.tree.size + 1,
      time: this.time,
      proposer: 0,
      previousRoot: this.tree.root(),
      transactionsRoot: new TransactionsTree(testCryptography.of(protocolVersion), outcomes).root,
      transactions: outcomes.length,
      configuration: configurationDigest(testCryptography.of(protocolVersion), this.configuration),
      ...changes,
    };
    this.tree.append(headerDigest(testCryptography, header), header.rehashed);
    return header;
  }

  subject(header: Header, changes: Partial<Subject> = {}): Subject {
    return {
      epoch: header.epoch,
      view: 0,
      sequence: header.sequence,
      headerDigest: headerDigest(testCryptography, header),
      newView: new Uint8Array(32),
      ...changes,
    };
  }

  /** A vote with its nonce, by the launch that sits in the slot now, or in `launches`. */
  vote(slot: number, subject: Subject, launches = this.launches): Vote & { nonce: Uint8Array } {
    const nonce = bytesOf(`nonce ${slot} ${subject.view} ${subject.sequence}`);
    const commitment = commitmentOf(testCryptography, nonce);
    const signer = epochSigner(launches[slot]!, subject.epoch);
    return {
      subject,
      slot,
      commitment,
      nonce,
      signature: signer.sign(voteStatement(this.service, subject, commitment)),
    };
  }

  /** Votes of these slots; by default of the first that make a quorum. A slot whose launch has no name is vacant. */
  #votes(subject: Subject, { slots, launches }: Voters): (Vote & { nonce: Uint8Array })[] {
    const occupied = this.launches.flatMap((name, slot) => (name === '' ? [] : [slot]));
    const voters = slots ?? occupied.slice(0, quorumOf(this.launches.length));
    return voters.map((slot) => this.vote(slot, subject, launches));
  }

  commit(header: Header, changes: Partial<Subject> = {}, voters: Voters = {}): CommitCertificate {
    const subject = this.subject(header, changes);
    return {
      subject,
      reveals: this.#votes(subject, voters).map(({ slot, nonce, signature }) => ({ slot, nonce, signature })),
    };
  }

  prepare(header: Header, changes: Partial<Subject> = {}, voters: Voters = {}): PreparedCertificate {
    const subject = this.subject(header, changes);
    return {
      subject,
      votes: this.#votes(subject, voters).map(({ slot, commitment, signature }) => ({ slot, commitment, signature })),
    };
  }

  /** The configuration that follows, with another launch in one slot. */
  nextConfiguration(slot?: number, name = '', turn = 0): Configuration {
    const epoch = this.configuration.epoch + 1;
    const seats = this.configuration.seats.map((seat) =>
      seat.slot === slot
        ? seatNamed(name, slot, epoch, turn, this.time + 10)
        : {
            ...seat,
            signingKey: epochSigner(this.launches[seat.slot]!, epoch).publicKey,
            sealingKey: bytesOf(`seal ${this.launches[seat.slot]!} ${epoch}`),
          },
    );
    return { ...this.configuration, epoch, seats };
  }

  /** Closes the epoch with a batch over these outcomes, and goes on to the next. */
  close(next: Configuration, launches = this.launches, outcomes: readonly Outcome[] = []): EpochCertificate {
    const configuration = configurationDigest(testCryptography.of(this.protocol), next);
    const header = this.header(outcomes, { configuration });
    const certificate = { header, certificate: this.commit(header), next };
    this.epochs.push(certificate);
    this.configuration = next;
    this.launches = launches;
    return certificate;
  }

  /** A client's bundle of these payloads, signed. */
  bundle(seed: string, first: number, payloads: readonly Uint8Array[]): Bundle {
    const client = testSigner(seed);
    const operations = payloads.map((payload): Operation => ({ target: 'service', payload }));
    const unsigned = { client: client.publicKey, acknowledged: first - 1, time: this.time, first, operations };
    const digests = requestDigests(testCryptography, unsigned);
    return { ...unsigned, signature: client.sign(bundleStatement(testCryptography, this.service, unsigned, digests)) };
  }
}

/** Outcomes of a bundle whose requests each give `ok`. */
export function outcomesOf(bundle: Bundle, writeSet: Uint8Array = new Uint8Array(0), protocol = 1): Outcome[] {
  return requestDigests(testCryptography.of(protocol), bundle).map((request) => ({
    request,
    result: Uint8Array.of(111, 107),
    salt: new Uint8Array(0),
    writeSet,
  }));
}

/** An encoded write set: addresses, which must ascend, and values; without a value, the key is deleted. */
export function writeSetOf(changes: Readonly<Record<string, string | undefined>>): Uint8Array {
  const codec = list(struct({ address: bytes(1089), value: optional(bytes(1 << 20)) }), 1000);
  return encode(
    codec,
    Object.entries(changes).map(([address, value]) => ({
      address: new TextEncoder().encode(`${address}\0key`),
      value: value === undefined ? undefined : new TextEncoder().encode(value),
    })),
  );
}

export function batchOf(...items: Batch['items']): Uint8Array {
  return encode(batchCodec, { items });
}

/** The receipt of request `index` of a bundle that was a batch by itself. */
export function receiptOf(
  log: TestLog,
  bundle: Bundle,
  index: number,
  shown: Pick<Receipt, 'header' | 'via' | 'certificate'>,
  outcomes = outcomesOf(bundle),
): Receipt {
  const { result, salt, writeSet } = outcomes[index]!;
  const hash = testCryptography.of(shown.header.protocolVersion);
  return {
    version: receiptVersion,
    genesis: log.genesis,
    epochs: log.epochs.filter((epoch) => epoch.header.epoch < shown.certificate.subject.epoch),
    ...shown,
    transaction: {
      index,
      request: {
        kind: 'client',
        client: bundle.client,
        number: bundle.first + index,
        operation: bundle.operations[index]!,
      },
      result,
      writeSetDigest: writeSetDigest(hash, salt, writeSet),
      path: new TransactionsTree(hash, outcomes).path(index),
    },
  };
}
