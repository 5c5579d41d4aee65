/**
 * Hostile peers and clients: connections that say what no correct program says, or nothing at all.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { FrameReader, writeFrame } from '@coppice/client';
import { type KeyedSigner, newSigner, nodeCryptography } from '@coppice/cryptography';
import { selfSignedCertificate } from '@coppice/node';
import {
  type Bundle,
  bundleStatement,
  type ClientRequest,
  clientRequestCodec,
  encode,
  limits,
  type Operation,
  requestDigests,
} from '@coppice/wire';

function place(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** A TCP connection, once it is there; nothing is said on it. */
export function tcp(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(place(address));
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

/** A TLS connection, with the certificate of a key if one is given. */
export function tls(address: string, signer?: KeyedSigner): Promise<TLSSocket> {
  const own: ConnectionOptions =
    signer === undefined
      ? {}
      : {
          key: signer.privateKey.export({ format: 'pem', type: 'pkcs8' }),
          cert: selfSignedCertificate(signer.privateKey),
        };
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...place(address),
      ...own,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.on('error', () => undefined);
  });
}

/** Waits until the other side has ended the connection; `false` after this time. */
export function ended(socket: Socket, ms: number): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(true);
  socket.resume();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Says a frame; an empty one without `bytes`. */
export function say(socket: Socket, bytes: Uint8Array): void {
  writeFrame(socket, bytes, Infinity);
}

export function ask(socket: Socket, request: ClientRequest): void {
  say(socket, encode(clientRequestCodec, request));
}

/** Everything that comes back, as frames. */
export function listen(socket: Socket, onFrame: (frame: Uint8Array) => void): void {
  const reader = new FrameReader(limits.messageBytes * 2);
  socket.on('data', (chunk: Buffer) => reader.push(chunk, onFrame));
}

/** Bytes that mean nothing, some of which begin like something. */
export function garbage(): Uint8Array[] {
  const clientHello = Buffer.concat([Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), randomBytes(500)]);
  return [
    randomBytes(1),
    randomBytes(64),
    randomBytes(100_000),
    Buffer.alloc(70_000),
    Buffer.from('GET / HTTP/1.1\r\nhost: replica\r\n\r\n'),
    Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'),
    clientHello,
    clientHello.subarray(0, 20),
    Buffer.from([22, 3, 1, 255, 255]),
    Buffer.from([21, 3, 3, 0, 2, 2, 40]),
  ];
}

export interface BundleParts {
  readonly signer?: KeyedSigner;
  readonly first?: number;
  readonly acknowledged?: number;
  readonly time?: number;
  readonly operations?: readonly Operation[];
}

/** A bundle with a good signature, whatever is in it. */
export function bundleOf(
  service: Uint8Array,
  { signer = newSigner(), first = 1, acknowledged = 0, time = Date.now(), operations = [] }: BundleParts,
): Bundle {
  const unsigned = { client: signer.publicKey, acknowledged, time, first, operations: [...operations] };
  const digests = requestDigests(nodeCryptography, unsigned);
  return { ...unsigned, signature: signer.sign(bundleStatement(nodeCryptography, service, unsigned, digests)) };
}
