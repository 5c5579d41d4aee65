/**
 * Channels between replicas: mutual TLS 1.3 in which each side's certificate holds the identity key of its launch.
 *
 * The ledger says whose keys these may be; nothing else about a certificate is looked at. Of two instances the one that was
 * launched later dials, so a candidate reaches everyone and nobody needs to know it beforehand. A channel counts as up once the
 * accepting side has said so in a first frame: in TLS 1.3 the dialling side finishes before it is accepted.
 */
import type { KeyObject } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { limits, toLatin1 } from '@coppice/wire';
import { BoundedServer, handshakeMs } from './bounded-server.ts';
import { selfSignedCertificate } from './certificate.ts';
import { rawPublicKey } from '@coppice/cryptography';
import { FrameReader, writeFrame } from '@coppice/client';
import { FairQueue } from './fair-queue.ts';

const backlogMax = 64 * 1024 * 1024;
/** The largest message has what a batch gave: for a replica that got something else. */
const frameBytesMax = limits.recordBytes + 1024;
const redialMs = 250;
/** At most so many connections that have not shown a key. */
const strangersMax = 64;
/** Milliseconds that messages get in one round of the event loop. */
const sliceMs = 20;
/** Messages of one peer, and bytes of them, that wait for their turn; no more are read then. */
const waitingMax = 1024;
const waitingBytesMax = 16 * 1024 * 1024;

/** A channel that is up. */
interface Channel {
  readonly id: string;
  readonly socket: TLSSocket;
  waitingBytes: number;
}

export interface PeerAddress {
  /** Identity key, latin-1. */
  readonly id: string;
  readonly address: string;
}

export interface PeerChannelsOptions {
  readonly identity: KeyObject;
  readonly host: string;
  readonly port: number;
  /** Whether this instance may have a channel to me now. */
  readonly admitted: (id: string) => boolean;
  readonly onFrame: (id: string, frame: Uint8Array) => void;
  readonly onUp: (id: string) => void;
  readonly count: (reason: string) => void;
}

