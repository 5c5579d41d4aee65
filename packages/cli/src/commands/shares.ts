/**
 * `coppice member share key | request | release`: how members open together what no one of them can. docs/how-to/recover-a-service.md.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fromHex, toHex } from '@coppice/wire';
import type { Output } from '../output.ts';
import { diskFolders } from '../recovery/disks.ts';
import {
  type GivenShares,
  type KeyOpener,
  keyOpener,
  type ReleasedShares,
  releaseShares,
  requestShares,
  type ShareRequest,
} from '../recovery/shares.ts';
import { auditorKeys, readAuditorKey, ServiceFolder, UserError } from '../service-folder.ts';

/** `coppice member share request`: what members are shown. */
export function requestMemberShares(
  options: { readonly folder: string; readonly from?: readonly string[]; readonly to: string; readonly out: string },
  output: Output,
): void {
  const to = fromHex(options.to);
  if (to?.length !== 32) throw new UserError('--to must be the public key of whoever recovers: 64 hexadecimal digits');
  const request = requestShares(diskFolders(options.from ?? [options.folder]), to);
  writeFileSync(options.out, `${JSON.stringify(request)}\n`);
  output.answer({ files: request.keyFiles.length, out: options.out }, [
    `${request.keyFiles.length} key files are in ${options.out}: members answer it with \`coppice member share release ${options.out}\``,
  ]);
}

/** `coppice member share release`: what a member hands out. */
export async function releaseMemberShares(
  file: string,
  options: { readonly folder: string; readonly as?: string; readonly shareKey?: string; readonly out: string },
  output: Output,
): Promise<void> {
  const { as, folder, out, shareKey } = options;
  if (as === undefined && shareKey === undefined)
    throw new UserError('name the member: --as NAME, or --share-key FILE');
  const request = readJson(file) as Partial<ShareRequest>;
  if (request.format !== 1 || typeof request.to !== 'string' || !Array.isArray(request.keyFiles))
    throw new UserError(`${file} is no request for shares`);
  const own = shareKey === undefined ? new ServiceFolder(folder).recoveryKey(as!) : readAuditorKey(shareKey);
  const { released, services } = await releaseShares(request as ShareRequest, own);
  writeFileSync(out, `${JSON.stringify(released)}\n`);
  const count = Object.keys(released.shares).length;
  output.answer({ services, to: released.to, shares: count, of: request.keyFiles.length, out }, [
    `shares of ${count} of ${request.keyFiles.length} files are in ${out}, sealed to ${released.to}`,
    ...services.map((service) => `of service ${service}`),
  ]);
}

/** Files of `coppice member share release`. */
export function readReleased(files: readonly string[]): GivenShares[] {
  return files.map((file) => {
    const released = readJson(file) as Partial<ReleasedShares>;
    if (
      released.format !== 1 ||
      typeof released.by !== 'string' ||
      typeof released.to !== 'string' ||
      !isObject(released.shares)
    )
      throw new UserError(`${file} holds no released shares`);
    if (!Object.values(released.shares).every((share) => typeof share === 'string'))
      throw new UserError(`${file} holds what is no share`);
    return { ...(released as ReleasedShares), file };
  });
}

/** What is given to open what is encrypted: key files of auditors, or shares that members released, and the key file of whom these are for. */
export interface KeyOptions {
  readonly key?: readonly string[];
  readonly share?: readonly string[];
  readonly shareKey?: string;
}

/** What opens the files of an instance's folder; by default, keys of auditors in the service's folder that it lies in. */
export function openerFor(dataFolder: string, { key, share, shareKey }: KeyOptions = {}): KeyOpener {
  const readers = auditorKeys(dataFolder, key);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  if (share === undefined) return keyOpener(readers, [], undefined, say);
  if (shareKey === undefined)
    throw new UserError('--share needs --share-key: the key file of whom the shares were released to');
  return keyOpener(readers, readReleased(share), readAuditorKey(shareKey), say);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function readJson(file: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isObject(value)) return value;
  } catch {}
  throw new UserError(`${file} cannot be read, or is not JSON`);
}

/** `coppice member share key`, `coppice ledger key`: a key that something can be sealed to, of a member, whoever recovers, or an auditor. */
export function makeSealingKey(options: { readonly out: string }, output: Output): void {
  writeFileSync(options.out, `${toHex(randomBytes(32))}\n`, { mode: 0o600, flag: 'wx' });
  const publicKey = toHex(readAuditorKey(options.out).publicKey);
  output.answer({ publicKey, out: options.out }, [`public key ${publicKey}`, `the private key is in ${options.out}`]);
}
