/**
 * A TLS 1.3 server with the replica's identity key that anyone may connect to, and nobody can fill.
 *
 * A handshake has its time, and connections have a number: where there is one too many, whoever was heard of least lately goes. So
 * whoever only holds connections open holds up nobody.
 */
import type { KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { selfSignedCertificate } from './certificate.ts';

/** Time to finish a handshake, on either side of one. */
export const handshakeMs = 5000;

export interface BoundedServerOptions {
  readonly identity: KeyObject;
  readonly host: string;
  readonly port: number;
  /** Who it is for: what begins the reasons that are counted. */
  readonly door: 'client' | 'peer';
  /** At most so many connections, but for those that were let go. */
  readonly connectionsMax: number;
  /** Asks for a certificate; what it says is for the caller to look at. */
  readonly requestCert: boolean;
  readonly onSecure: (socket: TLSSocket) => void;
  readonly count: (reason: string) => void;
}

export class BoundedServer {
  readonly #options: BoundedServerOptions;
  readonly #server: Server;
  /** Connections by remote address and port, whoever was heard of least lately first. */
  readonly #sockets = new Map<string, Socket>();

  constructor(options: BoundedServerOptions) {
    const { identity, door, connectionsMax, requestCert, count } = options;
    this.#options = options;
    this.#server = createServer({
      key: identity.export({ format: 'pem', type: 'pkcs8' }),
      cert: selfSignedCertificate(identity),
      requestCert,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      handshakeTimeout: handshakeMs,
    });
    this.#server.on('connection', (socket: Socket) => {
      const from = remoteOf(socket);
      this.#sockets.set(from, socket);
      socket.once('close', () => this.#sockets.delete(from));
      if (this.#sockets.size <= connectionsMax) return;
      count(`${door}-connections-too-many`);
      const [longest, silent] = this.#sockets.entries().next().value!;
      this.#sockets.delete(longest);
      silent.destroy();
    });
    this.#server.on('tlsClientError', (_, socket) => {
      count(`${door}-handshake-failed`);
      socket.destroy();
    });
    this.#server.on('secureConnection', options.onSecure);
  }

  /** Connections that count. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** The port that it listens at. */
  listen(): Promise<number> {
    const { port, host } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Whoever holds this connection has just been heard of. */
  heard(socket: Socket): void {
    const from = remoteOf(socket);
    const counted = this.#sockets.get(from);
    if (counted === undefined) return;
    this.#sockets.delete(from);
    this.#sockets.set(from, counted);
  }

  /** Counts this connection no more: it is somebody's who is known. */
  letGo(socket: Socket): void {
    this.#sockets.delete(remoteOf(socket));
  }

  /** Ends it, and every connection that counts. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#server.close();
  }
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
