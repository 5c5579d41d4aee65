/**
 * A client: submits bundles to one replica, then to others until it has a receipt for each request.
 */
import { encodeOperation } from '@coppice/service';
import {
  bindsTransaction,
  ChainVerifier,
  proveRange,
  type RangeProof,
  type Receipt,
  receiptVersion,
} from '@coppice/ledger';
import {
  type Bundle,
  bundleStatement,
  type ClientAnswerOf,
  decodeResult,
  type Digest,
  merkleLeaf,
  requestDigest,
  requestDigests,
  type Result,
  resultDigest,
  type Signer,
  transactionLeaf,
} from '@coppice/wire';
import { genesisTime } from './founding.ts';
import type { ClientLink } from './door.ts';
import type { Instance } from './instance.ts';
import type { Random } from './random.ts';
import { commands, type RegisterCommand } from './register.ts';
import type { World } from './world.ts';

/** One request, as its client sees it. */
export interface ClientOperation {
  readonly client: string;
  readonly number: number;
  readonly command: RegisterCommand;
  readonly key: string;
  readonly value: string;
  readonly invokedAt: number;
  answer:
    | {
        readonly at: number;
        readonly by: Instance;
        readonly result: Result;
        readonly sequence: number;
        readonly index: number;
        readonly receipt: Receipt;
      }
    | undefined;
}

export interface ClientOptions {
  readonly world: World;
  readonly name: string;
  readonly random: Random;
  readonly service: Digest;
  /** Whom it can submit to. */
  readonly doors: () => readonly Instance[];
  /** Most milliseconds between an answer and the next bundle. */
  readonly thinkMs: number;
}

const patienceMs = 600;
const keys = ['a', 'b', 'c', 'd'];

/** Results that say: not executed here, and perhaps later. */
const passing = new Set(['duplicate', 'outside-window', 'busy', 'too-many-clients', 'unknown-client', 'clock-ahead']);

export class Client {
  readonly name: string;
  readonly operations: ClientOperation[] = [];
  readonly signer: Signer;
  readonly #options: ClientOptions;
  #bundle: Bundle | undefined;
  /** The epochs that answers led through so far. */
  #chain: ChainVerifier | undefined;
  readonly #links = new Map<Instance, ClientLink>();
  #attempt = 0;
  /** How often it has sent a bundle, beginning anywhere. */
  #door: number;
  #stopped = false;

  constructor(options: ClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.signer = options.world.provider.signerOf(options.random.bytes(32));
    this.#door = options.random.below(64);
  }

  start(): void {
    const { random, thinkMs, world } = this.#options;
    world.scheduler.after(random.between(1, thinkMs), () => this.#next());
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  get waiting(): ClientOperation[] {
    return this.operations.filter(({ answer }) => answer === undefined);
  }

  #next(): void {
    if (this.#stopped) return;
    const { random, service, world } = this.#options;
    const { cryptography } = world.provider;
    const first = this.operations.length + 1;
    const invokedAt = world.scheduler.now;
    for (let i = random.between(1, 3); i > 0; i--) {
      const number = this.operations.length + 1;
      const value = `${this.name}-${number}`;
      const common = { client: this.name, number, invokedAt, answer: undefined };
      this.operations.push({ ...common, command: random.pick(commands), key: random.pick(keys), value });
    }
    const operations = this.operations.slice(first - 1).map(({ command, key, value }) => ({
      target: 'service' as const,
      payload: encodeOperation({ command, input: [key, value] }),
    }));
    const client = this.signer.publicKey;
    const time = genesisTime + invokedAt;
    const unsigned = { client, acknowledged: first - 1, time, first, operations };
    const digests = requestDigests(cryptography, unsigned);
    const signature = this.signer.sign(bundleStatement(cryptography, service, unsigned, digests));
    this.#bundle = { ...unsigned, signature };
    this.#submit();
  }

  /** Until every request of the bundle is answered: again, and elsewhere. */
  #submit(): void {
    this.#again(patienceMs);
    this.#send(this.#bundle!);
  }

  #send(bundle: Bundle): void {
    const { doors, world } = this.#options;
    const choices = doors();
    if (choices.length === 0) return;
    // One after the other: f + 1 correct ones know of it before long.
    const door = choices[this.#door++ % choices.length]!;
    world.scheduler.after(world.network.delay(), () => {
      if (door.state === 'running') door.serving!.door.submit(bundle, this.#linkTo(door));
    });
  }

  #again(delay: number): void {
    const attempt = ++this.#attempt;
    this.#options.world.scheduler.after(delay, () => {
      if (this.#attempt === attempt) this.#submit();
    });
  }

