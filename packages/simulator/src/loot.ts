/**
 * Everything that one attacker ever captured: each key in the memory of an instance when he took it over, each nonce
 * that was still there, and what is no secret, because it was sent.
 */
import { commitmentOf, type Cryptography, type Signer, type Subject, toHex, toLatin1, type Vote } from '@coppice/wire';
import type { Instance } from './instance.ts';
import type { Observer } from './observer.ts';

/** Votes of one subject, by slot. */
export interface Voted {
  readonly subject: Subject;
  readonly votes: Map<number, Vote>;
}

export class Loot implements Observer {
  readonly name = 'loot';
  readonly ballots = new Map<string, Voted>();
  readonly #signers = new Map<string, Signer>();
  readonly #nonces = new Map<string, Uint8Array>();
  readonly #seized = new Set<Instance>();
  readonly #cryptography: Cryptography;

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
  }

  /** The captured private key of this public key. */
  signerOf(publicKey: Uint8Array): Signer | undefined {
    return this.#signers.get(toLatin1(publicKey));
  }

  /** Captured keys, of whatever epoch. */
  get signers(): readonly Signer[] {
    return [...this.#signers.values()];
  }

  /** The nonce behind a commitment, if it was captured or revealed. */
  nonceOf(commitment: Uint8Array): Uint8Array | undefined {
    return this.#nonces.get(toLatin1(commitment));
  }

  seized(instance: Instance): void {
    if (this.#seized.has(instance)) return;
    this.#seized.add(instance);
    for (const signer of instance.keyring.signers) this.#signers.set(toLatin1(signer.publicKey), signer);
    for (const nonce of instance.nonces) if (nonce.some((byte) => byte !== 0)) this.#take(nonce);
  }

  voted(instance: Instance, vote: Vote, nonce: Uint8Array): void {
    const { subject, slot } = vote;
    const { epoch, view, sequence, headerDigest, newView } = subject;
    const key = `${epoch} ${view} ${sequence} ${toHex(headerDigest)} ${toHex(newView)}`;
    const known = this.ballots.get(key) ?? { subject, votes: new Map<number, Vote>() };
    known.votes.set(slot, vote);
    this.ballots.set(key, known);
    if (!instance.corrupt) return;
    this.seized(instance);
    this.#take(nonce);
  }

  revealed(_: Instance, nonces: readonly Uint8Array[]): void {
    for (const nonce of nonces) this.#take(nonce);
  }

  #take(nonce: Uint8Array): void {
    const copy = Uint8Array.from(nonce);
    this.#nonces.set(toLatin1(commitmentOf(this.#cryptography, copy)), copy);
  }
}
