/**
 * A replica's surroundings for tests of the protocol alone: an execution whose whole state is a list of the operations
 * it executed, keys from seeds, and a cryptography that is quick: signatures are hashes.
 *
 * Operations: `close` gives the next configuration (with the keys of the next epoch); anything else is appended.
 */
import { hash } from 'node:crypto';
import { outcomeLeaves } from '@coppice/ledger';
import {
  type Active,
  type Bundle,
  type Configuration,
  type Cryptography,
  encodeUtf8,
  type Item,
  merkleRoot,
  type Outcome,
  requestDigest,
  sameBytes,
  type Signer,
  systemRequestDigest,
  toLatin1,
  ofAllVersions,
} from '@coppice/wire';
import type { BatchInput, Executed, Execution, RequestStatus, StatePart, StateTransfer } from '../src/execution.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));

/** By public key, of all keys that were made here: whoever knows one can sign, and verify. */
const seeds = new Map<string, Uint8Array>();

function signatureOf(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha512', Buffer.concat([seed, message]), 'buffer'));
}

export const toyCryptography: Cryptography = ofAllVersions(
  {
    hash: sha256,
    verify(publicKey, message, signature) {
      const seed = seeds.get(toLatin1(publicKey));
      return seed !== undefined && sameBytes(signatureOf(seed, message), signature);
    },
    validPublicKey: (publicKey) => publicKey.length === 32,
  },
  (bytes) => new Uint8Array(hash('sha3-256', bytes, 'buffer')),
);

const signers = new Map<string, Signer>();

export function toySigner(name: string): Signer {
  const known = signers.get(name);
  if (known !== undefined) return known;
  const seed = sha256(encodeUtf8(name)!);
  const publicKey = sha256(seed);
  seeds.set(toLatin1(publicKey), seed);
  const signer: Signer = { publicKey, sign: (message) => signatureOf(seed, message) };
  signers.set(name, signer);
  return signer;
}

/** Keys of the instance `launch` of slot `slot`. */
export const identityOf = (slot: number, launch: number): Signer => toySigner(`identity ${slot} ${launch}`);
export const signerOf = (slot: number, launch: number, epoch: number): Signer =>
  toySigner(`${slot} ${launch} ${epoch}`);

/** `launches[slot]` says which launch sits there; absent: vacant. */
export function toyConfiguration(epoch: number, launches: readonly (number | undefined)[]): Configuration {
  const seats = launches.flatMap((launch, slot) =>
    launch === undefined
      ? []
      : [
          {
            slot,
            instance: identityOf(slot, launch).publicKey,
            signingKey: signerOf(slot, launch, epoch).publicKey,
            sealingKey: new Uint8Array(32),
            release: new Uint8Array(32),
            variant: 'v',
            platform: 'toy',
            provider: 'toy',
            turn: 0,
            since: 0,
            termEnd: 2 ** 40,
            address: '',
            clientAddress: '',
          },
        ],
  );
  return { epoch, slots: launches.length, seats };
}

interface Layer {
  readonly sequence: number;
  readonly operations: string[];
  readonly launches: readonly (number | undefined)[];
  readonly epoch: number;
  readonly candidate: { slot: number; launch: number } | undefined;
}

export class ToyExecution implements Execution {
  #layers: Layer[];
  #snapshots = new Map<number, Layer>();
  /** Makes this replica compute something else for operations that begin with `odd`. */
  odd = false;
  /** The last batch of version 1 of the protocol: those after it are of version 4. */
  rehashed = Infinity;

