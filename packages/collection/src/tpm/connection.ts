/**
 * A TPM at hand: a character device (`/dev/tpmrm0`), or the Unix socket of a TPM in software. One command at a time.
 *
 * A TPM that is busy says so and means "again": testing itself after its start, or working for somebody else. That is
 * waited out here; whoever sends a command sees an answer or an error.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { statSync } from 'node:fs';
import { CollectionError, reasonOf } from '../error.ts';

const headerBytes = 10;
/** What a TPM answers at most: its buffers have 4 KiB. */
const responseBytesMax = 4096;
const answerMs = 20_000;
/** TPM_RC_RETRY, TPM_RC_TESTING, TPM_RC_YIELDED. */
const busyResponses = [0x922, 0x90a, 0x908];
const attemptsMax = 12;

interface Transport {
  exchange(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export class TpmConnection {
  readonly #path: string;
  readonly #transport: Transport;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, transport: Transport) {
    this.#path = path;
    this.#transport = transport;
  }

  static async open(path: string): Promise<TpmConnection> {
    try {
      const transport = statSync(path).isSocket() ? await socketTransport(path) : await deviceTransport(path);
      return new TpmConnection(path, transport);
    } catch (error) {
      throw new CollectionError({ code: 'TPM_UNREACHABLE', path, reason: reasonOf(error) });
    }
  }

  /** The response to a command, header included, once the TPM is not busy any more. */
  send(name: string, command: Uint8Array): Promise<Uint8Array> {
    const answer = this.#last.then(() => this.#exchange(name, command));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #exchange(name: string, command: Uint8Array): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#answer(command);
      const code =
        response.length < headerBytes ? undefined : new DataView(response.buffer, response.byteOffset).getUint32(6);
      if (code === undefined) throw new CollectionError({ code: 'TPM_MALFORMED', command: name });
      if (code === 0) return response;
      if (!busyResponses.includes(code) || attempt === attemptsMax)
        throw new CollectionError({ code: 'TPM_REFUSED', command: name, response: code });
      await pause(Math.min(1000, 2 ** attempt));
    }
  }

  async #answer(command: Uint8Array): Promise<Uint8Array> {
    const timeout = new AbortController();
    try {
      return await Promise.race([
        this.#transport.exchange(command),
        pause(answerMs, undefined, { signal: timeout.signal }).then(() => {
          throw new CollectionError({ code: 'TPM_SILENT', path: this.#path });
        }),
      ]);
    } finally {
      timeout.abort();
    }
  }
}

/** A device takes one write for a command, and gives its whole answer in one read. */
async function deviceTransport(path: string): Promise<Transport> {
  const device: FileHandle = await open(path, 'r+');
  // The host's settings name it: what is written to must be no file of the instance's.
  if (!(await device.stat()).isCharacterDevice()) {
    await device.close();
    throw new Error('neither a character device nor a socket');
  }
  return {
    async exchange(command) {
      await device.write(command, 0, command.length, null);
      const buffer = new Uint8Array(responseBytesMax);
      const { bytesRead } = await device.read(buffer, 0, buffer.length, null);
      return buffer.subarray(0, bytesRead);
    },
    close: () => device.close(),
  };
}

/** A socket may cut an answer into pieces: its length is in its header. */
async function socketTransport(path: string): Promise<Transport> {
  const socket = await connected(path);
  return {
    exchange: (command) =>
      new Promise((resolve, reject) => {
        let received = Buffer.alloc(0);
        const settle = (act: () => void): void => {
          socket.off('data', onData).off('error', onError).off('close', onClose);
          act();
        };
        const onData = (bytes: Buffer): void => {
          received = Buffer.concat([received, bytes]);
          if (received.length < headerBytes) return;
          const length = received.readUInt32BE(2);
          if (length < headerBytes || length > responseBytesMax || received.length > length)
            settle(() => reject(new Error('the answer has another length than it says')));
          else if (received.length === length) settle(() => resolve(new Uint8Array(received)));
        };
        const onError = (error: Error): void => settle(() => reject(error));
        const onClose = (): void => settle(() => reject(new Error('the connection was closed')));
        socket.on('data', onData).on('error', onError).on('close', onClose);
        socket.write(command);
      }),
    close: () => new Promise((resolve) => socket.end(resolve)),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject).on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
