/**
 * Forward security, the hard way: when everything is over, the attacker tries to forge history with all that he ever
 * captured. None of it may verify. spec/invariants.md, 6 and 7.
 *
 * In every epoch he tries a receipt, a clean-start certificate, and an end that seats instances of his own; and a commit
 * of each batch that got votes and was abandoned. Where he lacks a key, he signs with another one. Runs in which instances
 * do not erase show that he succeeds where he can: then this checker must find something.
 */
import { type LaunchData } from '@coppice/attestation';
import {
  ChainVerifier,
  type EpochStart,
  type Receipt,
  receiptCodec,
  receiptVersion,
  TransactionsTree,
  verifyReceipt,
} from '@coppice/ledger';
import {
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  configurationDigest,
  type Digest,
  encode,
  encodeResult,
  type EpochCertificate,
  type Header,
  headerDigest,
  headerVersion,
  type Join,
  quorumOf,
  requestDigest,
  type Subject,
  systemRequestDigest,
  type SystemRequest,
  toHex,
  validCommitCertificate,
  voteStatement,
  keysOf,
  type Scheme,
} from '@coppice/wire';
import { foundingRelease, joinOf } from '../founding.ts';
import type { Instance } from '../instance.ts';
import { Keyring } from '../keyring.ts';
import type { Loot } from '../loot.ts';
import type { Observer } from '../observer.ts';
import type { Random } from '../random.ts';
import type { Founded } from '../world.ts';
import type { CryptographyProvider } from '../cryptography.ts';
import type { Agreed } from './agreement.ts';

export interface ForgeryOptions {
  readonly violate: (message: string) => void;
  readonly provider: CryptographyProvider;
  readonly random: Random;
  readonly founded: Founded;
  readonly loot: Loot;
  readonly log: ReadonlyMap<number, Agreed>;
}

const noBytes = new Uint8Array(0);
const noDigest = new Uint8Array(32);

export class Forgery implements Observer {
  readonly name = 'forgery';
  /** How often he tried. */
  attempts = 0;
  readonly #options: ForgeryOptions;
  /** By the epoch that they end. */
  readonly #ends: EpochCertificate[] = [];
  /** Of an instance of his own. */
  #join: Join | undefined;

  constructor(options: ForgeryOptions) {
    this.#options = options;
  }

  epoch(instance: Instance, certificate: EpochCertificate): void {
    if (!instance.corrupt) this.#ends[certificate.header.epoch] ??= certificate;
  }

  ended(): void {
    const { provider, founded } = this.#options;
    const { service } = founded.genesis;
    const verifier = ChainVerifier.fromGenesis(provider.cryptography, service, founded.document.genesis);
    if (!verifier.ok) throw new Error(verifier.reason);
    const chain = verifier.value;
    for (let epoch = 0; ; epoch++) {
      const start = chain.start(epoch)!;
      this.#forgeEpoch(start);
      this.#commitAbandoned(start.configuration);
      const end = this.#ends[epoch];
      if (end === undefined) return;
      const wrong = chain.extend(end);
      if (wrong !== undefined) throw new Error(wrong);
    }
  }

  #forgeEpoch(start: EpochStart): void {
    const operation = { target: 'service' as const, payload: Uint8Array.of(1) };
    const { provider, random } = this.#options;
    const client = { kind: 'client' as const, client: random.bytes(32), number: 1, operation };
    const cryptography = provider.cryptography.of(versionOf(start));
    const asked = requestDigest(cryptography, client.client, client.number, operation);
    this.#forgeReceipt('receipt', start, client, asked);

    const request: SystemRequest = { kind: 'join', join: (this.#join ??= this.#makeJoin()) };
    const digest = systemRequestDigest(cryptography, request);
    this.#forgeReceipt('clean start', start, { kind: 'system', request }, digest);
    this.#forgeEnd(start);
  }

  #forgeReceipt(what: string, start: EpochStart, request: Receipt['transaction']['request'], asked: Digest): void {
    const { provider, founded } = this.#options;
    const { cryptography } = provider;
    const { service } = founded.genesis;
    const result = encodeResult({ ok: true, value: 'as I please' });
    const outcomes = [{ request: asked, result, salt: noBytes, writeSet: noBytes }];
    const tree = new TransactionsTree(cryptography.of(versionOf(start)), outcomes);
    const header = this.#header(start, tree.root, start.configuration);
    const certificate = this.#certificate(start.configuration, header);
    const transaction = { index: 0, request, result, path: tree.path(0), writeSetDigest: tree.writeSetDigest(0) };
    const { genesis } = founded.document;
    const receipt = { version: receiptVersion, genesis, epochs: [], header, via: undefined, certificate, transaction };
    const verdict = verifyReceipt(cryptography, encode(receiptCodec, receipt), { service, known: start });
    this.#judge(verdict.ok ? undefined : verdict.check, what, start);
    // Anything else that is wrong would hide whether the certificate is.
    if (!verdict.ok && verdict.check !== 'certificate') throw new Error(`${what}: ${verdict.check}: ${verdict.reason}`);
  }

