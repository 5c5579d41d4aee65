/**
 * Shares of files' keys on their way: asked of members, released by each where it keeps its key, combined by whoever recovers. spec/recovery.md,
 * lines 62-64.
 *
 * What is asked and what is answered are files, since a member's key may be on a machine without a network. Whoever recovers shows members the
 * key files of the disks, and sees no share but those that were sealed to it.
 */
import type { KeyObject } from 'node:crypto';
import { combineShares, keyFilesOf, openKeyFiles, openReleased, openShare, releaseShare } from '@coppice/node';
import { decodeKeyFile, type KeyFile, type KnownKeys } from '@coppice/storage';
import { fromHex, toHex } from '@coppice/wire';
import { type SealingKey, UserError } from '../service-folder.ts';

/** What members are shown. Everything in hexadecimal. */
export interface ShareRequest {
  readonly format: 1;
  /** X25519: of whoever recovers. */
  readonly to: string;
  /** As they are on the disks. */
  readonly keyFiles: readonly string[];
}

/** What a member gives out. */
export interface ReleasedShares {
  readonly format: 1;
  readonly to: string;
  /** X25519: the member's key of recovery. */
  readonly by: string;
  /** By the id of the file's key. */
  readonly shares: Readonly<Record<string, string>>;
}

/** Finds what keys of a folder's files there are. */
export type KeyOpener = (dataFolder: string) => Promise<KnownKeys>;

/** Asks for what the ledgers in these folders take. */
export function requestShares(folders: readonly string[], to: Uint8Array): ShareRequest {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const { content, file } of keyFilesOf(folder))
      if (file.kind === 'segment') files.set(toHex(file.id), toHex(content));
  if (files.size === 0) throw new UserError('there is no key file: nothing there is encrypted');
  return { format: 1, to: toHex(to), keyFiles: [...files.values()] };
}

/** The member's shares, and of which services the files say they are. */
export async function releaseShares(
  request: ShareRequest,
  own: SealingKey,
): Promise<{ readonly released: ReleasedShares; readonly services: readonly string[] }> {
  const to = fromHex(request.to);
  if (to?.length !== 32) throw new UserError('the request does not say to whom');
  const shares: Record<string, string> = {};
  const services = new Set<string>();
  for (const text of request.keyFiles) {
    const file = decodeKeyFile(fromHex(text) ?? new Uint8Array(0));
    if (file === undefined) throw new UserError('the request holds what is no key file');
    const share = await openShare(file, own.privateKey);
    if (share === undefined) continue;
    shares[toHex(file.id)] = toHex(await releaseShare(file, share, to));
    services.add(toHex(file.service));
  }
  if (services.size === 0) throw new UserError('no share in the request is of this key');
  return { released: { format: 1, to: request.to, by: toHex(own.publicKey), shares }, services: [...services] };
}

/** Opens by auditors' keys, and what these do not open by what members released to `own`. */
export function keyOpener(
  readers: readonly KeyObject[],
  released: readonly ReleasedShares[],
  own: SealingKey | undefined,
): KeyOpener {
  const members = new Map(released.map((one) => [one.by, one]));
  return async (folder) => {
    const known = await openKeyFiles(folder, readers);
    if (own === undefined) return known;
    for (const { file } of keyFilesOf(folder)) {
      if (known.keyOf(file.id) !== undefined) continue;
      const key = await combined(file, [...members.values()], own);
      if (key !== undefined) known.add(key);
    }
    return known;
  };
}

async function combined(file: KeyFile, released: readonly ReleasedShares[], own: SealingKey) {
  const name = `${file.kind} ${file.number}`;
  const given = released.flatMap((one) => {
    const sealed = fromHex(one.shares[toHex(file.id)] ?? '');
    return sealed === undefined || sealed.length === 0 ? [] : [{ by: one.by, sealed }];
  });
  if (given.length === 0) return undefined;
  const shares = await Promise.all(
    given.map(async ({ by, sealed }) => {
      const share = await openReleased(file, sealed, own.privateKey);
      if (share !== undefined) return share;
      throw new UserError(`what ${by} released of ${name} was not released to this key`);
    }),
  );
  const needed = Math.max(...shares.map(({ threshold }) => threshold));
  if (shares.length < needed)
    throw new UserError(`${shares.length} of ${needed} shares that ${name} takes were released`);
  const key = await combineShares(file, shares);
  if (key === undefined) throw new UserError(`the shares do not make the key of ${name}: one of them is wrong`);
  return key;
}