  #linkTo(door: Instance): ClientLink {
    const { scheduler, network, log } = this.#options.world;
    const link = this.#links.get(door) ?? {
      committed: (answer) => scheduler.after(network.delay(), () => this.#onCommitted(door, answer)),
      refused: (first, reason) => {
        log(this.name, () => `${door.name} refuses ${first}: ${reason}`);
        if (this.#bundle?.first === first) this.#again(patienceMs / 4);
      },
    };
    this.#links.set(door, link);
    return link;
  }

  #onCommitted(by: Instance, answer: ClientAnswerOf<'committed'>): void {
    const { header, via, certificate, transactions } = answer;
    const { world } = this.#options;
    const bundle = this.#bundle;
    // An answer to an earlier bundle says nothing new, and its proof is about other requests.
    if (bundle === undefined || answer.first < bundle.first || answer.first > this.operations.length) return;
    const { cryptography } = world.provider;
    const { genesis } = by.serving!.founded.document;
    const epochs = by.serving!.door.chain().epochs.slice(0, certificate.subject.epoch);
    const chain = this.#follow(genesis, epochs);
    if (typeof chain === 'string') return world.tell('unproven', by, chain);
    const failure = chain.verifyCertified(header, via, certificate);
    if (failure !== undefined) return world.tell('unproven', by, `${failure.check}: ${failure.reason}`);
    const proof = this.#prove(answer, bundle);
    if (proof === undefined) return world.tell('unproven', by, 'transactions');
    for (const [i, { result, writeSetDigest }] of transactions.entries()) {
      const [number, index] = [answer.first + i, answer.index + i];
      const operation = this.operations[number - 1];
      if (number < bundle.first || operation === undefined || operation.answer !== undefined) continue;
      const asked = bundle.operations[number - bundle.first]!;
      const request = { kind: 'client' as const, client: bundle.client, number, operation: asked };
      const transaction = { index, request, result, writeSetDigest, path: proof.path(index) };
      const receipt = { version: receiptVersion, genesis, epochs, header, via, certificate, transaction };
      if (!bindsTransaction(cryptography, header, transaction)) {
        world.tell('unproven', by, 'transaction');
        continue;
      }
      const decoded = decodeResult(result);
      if (!decoded.ok || (!decoded.value.ok && passing.has(decoded.value.error.code))) continue;
      const { sequence } = header;
      operation.answer = { at: world.scheduler.now, by, result: decoded.value, sequence, index, receipt };
      world.tell('answered', operation);
    }
    if (this.waiting.length > 0) return;
    // Whoever has seen a bundle can send it again: to no effect.
    if (this.#options.random.percent(20)) this.#send(bundle);
    this.#attempt += 1;
    this.#bundle = undefined;
    this.start();
  }

  /** What the path of an answer shows, if these are requests of the bundle. */
  #prove(
    { first, index, header, path, transactions }: ClientAnswerOf<'committed'>,
    bundle: Bundle,
  ): RangeProof | undefined {
    const cryptography = this.#options.world.provider.cryptography.of(header.protocolVersion);
    const hashes = transactions.flatMap(({ result, writeSetDigest }, i) => {
      const operation = bundle.operations[first + i - bundle.first];
      if (operation === undefined) return [];
      const digest = requestDigest(cryptography, bundle.client, first + i, operation);
      return [merkleLeaf(cryptography, transactionLeaf(digest, resultDigest(cryptography, result), writeSetDigest))];
    });
    if (hashes.length !== transactions.length) return undefined;
    return proveRange(cryptography, hashes, index, header.transactions, path);
  }

  /** The chain as far as these epochs lead; why they do not lead there, if so. */
  #follow(genesis: Receipt['genesis'], epochs: Receipt['epochs']): ChainVerifier | string {
    const { service, world } = this.#options;
    if (this.#chain === undefined) {
      const founded = ChainVerifier.fromGenesis(world.provider.cryptography, service, genesis);
      if (!founded.ok) return `genesis: ${founded.reason}`;
      this.#chain = founded.value;
    }
    for (const next of epochs.slice(this.#chain.epoch)) {
      const wrong = this.#chain.extend(next);
      if (wrong !== undefined) return `epoch-chain: ${wrong}`;
    }
    return this.#chain;
  }
}
