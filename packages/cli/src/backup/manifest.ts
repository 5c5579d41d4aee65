/**
 * What a backup consists of: files, each the sequence of its parts, each part under its digest; and the manifest under its own.
 */
import { hash } from 'node:crypto';

/** Bytes of a part, but for a file's last one. A file that grew has its earlier parts in the store already. */
export const partBytes = 4 * 1024 * 1024;
export const manifestBytesMax = 64 * 1024 * 1024;

export interface BackedUpFile {
  /** Below the data folder. */
  readonly path: string;
  readonly bytes: number;
  readonly parts: readonly string[];
}

export interface BackupManifest {
  readonly format: 1;
  /** Service digest. */
  readonly service: string;
  readonly createdAt: string;
  /** The highest sequence number of a record in it. */
  readonly sequence: number;
  readonly files: readonly BackedUpFile[];
}

/** SHA-256, in hexadecimal. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

export const partName = (digest: string): string => `parts/${digest.slice(0, 2)}/${digest}`;

export function encodeManifest(manifest: BackupManifest): { readonly name: string; readonly bytes: Uint8Array } {
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const when = manifest.createdAt.replace(/[^0-9]/g, '');
  return { name: `backups/${when}-${digestOf(bytes)}.json`, bytes };
}

const filePath = /^(?:ledger|snapshots|history\/\d+-\d+)\/[a-z0-9-]+\.(?:seg|snap|key)$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** The manifest with this name, or why these bytes are not it. They come from a store: nothing is believed. */
export function decodeManifest(name: string, bytes: Uint8Array): BackupManifest | string {
  if (!name.endsWith(`-${digestOf(bytes)}.json`)) return 'not what was written under this name';
  let read: Partial<BackupManifest> | null;
  try {
    read = JSON.parse(new TextDecoder().decode(bytes)) as Partial<BackupManifest> | null;
  } catch {
    return 'not JSON';
  }
  if (read?.format !== 1) return 'of a format that is not known';
  const { createdAt, files, sequence, service } = read;
  if (typeof service !== 'string' || !digestPattern.test(service) || typeof createdAt !== 'string') return 'malformed';
  if (!Number.isSafeInteger(sequence) || !Array.isArray(files)) return 'malformed';
  const paths = new Set<string>();
  for (const file of files as readonly (Partial<BackedUpFile> | null)[]) {
    if (typeof file?.path !== 'string' || !filePath.test(file.path) || paths.has(file.path)) return 'malformed';
    if (!Number.isSafeInteger(file.bytes) || !Array.isArray(file.parts)) return 'malformed';
    if (!file.parts.every((part) => typeof part === 'string' && digestPattern.test(part))) return 'malformed';
    if (file.parts.length !== Math.ceil(file.bytes! / partBytes)) return 'malformed';
    paths.add(file.path);
  }
  return read as BackupManifest;
}
