/**
 * A connection to a replica's client door.
 *
 * The replica proves the identity key in its certificate; which key that should be, the caller says, or learns here and
 * judges by what the replica then proves. Answers come back by the id of their question; `committed` and `batch`
 * belong to no single question and go to a listener.
 */
import { connect, type TLSSocket } from 'node:tls';
import {
  type CallerProof,
  callerStatement,
  type ClientAnswer,
  clientAnswerCodec,
  type ClientAnswerOf,
  type ClientRequest,
  clientRequestCodec,
  decode,
  type Digest,
  encode,
  limits,
  sameBytes,
  type Signer,
} from '@coppice/wire';
import { FrameReader, writeFrame } from './framing.ts';

const backlogMax = 64 * 1024 * 1024;
/** No answer is larger: a page of the ledger whose last record is a large one. */
const frameBytesMax = limits.recordBytes + limits.messageBytes;
const connectMs = 3000;

/** Why there is no answer. */
export class DoorError extends Error {
  override name = 'DoorError';
  /** `FORK`: a succession goes on from before what was committed. */
  readonly code: 'UNREACHABLE' | 'WRONG_KEY' | 'CLOSED' | 'TIMEOUT' | 'REFUSED' | 'FORK';

  constructor(code: DoorError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

type Answered = Extract<ClientAnswer, { id: number }>;
type Question = ClientRequest extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

interface Pending {
  readonly resolve: (answer: Answered) => void;
  readonly reject: (error: DoorError) => void;
  readonly timer: NodeJS.Timeout;
}

export interface DoorListener {
  /** `committed`, `refused` without a question, and every `batch` of a subscription. */
  readonly onAnswer?: (answer: ClientAnswer) => void;
  readonly onClose?: () => void;
}

export class DoorConnection {
  readonly address: string;
  /** The identity key of the replica. */
  readonly replica: Uint8Array;
  readonly #socket: TLSSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #listener: DoorListener;
  #nextId = 1;
  #closed = false;

  private constructor(address: string, replica: Uint8Array, socket: TLSSocket, listener: DoorListener) {
    this.address = address;
    this.replica = replica;
    this.#socket = socket;
    this.#listener = listener;
    const reader = new FrameReader(frameBytesMax);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      let malformed = false;
      const fault = reader.push(chunk, (frame) => {
        const answer = decode(clientAnswerCodec, frame);
        if (answer.ok) this.#onAnswer(answer.value);
        else malformed = true;
      });
      if (fault !== undefined || malformed) socket.destroy();
    });
    socket.once('close', () => this.#onClose());
  }

  /** Connects to `host:port`; to nobody else than the holder of `identity`, where one is given. */
  static open(address: string, identity: Uint8Array | undefined, listener: DoorListener = {}): Promise<DoorConnection> {
    const colon = address.lastIndexOf(':');
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
        port: Number(address.slice(colon + 1)),
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        checkServerIdentity: () => undefined,
        timeout: connectMs,
      });
      const fail = (error: DoorError): void => {
        socket.destroy();
        reject(error);
      };
      socket.once('error', (error) =>
        fail(new DoorError('UNREACHABLE', `no replica answers at ${address}: ${error.message}`)),
      );
      socket.once('timeout', () =>
        fail(new DoorError('TIMEOUT', `no replica answers at ${address} within ${connectMs} ms`)),
      );
      socket.once('secureConnect', () => {
        const jwk = socket.getPeerX509Certificate()?.publicKey.export({ format: 'jwk' });
        const key = Uint8Array.from(Buffer.from(jwk?.x ?? '', 'base64url'));
        if (identity !== undefined && !sameBytes(key, identity)) {
          return fail(new DoorError('WRONG_KEY', `the replica at ${address} has another key than the ledger says`));
        }
        socket.setTimeout(0);
        resolve(new DoorConnection(address, key, socket, listener));
      });
    });
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** Sends a request that is answered in its own way, or not at all. */
  send(request: ClientRequest): void {
    if (this.#closed) return;
    if (!writeFrame(this.#socket, encode(clientRequestCodec, request, 1024), backlogMax)) this.#socket.destroy();
  }

  /** Asks, and waits for the answer of this kind. Throws {@link DoorError}; a refusal is one, too. */
  async ask<K extends Answered['kind']>(question: Question, kind: K, timeoutMs = 5000): Promise<ClientAnswerOf<K>> {
    if (this.#closed) throw new DoorError('CLOSED', `the connection to ${this.address} is closed`);
    const id = this.#nextId++;
    const answer = await new Promise<Answered>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new DoorError('TIMEOUT', `no answer from ${this.address} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.send({ ...question, id });
    });
    if (answer.kind === 'refused') throw new DoorError('REFUSED', answer.reason);
    if (answer.kind !== kind) throw new DoorError('REFUSED', `${this.address} answered ${answer.kind}`);
    return answer as unknown as ClientAnswerOf<K>;
  }

  /** What shows this replica that whoever asks holds the signer's key. */
  callerProof(service: Digest, signer: Signer): CallerProof {
    return { key: signer.publicKey, signature: signer.sign(callerStatement(service, this.replica)) };
  }

  /** A number for a request whose answers go to the listener. */
  newId(): number {
    return this.#nextId++;
  }

  #onAnswer(answer: ClientAnswer): void {
    const pending = 'id' in answer ? this.#pending.get(answer.id) : undefined;
    if (pending === undefined || !('id' in answer)) {
      this.#listener.onAnswer?.(answer);
      return;
    }
    this.#pending.delete(answer.id);
    clearTimeout(pending.timer);
    pending.resolve(answer);
  }

  #onClose(): void {
    this.#closed = true;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new DoorError('CLOSED', `${this.address} closed the connection`));
    }
    this.#pending.clear();
    this.#listener.onClose?.();
  }

  close(): void {
    this.#socket.destroy();
  }
}
