/**
 * Pages of the state on disk, for states that are larger than memory.
 *
 * The file is this process's memory and no record: nothing of it is synced, and nothing is read by another process. Its key is drawn
 * when it is begun and is in memory only, so what is left of it says nothing. What is kept gets a nonce of its own, a number that
 * counts up; it is remembered here and not in the file. So whatever the host puts in a page's place, an earlier content of
 * that place included, does not decrypt.
 *
 * - Pages are kept in groups, which have pages in common. A place is free again once nobody holds a group with what was kept there:
 *   the engine says so when it has collected a group.
 * - The pages that were read or kept last are in memory as well, up to a number of bytes: `#recent`, and, as soon as these are half of it,
 *   `#earlier`. So none is taken out alone for its age: a map walks over all that were, each time that its oldest is asked for.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { reading, StorageError, writing } from './error.ts';
import { tagBytes } from './file-key.ts';
import { makeFolder } from './files.ts';

/** Places are multiples of it, so that few sizes of them are free. */
const placeBytes = 512;
/** Above the length of any page: that, and where it is, are one number, since they are remembered for every page. */
const lengthLimit = 2 ** 21;
/** What a page takes in memory beside its bytes, about. */
const cachedOverhead = 256;
const noPage = -1;

export interface PageFileOptions {
  /** Of pages in memory. */
  readonly cacheBytes: number;
  /**
   * Something was not there as it was kept, or could not be kept: nothing that is computed from now on counts. Called before that is thrown, since who
   * executes code of others takes what it throws for that code's failure.
   */
  readonly onFailure: (error: StorageError) => void;
}

/**
 * Of each page two numbers: which place it has, times {@link lengthLimit}, plus its length; and that of its nonce. Or twice {@link noPage}.
 * Numbers and no objects: there is one for some keys of the state each.
 */
type Pages = readonly number[];

class KeptPages {
  readonly #file: PageFile;
  readonly all: Pages;

  constructor(file: PageFile, all: Pages) {
    this.#file = file;
    this.all = all;
  }

  read(index: number, once = false): Uint8Array | undefined {
    const number = this.all[2 * index + 1]!;
    return number === noPage ? undefined : this.#file.read(this.all[2 * index]!, number, once);
  }
}

interface KeptPage {
  readonly pages: KeptPages;
  readonly index: number;
}

