/**
 * A cluster of real replicas over a toy execution, in one thread: a test decides what is delivered, lost and when time passes.
 */
import { commitmentOf, encode, decode, toHex, voteStatement, type Item } from '@coppice/wire';
import {
  defaultSettings,
  type Effect,
  type Input,
  type InstanceId,
  type Message,
  messageCodec,
  type ProtocolSettings,
  type Replica,
  startReplica,
  step,
} from '../src/index.ts';
import { idOf, identityOf, signerOf, toyConfiguration, toyCryptography, ToyExecution } from './toy.ts';

export const service = new Uint8Array(32).fill(7);

interface Envelope {
  readonly from: InstanceId;
  readonly to: InstanceId;
  readonly bytes: Uint8Array;
}

export interface Node {
  readonly slot: number;
  readonly launch: number;
  readonly id: InstanceId;
  readonly execution: ToyExecution;
  readonly replica: Replica;
  /** Header digests by sequence number, as committed. */
  readonly committed: Map<number, string>;
  readonly operations: string[];
  readonly rejected: string[];
  readonly reports: string[];
  /** Syncs that wait, where the disk is held. */
  readonly waiting: number[];
  readonly inputs: Input[];
  exited: string | undefined;
  down: boolean;
  holdDisk: boolean;
}

export class Cluster {
  readonly nodes: Node[] = [];
  readonly slots: number;
  readonly queue: Envelope[] = [];
  now = 1_000_000;
  readonly settings: ProtocolSettings;
  /** Whether a message gets through. */
  passes: (from: Node, to: Node, message: Message) => boolean = () => true;
  #nonces = 0;

  constructor(slots: number, settings: Partial<ProtocolSettings> = {}) {
    this.slots = slots;
    this.settings = { ...defaultSettings, checkpointInterval: 8, ...settings };
    for (let slot = 0; slot < slots; slot++) this.launch(slot, 0);
  }

  launch(slot: number, launch: number): Node {
    const execution = new ToyExecution(this.slots);
    const environment = {
      cryptography: toyCryptography,
      execution,
      settings: this.settings,
      instance: identityOf(slot, launch).publicKey,
      service,
    };
    const genesis = toyConfiguration(
      0,
      Array.from({ length: this.slots }, () => 0),
    );
    const replica = startReplica(environment, genesis, this.now);
    const node: Node = {
      slot,
      launch,
      id: idOf(slot, launch),
      execution,
      replica,
      committed: new Map(),
      operations: [],
      rejected: [],
      reports: [],
      waiting: [],
      inputs: [],
      exited: undefined,
      down: false,
      holdDisk: false,
    };
    this.nodes.push(node);
    return node;
  }

  input(node: Node, input: Input): void {
    if (node.down || node.exited !== undefined) return;
    node.inputs.push(input);
    if (node.inputs.length > 1) return;
    // What effects answer at once waits until all effects of this input are performed.
    for (; node.inputs.length > 0; node.inputs.shift()) this.#perform(node, step(node.replica, node.inputs[0]!));
  }

  submit(node: Node, item: Item): void {
    this.input(node, { kind: 'item', item });
  }

  #perform(node: Node, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#post(node, effect.to, effect.message);
          break;
        case 'broadcast':
          for (const to of effect.to) this.#post(node, to, effect.message);
          break;
        case 'announce':
          for (const other of this.nodes) if (other !== node) this.#post(node, other.id, effect.message);
          break;
        case 'sync':
          if (node.holdDisk) node.waiting.push(effect.token);
          else this.input(node, { kind: 'synced', token: effect.token });
          break;
        case 'sign-vote': {
          const nonce = toyCryptography.hash(
            new Uint8Array([this.#nonces & 255, (this.#nonces >> 8) & 255, this.#nonces++ >> 16, node.slot]),
          );
          const commitment = commitmentOf(toyCryptography, nonce);
          const signature = signerOf(node.slot, node.launch, effect.subject.epoch).sign(
            voteStatement(service, effect.subject, commitment),
          );
          this.input(node, { kind: 'voted', subject: effect.subject, nonce, commitment, signature });
          break;
        }
        case 'sign': {
          const signer =
            effect.key === 'identity'
              ? identityOf(node.slot, node.launch)
              : signerOf(node.slot, node.launch, effect.key);
          this.input(node, { kind: 'signed', unsigned: effect.unsigned, signature: signer.sign(effect.statement) });
          break;
        }
        case 'committed': {
          const { header, headerDigest, outcomes } = effect.batch;
          node.committed.set(header.sequence, toHex(headerDigest));
          for (const outcome of outcomes) node.operations.push(new TextDecoder().decode(outcome.result));
          break;
        }
        case 'rejected':
          node.rejected.push(
            `${effect.what}: ${effect.reason}${effect.detail === undefined ? '' : ` (${effect.detail})`}`,
          );
          break;
        case 'report':
          node.reports.push(effect.report.kind);
          break;
        case 'exit':
          node.exited = effect.reason;
          break;
        case 'append':
        case 'erase':
        case 'epoch':
        case 'gap':
          break;
      }
    }
  }

  #post(from: Node, to: InstanceId, message: Message): void {
    const target = this.nodes.find((node) => node.id === to);
    if (target === undefined || target.down || target.exited !== undefined || !this.passes(from, target, message))
      return;
    this.queue.push({ from: from.id, to, bytes: encode(messageCodec, message) });
  }

  /** Delivers until nothing is under way. */
  deliver(limit = 100_000): void {
    for (let i = 0; i < limit; i++) {
      const envelope = this.queue.shift();
      if (envelope === undefined) return;
      const to = this.nodes.find((node) => node.id === envelope.to)!;
      const message = decode(messageCodec, envelope.bytes);
      if (!message.ok) throw new Error(message.reason);
      this.input(to, { kind: 'message', from: envelope.from, message: message.value });
    }
    throw new Error('messages never end');
  }

  /** Lets `ms` pass in steps of 20, delivering everything in between. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i += 20) {
      this.now += 20;
      for (const node of this.nodes) this.input(node, { kind: 'tick', now: this.now });
      this.deliver();
    }
  }

  releaseDisk(node: Node): void {
    node.holdDisk = false;
    for (const token of node.waiting.splice(0)) this.input(node, { kind: 'synced', token });
  }

  /** Throws where two nodes committed different headers at one place. */
  checkAgreement(): void {
    const all = new Map<number, string>();
    for (const node of this.nodes) {
      for (const [sequence, digest] of node.committed) {
        const other = all.get(sequence);
        if (other !== undefined && other !== digest) throw new Error(`two headers at ${sequence}`);
        all.set(sequence, digest);
      }
    }
  }
}