  constructor(slots: number) {
    this.#layers = [
      { sequence: 0, operations: [], launches: Array.from({ length: slots }, () => 0), epoch: 0, candidate: undefined },
    ];
  }

  get committed(): Layer {
    return this.#layers[0]!;
  }

  get #top(): Layer {
    return this.#layers.at(-1)!;
  }

  #push(input: BatchInput, results: (text: string) => string): Executed {
    let { launches, epoch, candidate } = this.#top;
    const active = this.active();
    const cryptography = toyCryptography.of(active.protocol);
    const operations = [...this.#top.operations];
    const outcomes: Outcome[] = [];
    let closing = false;
    for (const item of input.batch.items) {
      if (item.kind === 'system') {
        const request = systemRequestDigest(cryptography, item.request);
        outcomes.push({ request, result: new Uint8Array(0), salt: new Uint8Array(0), writeSet: new Uint8Array(0) });
        if (item.request.kind === 'ready' && candidate !== undefined && !closing) {
          const { slot, launch } = candidate;
          launches = launches.map((was, s) => (s === slot ? launch : was));
          candidate = undefined;
          closing = true;
        }
        continue;
      }
      for (const [i, operation] of item.bundle.operations.entries()) {
        const text = new TextDecoder().decode(operation.payload);
        const [verb, ...args] = text.split(' ');
        if (verb === 'candidate') candidate = { slot: Number(args[0]), launch: Number(args[1]) };
        else if (verb === 'close' && !closing) closing = true;
        const result = results(text);
        operations.push(result);
        outcomes.push({
          request: requestDigest(cryptography, item.bundle.client, item.bundle.first + i, operation),
          result: encodeUtf8(result)!,
          salt: new Uint8Array(0),
          writeSet: new Uint8Array(0),
        });
      }
    }
    if (closing) epoch += 1;
    this.#layers.push({ sequence: input.sequence, operations, launches, epoch, candidate });
    const transactionsRoot = merkleRoot(cryptography, outcomeLeaves(cryptography, outcomes));
    return { transactionsRoot, outcomes, configuration: this.configuration(), active, checkpoint: false };
  }

  execute(input: BatchInput): Executed {
    return this.#push(input, (text) => (this.odd && text.startsWith('odd') ? `${text}!` : text));
  }

  adopt(input: BatchInput): Executed {
    return this.#push(input, (text) => text);
  }

  rollback(sequence: number): void {
    while (this.#top.sequence > sequence) this.#layers.pop();
  }

  commit(sequence: number): void {
    while (this.#layers[0]!.sequence < sequence) this.#layers.shift();
  }

  inadmissible(item: Item): string | undefined {
    return item.kind === 'bundle' && item.bundle.operations.length === 0 ? 'empty' : undefined;
  }

  active(): Active {
    const protocol = this.#top.sequence < this.rehashed ? 1 : 4;
    return { protocol, code: { version: 1, script: new Uint8Array(32) } };
  }

  activationDue(): undefined {}

  requestStatus(): RequestStatus {
    return { kind: 'new' };
  }

  hasNew(_bundle: Bundle): boolean {
    return true;
  }

  challengeOwed(): undefined {
    return undefined;
  }

  configuration(): Configuration {
    return toyConfiguration(this.#top.epoch, this.#top.launches);
  }

  candidate(): { turn: number; slot: number; instance: Uint8Array } | undefined {
    const { candidate } = this.committed;
    if (candidate === undefined) return undefined;
    return { turn: 1, slot: candidate.slot, instance: identityOf(candidate.slot, candidate.launch).publicKey };
  }

  checkpoint(sequence: number): Uint8Array {
    this.#snapshots.set(sequence, this.committed);
    return digestOfLayer(this.committed, sequence > this.rehashed ? 4 : 1);
  }

  damage(): undefined {
    return undefined;
  }

  release(sequence: number): void {
    for (const at of this.#snapshots.keys()) if (at < sequence) this.#snapshots.delete(at);
  }

  parts(sequence: number, paths: readonly Uint8Array[]): readonly StatePart[] {
    const layer = this.#snapshots.get(sequence);
    return layer === undefined ? [] : paths.map((path) => ({ path, bytes: encodeUtf8(JSON.stringify(layer))! }));
  }

  transfer(stateDigest: Uint8Array, protocol: number): StateTransfer & { layer: () => Layer } {
    let asked = false;
    // Where nothing differs, nothing is asked for.
    let layer = sameBytes(digestOfLayer(this.committed, protocol), stateDigest) ? this.committed : undefined;
    return {
      wanted() {
        if (asked || layer !== undefined) return [];
        asked = true;
        return [new Uint8Array([1])];
      },
      accept(part) {
        const received = JSON.parse(new TextDecoder().decode(part.bytes), (_, value: unknown) =>
          value === null ? undefined : value,
        ) as Layer;
        if (!sameBytes(digestOfLayer(received, protocol), stateDigest)) return 'wrong digest';
        layer = received;
        return undefined;
      },
      forget() {
        asked = false;
      },
      get complete() {
        return layer !== undefined;
      },
      progress: { partsDone: 0, bytes: 0, partsKnown: 1, share: 0 },
      layer: () => layer!,
    };
  }

  install(sequence: number, transfer: StateTransfer): void {
    this.#layers = [{ ...(transfer as unknown as { layer: () => Layer }).layer(), sequence }];
  }
}

/** Of the state: batches without operations do not change it. */
function digestOfLayer(layer: Layer, protocol: number): Uint8Array {
  return toyCryptography.of(protocol).hash(encodeUtf8(JSON.stringify({ ...layer, sequence: 0 }))!);
}

let numbers = 0;

/** A bundle of one operation; its signature is not looked at here. */
export function toyItem(text: string): Item {
  numbers += 1;
  const client = toyCryptography.hash(encodeUtf8(`client ${numbers}`)!);
  const operation = { target: 'service' as const, payload: encodeUtf8(text)! };
  return {
    kind: 'bundle',
    bundle: { client, acknowledged: 0, time: 0, first: 1, operations: [operation], signature: new Uint8Array(64) },
  };
}

export const idOf = (slot: number, launch: number): string => toLatin1(identityOf(slot, launch).publicKey);