export class PageFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #key = randomBytes(32);
  readonly #nonce = Buffer.alloc(12);
  readonly #options: PageFileOptions;
  /** By the numbers of nonces. */
  #recent = new Map<number, Uint8Array>();
  #earlier = new Map<number, Uint8Array>();
  #recentBytes = 0;
  #count = 0;
  /** Places from here on were never taken. */
  #end = 0;
  /** Free places, by how many of the smallest they are. */
  readonly #free = new Map<number, number[]>();
  /** How many groups have the page at a place. */
  #holders = new Uint32Array(1024);
  readonly #collected = new FinalizationRegistry<Pages>((pages) => this.#release(pages));
  #buffer = Buffer.alloc(64 * 1024);

  /** A file in this folder, which the system removes with the process. Throws StorageError where it cannot be made. */
  constructor(folder: string, options: PageFileOptions) {
    makeFolder(folder);
    this.#path = join(folder, `pages-${process.pid}`);
    this.#options = options;
    this.#fd = writing('open', this.#path, () => fs.openSync(this.#path, 'wx+', 0o600));
    // Where a system does not remove what is open, what is left cannot be read by anyone.
    fs.rmSync(this.#path, { force: true });
  }

  /** Bytes of the file, those of free places among them. */
  get bytes(): number {
    return placeBytes * this.#end;
  }

  /**
   * Keeps pages as one group: encrypts and writes those that are new, and goes on keeping those of other groups. What is new may be
   * given back by `read`: nobody changes it.
   */
  keep(pages: readonly (Uint8Array | KeptPage | undefined)[]): KeptPages {
    const all = Array.from({ length: 2 * pages.length }, () => noPage);
    for (const [i, page] of pages.entries()) {
      if (page === undefined) continue;
      if (page instanceof Uint8Array) {
        all[2 * i + 1] = this.#count;
        all[2 * i] = this.#write(page);
      } else {
        all[2 * i] = page.pages.all[2 * page.index]!;
        all[2 * i + 1] = page.pages.all[2 * page.index + 1]!;
      }
    }
    for (let i = 0; i < all.length; i += 2) if (all[i + 1] !== noPage) this.#holders[startOf(all[i]!)]!++;
    const kept = new KeptPages(this, all);
    this.#collected.register(kept, all);
    return kept;
  }

  /** @param once what is not in memory yet need not be afterwards */
  read(place: number, number: number, once: boolean): Uint8Array {
    const recent = this.#recent.get(number);
    if (recent !== undefined) return recent;
    const page = this.#earlier.get(number) ?? this.#failing(() => this.#open(place, number));
    if (!once) this.#remember(number, page);
    return page;
  }

  close(): void {
    this.#recent.clear();
    this.#earlier.clear();
    fs.closeSync(this.#fd);
  }

  /** With the next number; where. */
  #write(page: Uint8Array): number {
    const number = this.#count++;
    const sealed = page.length + tagBytes;
    const start = this.#take(sizeOf(page.length));
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonceOf(number));
    const buffer = this.#room(sealed);
    buffer.set(cipher.update(page));
    cipher.final();
    buffer.set(cipher.getAuthTag(), page.length);
    this.#failing(() =>
      writing('write', this.#path, () => {
        for (let at = 0; at < sealed;) at += fs.writeSync(this.#fd, buffer, at, sealed - at, placeBytes * start + at);
      }),
    );
    this.#remember(number, page);
    return start * lengthLimit + page.length;
  }

  #open(place: number, number: number): Uint8Array {
    const offset = placeBytes * startOf(place);
    const length = place % lengthLimit;
    const sealed = length + tagBytes;
    const buffer = this.#room(sealed);
    let read = 0;
    while (read < sealed) {
      const more = reading('read', this.#path, () => fs.readSync(this.#fd, buffer, read, sealed - read, offset + read));
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
      throw new StorageError({ code: 'CORRUPT_PAGE', path: this.#path, offset }, error);
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

  #take(size: number): number {
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) return free;
    const start = this.#end;
    this.#end += size;
    if (this.#end > this.#holders.length) {
      const more = new Uint32Array(2 * this.#end);
      more.set(this.#holders);
      this.#holders = more;
    }
    return start;
  }

  #release(pages: Pages): void {
    for (let i = 0; i < pages.length; i += 2) {
      const [place, number] = [pages[i]!, pages[i + 1]!];
      if (number === noPage || --this.#holders[startOf(place)]! > 0) continue;
      this.#forget(number);
      const size = sizeOf(place % lengthLimit);
      const free = this.#free.get(size);
      if (free === undefined) this.#free.set(size, [startOf(place)]);
      else free.push(startOf(place));
    }
  }

  #remember(number: number, page: Uint8Array): void {
    const bytes = page.length + cachedOverhead;
    const bytesMax = this.#options.cacheBytes / 2;
    if (this.#recentBytes + bytes > bytesMax) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
      this.#recentBytes = 0;
    }
    if (bytes > bytesMax) return;
    this.#recent.set(number, page);
    this.#recentBytes += bytes;
  }

  #forget(number: number): void {
    const page = this.#recent.get(number);
    if (page !== undefined) this.#recentBytes -= page.length + cachedOverhead;
    this.#recent.delete(number);
    this.#earlier.delete(number);
  }
}

function startOf(place: number): number {
  return Math.floor(place / lengthLimit);
}

/** How many of the smallest places a page takes. */
function sizeOf(length: number): number {
  return Math.ceil((length + tagBytes) / placeBytes);
}
