/**
 * Frames on a byte stream: a length in four bytes, then that many bytes.
 *
 * A reader holds at most one frame, of at most `bytesMax`: whoever announces more is cut off before anything is kept
 * for it. A writer never waits for a peer that does not read: past `backlogMax` the connection ends.
 */
import type { Duplex } from 'node:stream';

export type FrameFault = 'oversized-frame' | 'backlog';

const joinedBytes = 2048;

export class FrameReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Length of the frame under way, once its four bytes are in. */
  #expected: number | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of the frame under way. */
  get held(): number {
    return this.#held;
  }

  /** Whether a frame was begun that is not complete. */
  get begun(): boolean {
    return this.#held > 0 || this.#expected !== undefined;
  }

  /** Takes in what arrived, and gives every frame that is complete; a fault ends the stream. */
  push(chunk: Buffer, onFrame: (frame: Uint8Array) => void): FrameFault | undefined {
    const last = this.#chunks.at(-1);
    // Joined with the one before it where both are small: a frame that comes byte by byte takes the room of its bytes.
    if (last !== undefined && last.length + chunk.length <= joinedBytes)
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, chunk]);
    else this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      if (this.#expected === undefined) {
        if (this.#held < 4) return undefined;
        this.#expected = this.#take(4).readUInt32BE(0);
        if (this.#expected > this.#bytesMax) return 'oversized-frame';
      }
      if (this.#held < this.#expected) return undefined;
      const { buffer, byteOffset, length } = this.#take(this.#expected);
      this.#expected = undefined;
      // Not a Buffer: its `slice` shares memory where that of every other byte array copies.
      onFrame(new Uint8Array(buffer, byteOffset, length));
    }
  }

  #take(length: number): Buffer {
    this.#held -= length;
    const first = this.#chunks[0];
    if (length === 0) return Buffer.alloc(0);
    if (first !== undefined && first.length >= length) {
      if (first.length === length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > length ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }
}

/** Writes a frame; `false` where the other side has stopped reading and the connection should end. */
export function writeFrame(socket: Duplex, frame: Uint8Array, backlogMax: number): boolean {
  if (socket.destroyed || !socket.writable) return true;
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(frame.length, 0);
  socket.cork();
  socket.write(length);
  socket.write(frame);
  process.nextTick(() => socket.uncork());
  return socket.writableLength <= backlogMax;
}