  /** Another end of the epoch, with instances of the attacker in all seats. */
  #forgeEnd(start: EpochStart): void {
    const { provider, founded, random } = this.#options;
    const { configuration } = start;
    const own = (): Uint8Array => provider.signerOf(random.bytes(32)).publicKey;
    const seats = configuration.seats.map((seat) => ({ ...seat, instance: own(), signingKey: own() }));
    const next = { ...configuration, epoch: configuration.epoch + 1, seats };
    const header = this.#header(start, noDigest, next);
    const certificate = this.#certificate(configuration, header);
    const verifier = new ChainVerifier(provider.cryptography, founded.genesis.service, start);
    const wrong = verifier.extend({ header, certificate, next });
    this.#judge(wrong, 'epoch certificate', start);
    if (wrong !== undefined && wrong !== 'not the votes and nonces of a quorum') throw new Error(wrong);
  }

  #judge(objection: string | undefined, what: string, { configuration }: EpochStart): void {
    this.attempts += 1;
    if (objection === undefined) this.#options.violate(`a forged ${what} of epoch ${configuration.epoch} verifies`);
  }

  /** Batches that were voted for and not committed, with whatever nonces are known. */
  #commitAbandoned(configuration: Configuration): void {
    const { provider, founded, log, loot } = this.#options;
    for (const { subject, votes } of loot.ballots.values()) {
      const committed = log.get(subject.sequence);
      if (subject.epoch !== configuration.epoch || committed === undefined) continue;
      if (committed.digest === toHex(subject.headerDigest)) continue;
      const replayed = [...votes.values()].flatMap(({ slot, commitment, signature }) => {
        const nonce = loot.nonceOf(commitment);
        return nonce === undefined ? [] : [{ slot, nonce, signature }];
      });
      const certificate = this.#certified(configuration, subject, replayed);
      this.attempts += 1;
      if (validCommitCertificate(provider.cryptography, founded.genesis.service, configuration, certificate))
        this.#options.violate(`the abandoned batch ${subject.sequence} of epoch ${subject.epoch} can be committed`);
    }
  }

  #header(start: EpochStart, transactionsRoot: Digest, next: Configuration): Header {
    const { service } = this.#options.founded.genesis;
    const protocol = versionOf(start);
    const code = { version: 1, script: noDigest };
    return {
      ...headerVersion({ protocol, code }, start.sequence),
      ...{ service, epoch: start.configuration.epoch, sequence: start.sequence + 1 },
      ...{ time: start.time, proposer: 0, previousRoot: noDigest, transactionsRoot, transactions: 1 },
      configuration: configurationDigest(this.#options.provider.cryptography.of(protocol), next),
    };
  }

  #certificate(configuration: Configuration, header: Header): CommitCertificate {
    const { epoch, sequence } = header;
    const digest = headerDigest(this.#options.provider.cryptography, header);
    return this.#certified(configuration, { epoch, view: 0, sequence, headerDigest: digest, newView: noDigest }, []);
  }

  /** Signed with the captured keys of the epoch, then by what is known of its votes, then with whatever key there is. */
  #certified(
    configuration: Configuration,
    subject: Subject,
    replayed: readonly CommitCertificate['reveals'][number][],
  ): CommitCertificate {
    const { loot } = this.#options;
    const reveals = new Map(replayed.map((reveal) => [reveal.slot, reveal]));
    const slots = configuration.seats.map(({ slot }) => slot);
    const sign = (slot: number, signer: ReturnType<Loot['signerOf']>): void => {
      if (signer === undefined || reveals.has(slot)) return;
      const nonce = this.#options.random.bytes(32);
      const commitment = commitmentOf(this.#options.provider.cryptography, nonce);
      const { service } = this.#options.founded.genesis;
      reveals.set(slot, { slot, nonce, signature: signer.sign(voteStatement(service, subject, commitment)) });
    };
    for (const { slot, signingKey } of configuration.seats) sign(slot, loot.signerOf(signingKey));
    const good = new Set(reveals.keys());
    const scheme = keysOf(2, configuration.seats) ? 2 : 1;
    for (const slot of slots) sign(slot, this.#signer(scheme));
    const chosen = [...reveals.values()].sort((a, b) => Number(good.has(b.slot)) - Number(good.has(a.slot)));
    const quorum = chosen.slice(0, quorumOf(configuration.slots)).sort((a, b) => a.slot - b.slot);
    return { subject, reveals: quorum };
  }

  /** Some captured key, or one of the attacker's own. */
  #signer(scheme: Scheme) {
    const { loot, provider, random } = this.#options;
    return loot.signers.length > 0 && random.percent(50)
      ? random.pick(loot.signers)
      : provider.signerOf(random.bytes(32), scheme);
  }

  #makeJoin(): Join {
    const { provider, random, founded } = this.#options;
    const keyring = new Keyring(provider, random, random);
    keyring.generate(1, 4, 1);
    const launch: LaunchData = {
      ...{ service: founded.genesis.service, slot: 0, turn: 1, challenge: random.bytes(32) },
      ...{ release: foundingRelease(1).digest, variant: 'v0' },
    };
    return joinOf(provider, launch, keyring, 'forger');
  }
}

/** Of the protocol: the earliest that an epoch's headers may be of. */
function versionOf({ protocolVersion }: EpochStart): number {
  return Math.max(1, protocolVersion ?? 1);
}
