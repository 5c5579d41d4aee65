/**
 * Leaves of the state on disk, for states that are larger than memory.
 *
 * The file is this process's memory and no record: nothing of it is synced, and nothing is read by another process. Its key is drawn
 * when it is begun and is in memory only, so what is left of it says nothing. What is kept gets a nonce of its own, a number that
 * counts up; it is remembered here and not in the file. So whatever the host puts in a leaf's place, an earlier content of
 * that place included, does not decrypt.
 *
 * - A place is free again once nobody holds what was kept there: the engine says so when it has collected it.
 * - The leaves that were read or kept last are in memory as well, up to a number of bytes.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { reading, StorageError, writing } from './error.ts';
import { tagBytes } from './file-key.ts';
import { makeFolder } from './files.ts';

/** Places are multiples of it, so that few sizes of them are free. */
const placeBytes = 512;

interface Place {
  readonly offset: number;
  readonly bytes: number;
}

export interface LeafFileOptions {
  /** Of leaves in memory. */
  readonly cacheBytes: number;
  /**
   * Something was not there as it was kept, or could not be kept: nothing that is computed from now on counts. Called before that is thrown, since who
   * executes code of others takes what it throws for that code's failure.
   */
  readonly onFailure: (error: StorageError) => void;
}

/** What was kept: where, how long it is, and with which nonce. */
class KeptLeaf {
  readonly #file: LeafFile;
  readonly place: Place;
  readonly length: number;
  readonly number: number;

  constructor(file: LeafFile, place: Place, length: number, number: number) {
    this.#file = file;
    this.place = place;
    this.length = length;
    this.number = number;
  }

  read(once = false): Uint8Array {
    return this.#file.read(this, once);
  }
}

export class LeafFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #key = randomBytes(32);
  readonly #nonce = Buffer.alloc(12);
  readonly #options: LeafFileOptions;
  /** The least recently used first. */
  readonly #cache = new Map<KeptLeaf, Uint8Array>();
  #cached = 0;
  #count = 0;
  #end = 0;
  /** Offsets of free places, by their size. */
  readonly #free = new Map<number, number[]>();
  readonly #collected = new FinalizationRegistry<Place>((place) => this.#release(place));
  #buffer = Buffer.alloc(64 * 1024);

  /** A file in this folder, which the system removes with the process. Throws StorageError where it cannot be made. */
  constructor(folder: string, options: LeafFileOptions) {
    makeFolder(folder);
    this.#path = join(folder, `leaves-${process.pid}`);
    this.#options = options;
    this.#fd = writing('open', this.#path, () => fs.openSync(this.#path, 'wx+', 0o600));
    // Where a system does not remove what is open, what is left cannot be read by anyone.
    fs.rmSync(this.#path, { force: true });
  }

  /** Bytes of the file, those of free places among them. */
  get bytes(): number {
    return this.#end;
  }

  /** Encrypts the leaf and writes it. The bytes may be given back by `read`: nobody changes them. */
  keep(leaf: Uint8Array): KeptLeaf {
    const number = this.#count++;
    const sealed = leaf.length + tagBytes;
    const place = this.#take(placeBytes * Math.ceil(sealed / placeBytes));
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonceOf(number));
    const buffer = this.#room(sealed);
    buffer.set(cipher.update(leaf));
    cipher.final();
    buffer.set(cipher.getAuthTag(), leaf.length);
    this.#failing(() =>
      writing('write', this.#path, () => {
        for (let at = 0; at < sealed;) at += fs.writeSync(this.#fd, buffer, at, sealed - at, place.offset + at);
      }),
    );
    const kept = new KeptLeaf(this, place, leaf.length, number);
    this.#collected.register(kept, place);
    this.#remember(kept, leaf);
    return kept;
  }

  /** @param once what is not in memory yet need not be afterwards */
  read(kept: KeptLeaf, once: boolean): Uint8Array {
    const known = this.#cache.get(kept);
    if (known !== undefined) {
      if (once) return known;
      this.#cache.delete(kept);
      this.#cache.set(kept, known);
      return known;
    }
    const leaf = this.#failing(() => this.#open(kept));
    if (!once) this.#remember(kept, leaf);
    return leaf;
  }

  close(): void {
    this.#cache.clear();
    fs.closeSync(this.#fd);
  }

  #open({ length, number, place }: KeptLeaf): Uint8Array {
    const sealed = length + tagBytes;
    const buffer = this.#room(sealed);
    let read = 0;
    while (read < sealed) {
      const more = reading('read', this.#path, () =>
        fs.readSync(this.#fd, buffer, read, sealed - read, place.offset + read),
      );
      if (more === 0) break;
      read += more;
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonceOf(number));
    decipher.setAuthTag(buffer.subarray(length, sealed));
    const opened = decipher.update(buffer.subarray(0, length));
    try {
      if (read < sealed) throw new Error('the file is shorter than it was');
      decipher.final();
    } catch (error) {
      throw new StorageError({ code: 'CORRUPT_LEAF', path: this.#path, offset: place.offset }, error);
    }
    return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
  }

  #failing<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StorageError) this.#options.onFailure(error);
      throw error;
    }
  }

  #nonceOf(number: number): Buffer {
    this.#nonce.writeBigUInt64BE(BigInt(number), 4);
    return this.#nonce;
  }

  #room(bytes: number): Buffer {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.alloc(bytes);
    return this.#buffer;
  }

  #take(bytes: number): Place {
    const offset = this.#free.get(bytes)?.pop();
    if (offset !== undefined) return { offset, bytes };
    const place = { offset: this.#end, bytes };
    this.#end += bytes;
    return place;
  }

  #release({ bytes, offset }: Place): void {
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [offset]);
    else free.push(offset);
  }

  #remember(kept: KeptLeaf, leaf: Uint8Array): void {
    this.#cache.set(kept, leaf);
    this.#cached += leaf.length;
    for (const [oldest, { length }] of this.#cache) {
      if (this.#cached <= this.#options.cacheBytes) break;
      this.#cache.delete(oldest);
      this.#cached -= length;
    }
  }
}
