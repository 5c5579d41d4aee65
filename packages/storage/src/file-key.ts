/**
 * Keys of files: one for each segment and each snapshot, and the key file beside it that says who can open it.
 *
 * Storage encrypts, and knows nobody to encrypt for: whoever owns the ledger gives it a {@link Vault}. A key is made for one
 * file, by the process that writes it, so no two files and no two launches ever share one; that is why the place of a record
 * in its file is enough of a nonce. spec/confidentiality.md, lines 10-16.
 */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  bytes,
  decode,
  type Digest,
  encode,
  list,
  publicKey,
  sameBytes,
  signature,
  struct,
  toHex,
  type TypeOf,
} from '@coppice/wire';
import { decodeFileHeader, encodeFileHeader, type FileKind, fileHeaderBytes, versions } from './file-header.ts';

export const keyIdBytes = 8;
export const tagBytes = 16;
/** Of a record's header, without its checksum. */
const frameFieldsBytes = 28;

/** A file, as its key is bound to it. */
export interface FileName {
  readonly kind: FileKind;
  readonly service: Digest;
  /** Of a segment its first position, of a snapshot its sequence number. */
  readonly number: number;
}

export interface FileKey {
  /** Names the key in the file's header; says nothing about it. */
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

/** Finds keys of files by their ids. */
export interface FileKeys {
  keyOf(id: Uint8Array): Uint8Array | undefined;
  /** Whether a way to this key was the reader's, and did not hold. */
  failed?(id: Uint8Array): boolean;
}

/** Makes keys, and keeps them for as long as the files may have to be read by this process. */
export interface Vault extends FileKeys {
  /** A key for a file that is to be begun, and to whom it is sealed. Rejects with a reason if it can be sealed to nobody. */
  create(file: FileName): Promise<NewKey>;
}

/** What goes into a key file, and the key. */
export interface NewKey {
  readonly key: FileKey;
  readonly slots: readonly KeySlot[];
  readonly writer?: KeyWriter | undefined;
}

const slotCodec = struct({
  /** A public key. */
  to: publicKey,
  /** The key of the file, sealed to its holder. */
  sealed: bytes(256),
});

/** One way to the key of a file. */
export type KeySlot = TypeOf<typeof slotCodec>;

const writerCodec = struct({ instance: publicKey, signature });

/** The instance that made a key, and its signature on what the key is bound to. Whether that holds, storage does not know. */
export type KeyWriter = TypeOf<typeof writerCodec>;

const slotsMax = 64;
const slotsCodec = list(slotCodec, slotsMax);
const signedCodec = struct({ slots: slotsCodec, writer: writerCodec });
/** No key file is longer. */
export const keyFileBytesMax = fileHeaderBytes + 8 + slotsMax * 512;

export function fileKey(key: Uint8Array): FileKey {
  const id = hash('sha256', Buffer.concat([Buffer.from('coppice/file-key-id'), key]), 'buffer').subarray(0, keyIdBytes);
  return { id: Uint8Array.from(id), key };
}

/** Keys that are known, by their ids. */
export class KnownKeys implements FileKeys {
  readonly #keys = new Map<string, Uint8Array>();
  readonly #failed = new Set<string>();

  get size(): number {
    return this.#keys.size;
  }

