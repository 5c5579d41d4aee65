/**
 * The node: performs the effects of one replica, in order, and feeds it what comes of them.
 * docs/reference/host-contract.md is the contract that this file keeps.
 *
 * Inputs are handled one at a time, and all effects of one are performed before the next goes in, also where an effect
 * is answered at once (a signature, a vote): else the ledger would get the records of a later decision first.
 */
import { randomBytes } from 'node:crypto';
import { encodeRecord } from '@coppice/ledger';
import {
  type Effect,
  type Environment,
  type Inherited,
  type Input,
  type InstanceId,
  messageCodec,
  type Message,
  type Replica,
  startReplica,
  step,
} from '@coppice/protocol';
import type { Ledger } from '@coppice/storage';
import {
  commitmentOf,
  type Configuration,
  decode,
  encode,
  type EpochCertificate,
  type Item,
  voteStatement,
} from '@coppice/wire';
import type { Keyring } from './keyring.ts';
import type { Journal } from './journal.ts';

type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

export interface Links {
  send(id: InstanceId, frame: Uint8Array): void;
  ids(): InstanceId[];
}

export interface NodeEvents {
  readonly committed: (effect: EffectOf<'committed'>) => void;
  readonly epoch: (effect: EffectOf<'epoch'>) => void;
  readonly gap: (effect: EffectOf<'gap'>) => void;
  readonly stable: () => void;
  readonly exit: (reason: string) => void;
}

export interface ReplicaNodeOptions {
  readonly environment: Environment;
  readonly genesis: Configuration;
  /** Of the chain of epochs from there on, what the instance verified before. */
  readonly proven: readonly EpochCertificate[];
  /** The log that the service goes on from, where this instance founds it. */
  readonly inherited: Inherited | undefined;
  readonly keyring: Keyring;
  readonly ledger: Ledger;
  readonly links: Links;
  readonly journal: Journal;
  readonly events: NodeEvents;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** Bytes waiting for the disk beyond which no more batches are taken in. */
const ledgerBacklogMax = 256 * 1024 * 1024;
/** Bytes waiting for the disk beyond which they are written unasked: whoever only follows asks for no sync, and would fill the backlog. */
const ledgerBytesUnasked = 8 * 1024 * 1024;

export class ReplicaNode {
  readonly replica: Replica;
  readonly #options: ReplicaNodeOptions;
  #stopped = false;
  /** Inputs that wait for the one being handled: what its effects answered. */
  readonly #inputs: Input[] = [];
  #busy = false;
  #writingUnasked = false;
  #gaps = 0;
  /** The newest sync that is done, while a gap keeps it from counting. */
  #heldToken: number | undefined;
  #refusal: EffectOf<'rejected'> | undefined;

