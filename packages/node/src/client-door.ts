/**
 * The door for everyone who is not a replica: TLS 1.3 with the replica's identity key, frames of the client protocol.
 *
 * Anyone may connect, so everything is bounded: connections, bytes of a frame, bytes that arrived or were not taken, time to finish a
 * handshake or a frame, time of the replica's one thread. What exceeds a bound is cut off and counted; whoever takes more
 * than its share goes first, and nobody else notices. docs/reference/errors.md lists the reasons.
 */
import type { KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import {
  type ClientAnswer,
  clientAnswerCodec,
  type ClientRequest,
  clientRequestCodec,
  decode,
  encode,
  limits,
} from '@coppice/wire';
import { FrameReader, writeFrame } from '@coppice/client';
import { BoundedServer } from './bounded-server.ts';
import { FairQueue } from './fair-queue.ts';

const connectionsMax = 512;
/** Bytes that one connection has not taken; a subscriber may lag a little. */
const backlogMax = 32 * 1024 * 1024;
/** No further request of a connection is looked at while it has not taken so much. */
const backlogReady = 1024 * 1024;
/** Bytes of all connections, of frames that are not complete, or not taken. Beyond, nobody may have more than its share of them. */
const heldTotalMax = 64 * 1024 * 1024;
const backlogTotalMax = 256 * 1024 * 1024;
/** Frames of one connection that wait for their turn; no more are read then. */
const waitingMax = 64;
/** Milliseconds that requests get in one round of the event loop. */
const sliceMs = 5;
/** Time in which a frame that was begun must be complete. */
const frameMs = 10_000;
/** Nothing that a client sends is larger: a bundle, with what is around its requests' bytes. Evidence is smaller. */
const frameBytesMax = limits.bundleBytes + limits.requestsPerBundle * 16 + 64 * 1024;
/** Until the service is founded, one request is. */
const genesisBytesMax =
  frameBytesMax + 8 * limits.constitutionBytes + limits.slots * (limits.evidenceBytes + 64 * 1024);

export interface ClientDoorOptions {
  readonly identity: KeyObject;
  readonly host: string;
  readonly port: number;
  /** Whether the service is still to be founded. */
  readonly founding: () => boolean;
  readonly onRequest: (connection: Connection, request: ClientRequest) => void;
  readonly count: (reason: string) => void;
}

/** One client's connection. */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #overdrawn: (connection: Connection) => string | undefined;
  readonly #count: (reason: string) => void;
  readonly #closing: (() => void)[] = [];

  /** `overdrawn` says why a connection has too much that it does not take, if it has. */
  constructor(
    socket: TLSSocket,
    overdrawn: (connection: Connection) => string | undefined,
    count: (reason: string) => void,
  ) {
    this.#socket = socket;
    this.#overdrawn = overdrawn;
    this.#count = count;
    socket.once('close', () => {
      for (const closed of this.#closing.splice(0)) closed();
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  /** Bytes that the other side has not taken yet. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** @param room bytes that the answer may need: with less, it is copied while it is encoded */
  send(answer: ClientAnswer, room = 4096): void {
    if (!this.open) return;
    writeFrame(this.#socket, encode(clientAnswerCodec, answer, room), backlogMax);
    const reason = this.#overdrawn(this);
    if (reason === undefined) return;
    this.#count(reason);
    this.#socket.destroy();
  }

  onClose(closed: () => void): void {
    this.#closing.push(closed);
  }

  /** Runs whenever everything that was sent has been taken, after more than a socket holds was not. */
  onDrain(drained: () => void): void {
    this.#socket.on('drain', drained);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export class ClientDoor {
  readonly #options: ClientDoorOptions;
  readonly #server: BoundedServer;
  readonly #connections = new Set<Connection>();
  readonly #requests: FairQueue<Connection, Uint8Array>;
  /** Of each connection that has more waiting than is read: reads on. */
  readonly #resume = new Map<Connection, () => void>();
  #held = 0;

  constructor(options: ClientDoorOptions) {
    this.#options = options;
    this.#requests = new FairQueue({
      sliceMs,
      handle: (connection, frame) => this.#handle(connection, frame),
      ready: (connection) => connection.backlog < backlogReady,
    });
    this.#server = new BoundedServer({
      ...options,
      door: 'client',
      connectionsMax,
      requestCert: false,
      onSecure: (socket) => this.#accept(socket),
    });
  }

  get connections(): number {
    return this.#server.connections;
  }

  listen(): Promise<number> {
    return this.#server.listen();
  }

  #accept(socket: TLSSocket): void {
    const { count, founding } = this.#options;
    const connection = new Connection(socket, (one) => this.#overdrawn(one), count);
    const reader = new FrameReader(founding() ? genesisBytesMax : frameBytesMax);
    let slow: NodeJS.Timeout | undefined;
    let held = 0;
    this.#connections.add(connection);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('drain', () => this.#requests.wake(connection));
    socket.once('close', () => {
      clearTimeout(slow);
      this.#held -= held;
      this.#connections.delete(connection);
      this.#requests.drop(connection);
      this.#resume.delete(connection);
    });
    const end = (reason: string): void => {
      count(reason);
      socket.destroy();
    };
    socket.on('data', (chunk: Buffer) => {
      if (socket.destroyed) return;
      let complete = false;
      const fault = reader.push(chunk, (frame) => {
        complete = true;
        this.#requests.add(connection, frame);
      });
      if (fault !== undefined) return end(`client-${fault}`);
      this.#held += reader.held - held;
      held = reader.held;
      if (this.#held > heldTotalMax && held > heldTotalMax / connectionsMax) return end('client-frames-too-many');
      const full = this.#requests.waiting(connection) >= waitingMax;
      if (complete) this.#server.heard(socket);
      if (complete || full) {
        clearTimeout(slow);
        slow = undefined;
      }
      if (reader.begun && !full) slow ??= setTimeout(() => end('client-slow-frame'), frameMs);
      if (!full) return;
      socket.pause();
      this.#resume.set(connection, () => socket.resume());
    });
  }

  #handle(connection: Connection, frame: Uint8Array): void {
    const { count, onRequest } = this.#options;
    const request = decode(clientRequestCodec, frame);
    if (request.ok) onRequest(connection, request.value);
    else {
      count('client-malformed-frame');
      connection.destroy();
    }
    if (this.#requests.waiting(connection) >= waitingMax / 4) return;
    const resume = this.#resume.get(connection);
    this.#resume.delete(connection);
    resume?.();
  }

  #overdrawn(connection: Connection): string | undefined {
    const { backlog } = connection;
    if (backlog > backlogMax) return 'client-backlog';
    if (backlog <= backlogTotalMax / connectionsMax) return undefined;
    let total = 0;
    for (const one of this.#connections) total += one.backlog;
    return total > backlogTotalMax ? 'client-backlogs-too-many' : undefined;
  }

  close(): void {
    this.#server.close();
  }
}