  /** All of them, in the order in which they came. */
  get keys(): readonly Uint8Array[] {
    return [...this.#keys.values()];
  }

  add({ id, key }: FileKey): void {
    this.#keys.set(toHex(id), key);
  }

  keyOf(id: Uint8Array): Uint8Array | undefined {
    return this.#keys.get(toHex(id));
  }

  /** A way to this key does not hold. */
  fail(id: Uint8Array): void {
    this.#failed.add(toHex(id));
  }

  failed(id: Uint8Array): boolean {
    return this.#failed.has(toHex(id));
  }
}

/** File name of the key of a segment or snapshot. */
export function keyFileName(name: string): string {
  return name.replace(/\.(?:seg|snap)$/, '.key');
}

/** The bytes of a key file: a file header with the id of the key, the slots, who wrote it, if it says so, and a checksum over all. */
export function encodeKeyFile({ kind, service, number, id, slots, writer }: KeyFile): Uint8Array {
  const version = writer === undefined ? versions.encrypted : versions.signed;
  const header = encodeFileHeader(keyKinds[kind], service, number, id, version);
  const encoded = writer === undefined ? encode(slotsCodec, slots, 1024) : encode(signedCodec, { slots, writer }, 1024);
  const whole = new Uint8Array(fileHeaderBytes + encoded.length + 4);
  whole.set(header);
  whole.set(encoded, fileHeaderBytes);
  const end = fileHeaderBytes + encoded.length;
  new DataView(whole.buffer).setUint32(end, crc32(whole.subarray(0, end)));
  return whole;
}

const keyKinds = { segment: 'segment-key', snapshot: 'snapshot-key' } as const;

export interface KeyFile extends FileName {
  readonly id: Uint8Array;
  readonly slots: readonly KeySlot[];
  readonly writer: KeyWriter | undefined;
}

/** Whether it is the key file of this file, which names the key `id`. */
export function isKeyFileOf(file: KeyFile, { kind, number, service }: FileName, id: Uint8Array): boolean {
  return file.kind === kind && file.number === number && sameBytes(file.service, service) && sameBytes(file.id, id);
}

/** The key file of these bytes; `undefined` where they are not those of one. */
export function decodeKeyFile(content: Uint8Array): KeyFile | undefined {
  const end = content.length - 4;
  if (end < fileHeaderBytes || content.length > keyFileBytesMax) return undefined;
  if (new DataView(content.buffer, content.byteOffset).getUint32(end) !== crc32(content.subarray(0, end)))
    return undefined;
  for (const kind of ['segment', 'snapshot'] as const) {
    const header = decodeFileHeader(keyKinds[kind], content);
    if (header === undefined) continue;
    const { keyId: id, number, service, version } = header;
    const body = content.slice(fileHeaderBytes, end);
    if (version === versions.signed) {
      const signed = decode(signedCodec, body);
      return signed.ok ? { kind, service, number, id, ...signed.value } : undefined;
    }
    const slots = version === versions.encrypted ? decode(slotsCodec, body) : undefined;
    return slots?.ok === true ? { kind, service, number, id, slots: slots.value, writer: undefined } : undefined;
  }
  return undefined;
}

/** What every way to the key of a file is bound to, and what its writer signs: so none can be moved to another file. */
export function keyContext({ kind, number, service }: FileName, id: Uint8Array): Uint8Array {
  return encodeFileHeader(keyKinds[kind], service, number, id);
}

/**
 * AES-256-GCM over the payloads of one file. Nonce: the record's position. Associated data: the header of the file, with
 * service and key, and the fields of the record's header, with position, sequence number, type and length.
 */
export class PayloadCipher {
  readonly #key: Uint8Array;
  /** Of all records the same, but for the last bytes. */
  readonly #associated = Buffer.alloc(fileHeaderBytes + frameFieldsBytes);
  readonly #nonce = Buffer.alloc(12);

  constructor(key: Uint8Array, fileHeader: Uint8Array) {
    this.#key = key;
    this.#associated.set(fileHeader);
  }

  #prepare(fields: Uint8Array, position: number): void {
    this.#nonce.writeBigUInt64BE(BigInt(position), 4);
    this.#associated.set(fields, fileHeaderBytes);
  }

  /** Writes ciphertext and tag to `target`, which has room for exactly these. One call a position. */
  sealInto(target: Uint8Array, fields: Uint8Array, position: number, payload: Uint8Array): void {
    this.#prepare(fields, position);
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    cipher.setAAD(this.#associated);
    target.set(cipher.update(payload), 0);
    cipher.final();
    target.set(cipher.getAuthTag(), payload.length);
  }

  /** The payload; `undefined` where it is not what was sealed here with this header. */
  open(fields: Uint8Array, position: number, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - tagBytes;
    if (length < 0) return undefined;
    this.#prepare(fields, position);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce);
    decipher.setAAD(this.#associated);
    decipher.setAuthTag(sealed.subarray(length));
    const opened = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return new Uint8Array(opened.buffer, opened.byteOffset, opened.length);
  }
}