export class PeerChannels {
  readonly #options: PeerChannelsOptions;
  readonly #credentials: { readonly key: string; readonly cert: string };
  readonly #server: BoundedServer;
  readonly #up = new Map<string, TLSSocket>();
  readonly #dialled = new Map<
    string,
    { address: string; socket: TLSSocket | undefined; timer: NodeJS.Timeout | undefined }
  >();
  /** One peer's messages wait for each other, and not for those of another that sends more. */
  readonly #frames = new FairQueue<Channel, Uint8Array>({
    sliceMs,
    handle: (channel, frame) => this.#handle(channel, frame),
  });
  #closed = false;

  constructor(options: PeerChannelsOptions) {
    this.#options = options;
    const key = options.identity.export({ format: 'pem', type: 'pkcs8' });
    this.#credentials = { key, cert: selfSignedCertificate(options.identity) };
    this.#server = new BoundedServer({
      ...options,
      door: 'peer',
      connectionsMax: strangersMax,
      requestCert: true,
      onSecure: (socket) => this.#accept(socket),
    });
  }

  listen(): Promise<number> {
    return this.#server.listen();
  }

  #accept(socket: TLSSocket): void {
    this.#server.letGo(socket);
    const id = idOf(socket);
    if (id === undefined || !this.#options.admitted(id)) {
      this.#options.count(id === undefined ? 'peer-without-key' : 'peer-not-admitted');
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#establish(id, socket);
    writeFrame(socket, new Uint8Array(0), backlogMax);
    this.#options.onUp(id);
  }

  #establish(id: string, socket: TLSSocket): void {
    const before = this.#up.get(id);
    this.#up.set(id, socket);
    if (before !== undefined && before !== socket) before.destroy();
    socket.setNoDelay(true);
    const channel = this.#channel(id, socket);
    const reader = new FrameReader(frameBytesMax);
    socket.on('data', (chunk: Buffer) =>
      this.#receive(channel, reader, chunk, (frame) => this.#frames.add(channel, frame)),
    );
    socket.once('close', () => {
      if (this.#up.get(id) === socket) this.#up.delete(id);
    });
  }

  #channel(id: string, socket: TLSSocket): Channel {
    const channel = { id, socket, waitingBytes: 0 };
    socket.on('error', () => undefined);
    socket.once('close', () => this.#frames.drop(channel));
    return channel;
  }

  #receive(channel: Channel, reader: FrameReader, chunk: Buffer, onFrame: (frame: Uint8Array) => void): void {
    const { socket, id } = channel;
    if (socket.destroyed) return;
    // Whoever is not admitted any more may not be heard any more: an evicted instance keeps its socket, not its voice.
    const fault = this.#options.admitted(id)
      ? reader.push(chunk, (frame) => {
          channel.waitingBytes += frame.length;
          onFrame(frame);
        })
      : 'peer-not-admitted';
    if (fault !== undefined) {
      this.#options.count(fault);
      socket.destroy();
    } else if (this.#frames.waiting(channel) >= waitingMax || channel.waitingBytes >= waitingBytesMax) socket.pause();
  }

  #handle(channel: Channel, frame: Uint8Array): void {
    const { id, socket } = channel;
    channel.waitingBytes -= frame.length;
    if (this.#up.get(id) === socket && this.#options.admitted(id)) this.#options.onFrame(id, frame);
    if (
      socket.isPaused() &&
      this.#frames.waiting(channel) < waitingMax / 4 &&
      channel.waitingBytes < waitingBytesMax / 4
    )
      socket.resume();
  }

  /** Keeps channels to exactly these dialled. Others that were dialled end as all do: when they are not admitted any more. */
  dial(peers: readonly PeerAddress[]): void {
    const wanted = new Map(peers.map((peer) => [peer.id, peer.address]));
    for (const [id, dialled] of this.#dialled) {
      if (wanted.get(id) === dialled.address) continue;
      clearTimeout(dialled.timer);
      // A retired instance has yet to hear that it is: the commit that ended its epoch is on this channel.
      if (!this.#options.admitted(id)) dialled.socket?.destroy();
      this.#dialled.delete(id);
    }
    for (const [id, address] of wanted) {
      if (this.#dialled.has(id)) continue;
      this.#dialled.set(id, { address, socket: undefined, timer: undefined });
      this.#connect(id);
    }
  }

  #connect(id: string): void {
    const dialled = this.#dialled.get(id);
    if (dialled === undefined || this.#closed) return;
    const [host, port] = splitAddress(dialled.address);
    const socket = connect({
      host,
      port,
      ...this.#credentials,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      checkServerIdentity: () => undefined,
      timeout: handshakeMs,
    });
    dialled.socket = socket;
    let accepted = false;
    socket.once('timeout', () => {
      if (!accepted) socket.destroy();
    });
    socket.once('secureConnect', () => {
      if (idOf(socket) === id) return;
      this.#options.count('peer-with-another-key');
      socket.destroy();
    });
    socket.once('close', () => {
      const current = this.#dialled.get(id);
      if (current?.socket !== socket || this.#closed) return;
      current.socket = undefined;
      current.timer = setTimeout(() => this.#connect(id), redialMs);
    });
    const channel = this.#channel(id, socket);
    const reader = new FrameReader(frameBytesMax);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(channel, reader, chunk, (frame) => {
        if (accepted) return this.#frames.add(channel, frame);
        accepted = true;
        channel.waitingBytes -= frame.length;
        socket.setTimeout(0);
        socket.setNoDelay(true);
        this.#up.get(id)?.destroy();
        this.#up.set(id, socket);
        socket.once('close', () => {
          if (this.#up.get(id) === socket) this.#up.delete(id);
        });
        this.#options.onUp(id);
      });
    });
  }

  send(id: string, frame: Uint8Array): void {
    const socket = this.#up.get(id);
    if (socket === undefined || writeFrame(socket, frame, backlogMax)) return;
    this.#options.count('backlog');
    socket.destroy();
  }

  /** Everyone with a channel. */
  ids(): string[] {
    return [...this.#up.keys()];
  }

  /** Ends the channels of those who are not admitted any more. */
  prune(): void {
    for (const [id, socket] of this.#up) if (!this.#options.admitted(id)) socket.destroy();
  }

  close(): void {
    this.#closed = true;
    for (const { socket, timer } of this.#dialled.values()) {
      clearTimeout(timer);
      socket?.destroy();
    }
    for (const socket of this.#up.values()) socket.destroy();
    this.#server.close();
  }
}

/** The identity key in a peer's certificate, whose possession the handshake has proven. */
export function idOf(socket: TLSSocket): string | undefined {
  const key = socket.getPeerX509Certificate()?.publicKey;
  return key?.asymmetricKeyType === 'ed25519' ? toLatin1(rawPublicKey(key)) : undefined;
}

export function splitAddress(address: string): [string, number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
}

/** Whether `mine` dials `theirs`: the later launch does. */
export function dials(mine: { turn: number; slot: number }, theirs: { turn: number; slot: number }): boolean {
  return mine.turn !== theirs.turn ? mine.turn > theirs.turn : mine.slot > theirs.slot;
}