  constructor(options: ReplicaNodeOptions) {
    this.#options = options;
    this.replica = startReplica(
      options.environment,
      options.genesis,
      options.clock(),
      options.proven,
      options.inherited,
    );
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * The ledger lacks what came before a received state. Until {@link filled}, nothing counts as durable: a nonce may only leave
   * once everything that rebuilds the prefix is on this disk. spec/normal-case.md, lines 22-25.
   */
  lacks(): void {
    this.#gaps += 1;
  }

  filled(): void {
    this.#gaps -= 1;
    const token = this.#heldToken;
    if (this.#gaps > 0 || token === undefined) return;
    this.#heldToken = undefined;
    this.input({ kind: 'synced', token });
  }

  #onSynced(token: number): void {
    if (this.#gaps > 0) this.#heldToken = token;
    else this.input({ kind: 'synced', token });
  }

  tick(): void {
    this.input({ kind: 'tick', now: this.#options.clock() });
  }

  onFrame(from: InstanceId, frame: Uint8Array): void {
    const message = decode(messageCodec, frame);
    if (message.ok) this.input({ kind: 'message', from, message: message.value });
    else this.#options.journal.rejected(from, 'frame', 'malformed', message.reason);
  }

  /** Hands in a client's item, or a system request. Gives why it was refused, if it was. */
  offer(item: Item): EffectOf<'rejected'> | undefined {
    this.#refusal = undefined;
    this.input({ kind: 'item', item });
    return this.#refusal;
  }

  input(input: Input): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined && !this.#stopped; next = this.#inputs.shift())
        this.#step(next);
    } finally {
      this.#busy = false;
    }
  }

  #step(input: Input): void {
    if (
      this.#options.ledger.bytesPending > ledgerBacklogMax &&
      input.kind === 'message' &&
      input.message.kind === 'pre-prepare'
    ) {
      this.#options.journal.rejected(input.from, 'pre-prepare', 'disk-backlog');
      return;
    }
    for (const effect of step(this.replica, input)) {
      // What it was computed from may have failed meanwhile: then nothing of it may leave.
      if (this.#stopped) return;
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    const { events, journal, keyring, ledger, links } = this.#options;
    switch (effect.kind) {
      case 'send':
        return links.send(effect.to, encodeMessage(effect.message));
      case 'broadcast': {
        const frame = encodeMessage(effect.message);
        for (const id of effect.to) links.send(id, frame);
        return;
      }
      case 'announce': {
        const frame = encodeMessage(effect.message);
        for (const id of links.ids()) links.send(id, frame);
        return;
      }
      case 'append': {
        const { type, payload } = encodeRecord(effect.record);
        ledger.append({ type, sequence: effect.sequence, payload });
        return this.#writeUnasked();
      }
      case 'sync':
        return ledger.sync((error) => {
          if (error === undefined) this.#onSynced(effect.token);
          // Nothing may be claimed durable any more: this instance must not vote again, and says so by ending.
          else events.exit(`storage: ${error.message}`);
        });
      case 'sign-vote':
        return this.#vote(effect);
      case 'sign': {
        const signer = effect.key === 'identity' ? keyring.identity : keyring.signer(effect.key);
        if (signer === undefined) return journal.warn('no-key', { epoch: effect.key, for: effect.unsigned.kind });
        return this.input({ kind: 'signed', unsigned: effect.unsigned, signature: signer.sign(effect.statement) });
      }
      case 'erase':
        return keyring.erase(effect.epoch);
      case 'committed':
        return events.committed(effect);
      case 'epoch':
        return events.epoch(effect);
      case 'gap':
        return events.gap(effect);
      case 'rejected':
        if (effect.from === 'client') this.#refusal = effect;
        return journal.rejected(effect.from, effect.what, effect.reason, effect.detail);
      case 'report':
        if (effect.report.kind === 'stable') events.stable();
        return journal.report(effect.report);
      case 'exit':
        return events.exit(effect.reason);
    }
  }

  #writeUnasked(): void {
    const { events, ledger } = this.#options;
    if (this.#writingUnasked || ledger.bytesPending <= ledgerBytesUnasked) return;
    this.#writingUnasked = true;
    ledger.sync((error) => {
      this.#writingUnasked = false;
      if (error !== undefined) events.exit(`storage: ${error.message}`);
    });
  }

  #vote({ subject }: EffectOf<'sign-vote'>): void {
    const { environment, journal, keyring } = this.#options;
    const signer = keyring.signer(subject.epoch);
    if (signer === undefined) return journal.warn('no-key', { epoch: subject.epoch, for: 'vote' });
    const nonce = new Uint8Array(randomBytes(32));
    const commitment = commitmentOf(environment.cryptography, nonce);
    const signature = signer.sign(voteStatement(environment.service, subject, commitment));
    this.input({ kind: 'voted', subject, nonce, commitment, signature });
  }
}

/** A message as it travels on a channel. */
export function encodeMessage(message: Message): Uint8Array {
  return encode(messageCodec, message, message.kind === 'pre-prepare' ? message.batch.length + 1024 : 512);
}
