/**
 * Where backups are kept: objects under names, in a folder or in object storage. Neither is believed: docs/reference/backup.md.
 */
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { writeFileAtomic } from '@coppice/storage';
import { UserError } from '../service-folder.ts';
import { digestOf } from './manifest.ts';

/** Names are of lower-case letters, digits, `.`, `-` and `/`. */
export interface BackupStore {
  has(name: string): Promise<boolean>;
  /** Durable when it resolves, if the store does what it says. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** `undefined`: there is none, or one of more than `bytesMax` bytes. */
  get(name: string, bytesMax: number): Promise<Uint8Array | undefined>;
  /** Names that begin with this, in any order. Throws UserError where there is no such folder or bucket. */
  list(prefix: string): Promise<string[]>;
}

class FolderStore implements BackupStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  async has(name: string): Promise<boolean> {
    return (await orAbsent(stat(join(this.#folder, name)))) !== undefined;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, name);
    const made = await mkdir(dirname(path), { recursive: true });
    writeFileAtomic(path, bytes);
    // The names of new folders, too.
    if (made !== undefined) for (let at = dirname(path); at.length >= made.length; at = dirname(at)) sync(dirname(at));
  }

  async get(name: string, bytesMax: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#read(name);
    return bytes === undefined || bytes.length > bytesMax ? undefined : bytes;
  }

  async list(prefix: string): Promise<string[]> {
    if (!existsSync(this.#folder)) throw new UserError(`there is no folder ${this.#folder}`);
    const entries = await orAbsent(readdir(join(this.#folder, dirname(`${prefix}x`)), { withFileTypes: true }));
    return (entries ?? [])
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
      .map((entry) => relative(this.#folder, join(entry.parentPath, entry.name)))
      .filter((name) => name.startsWith(prefix));
  }

  #read(name: string): Promise<Uint8Array | undefined> {
    return orAbsent(readFile(join(this.#folder, name)));
  }
}

/** `undefined` where there is no such file or folder. */
async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function sync(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const requestMs = 60_000;
const pagesMax = 10_000;

/** The S3 interface: buckets by path, requests signed with version 4, the content's digest among what is signed. */
class ObjectStore implements BackupStore {
  readonly #client: AwsClient;
  /** Of the bucket. */
  readonly #url: string;
  readonly #prefix: string;

  constructor(client: AwsClient, url: string, prefix: string) {
    this.#client = client;
    this.#url = url;
    this.#prefix = prefix;
  }

  async #ask(method: string, path: string, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
    const url = `${this.#url}${path}`;
    const signal = AbortSignal.timeout(requestMs);
    const headers = body === undefined ? {} : { 'x-amz-content-sha256': digestOf(body) };
    let response: Response;
    try {
      response = await this.#client.fetch(url, { method, headers, signal, ...(body !== undefined && { body }) });
    } catch (error) {
      throw new UserError(`${this.#url} does not answer: ${error instanceof Error ? error.message : String(error)}`, 3);
    }
    if (response.ok || response.status === 404) return response;
    const detail = /<Code>([^<]{1,100})/.exec(await response.text())?.[1] ?? response.statusText;
    throw new UserError(`${this.#url} refuses to ${method}: ${response.status} ${detail}`, 3);
  }

  async has(name: string): Promise<boolean> {
    return (await this.#ask('HEAD', `/${this.#prefix}${name}`)).ok;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const { status } = await this.#ask('PUT', `/${this.#prefix}${name}`, Uint8Array.from(bytes));
    if (status === 404) throw new UserError(`${this.#url}: no such bucket`, 3);
  }

  async get(name: string, bytesMax: number): Promise<Uint8Array | undefined> {
    const response = await this.#ask('GET', `/${this.#prefix}${name}`);
    const length = Number(response.headers.get('content-length') ?? Infinity);
    if (!response.ok || length > bytesMax) {
      await response.body?.cancel();
      return undefined;
    }
    return new Uint8Array(await response.arrayBuffer());
  }

  async list(prefix: string): Promise<string[]> {
    const names: string[] = [];
    let token: string | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const query = new URLSearchParams({ 'list-type': '2', prefix: this.#prefix + prefix });
      if (token !== undefined) query.set('continuation-token', token);
      const response = await this.#ask('GET', `?${query.toString()}`);
      if (response.status === 404) throw new UserError(`${this.#url}: no such bucket`, 3);
      const text = await response.text();
      // Our names have nothing that XML would write in another way.
      for (const [, key] of text.matchAll(/<Key>([a-z0-9./-]+)<\/Key>/gi)) names.push(key!.slice(this.#prefix.length));
      token = /<NextContinuationToken>([^<]+)</.exec(text)?.[1];
      if (token === undefined) return names;
    }
    throw new UserError(`${this.#url} never ends listing`, 3);
  }
}

/**
 * The store at `place`: a folder, or `s3://BUCKET/PREFIX` at an endpoint, with credentials from the environment (AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION).
 */
export function openStore(place: string, endpoint: string | undefined): BackupStore {
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{2,62})(?:\/([a-z0-9./-]*))?$/.exec(place);
  if (s3 === null) {
    if (place.includes('://')) throw new UserError(`${place} is neither a folder nor s3://BUCKET/PREFIX`);
    return new FolderStore(place);
  }
  const [, bucket, prefix = ''] = s3;
  const { AWS_ACCESS_KEY_ID, AWS_REGION = 'us-east-1', AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (AWS_ACCESS_KEY_ID === undefined || AWS_SECRET_ACCESS_KEY === undefined)
    throw new UserError('object storage needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment');
  const client = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN !== undefined && { sessionToken: AWS_SESSION_TOKEN }),
    service: 's3',
    region: AWS_REGION,
    retries: 4,
  });
  const base = (endpoint ?? `https://s3.${AWS_REGION}.amazonaws.com`).replace(/\/$/, '');
  return new ObjectStore(client, `${base}/${bucket}`, prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);
}
