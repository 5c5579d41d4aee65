/**
 * Shares of files' keys on their way: asked of members, released by each where it keeps its key, combined by whoever recovers. spec/recovery.md,
 * lines 62-64.
 *
 * What is asked and what is answered are files, since a member's key may be on a machine without a network. Whoever recovers shows members the
 * key files of the disks, and sees no share but those that were sealed to it.
 */
import type { KeyObject } from 'node:crypto';
import {
  byThreshold,
  combineShares,
  keyFilesOf,
  openKeyFiles,
  openReleased,
  openShare,
  releaseShare,
  type Share,
} from '@coppice/node';
import { decodeKeyFile, type FileKey, type KeyFile, type KnownKeys } from '@coppice/storage';
import { fromHex, sameBytes, toHex } from '@coppice/wire';
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

/** What a member released, and where it is. */
export interface GivenShares extends ReleasedShares {
  readonly file: string;
}

/** Opens by auditors' keys, and what these do not open by what members released to `own`. `onWrong` is told of who released what is wrong. */
export function keyOpener(
  readers: readonly KeyObject[],
  released: readonly GivenShares[],
  own: SealingKey | undefined,
  onWrong: (line: string) => void,
): KeyOpener {
  const liars = new Set<GivenShares>();
  return async (folder) => {
    const known = await openKeyFiles(folder, readers);
    if (own === undefined) return known;
    for (const { file } of keyFilesOf(folder)) {
      if (known.keyOf(file.id) !== undefined) continue;
      // Whoever gave something wrong before is tried last.
      const ordered = released.toSorted((a, b) => Number(liars.has(a)) - Number(liars.has(b)));
      const key = await combined(file, ordered, own, (by, opened) => {
        if (!liars.has(by)) onWrong(`${by.file}: ${opened ? whyWrong(file, by) : whyShut(file, by, own)}`);
        liars.add(by);
      });
      if (key !== undefined) known.add(key);
    }
    return known;
  };
}

const whyWrong = (file: KeyFile, { by }: GivenShares): string =>
  `the share of ${nameOf(file)} is wrong: it was released as that of ${by}`;

/** Nobody is accused of what the key of whoever recovers does not open. */
function whyShut(file: KeyFile, by: GivenShares, { publicKey }: SealingKey): string {
  const own = toHex(publicKey);
  return by.to === own ? whyWrong(file, by) : `was released to ${by.to}, and the key of --share-key is ${own}`;
}

const nameOf = ({ kind, number }: KeyFile): string => `${kind} ${number}`;

async function combined(
  file: KeyFile,
  released: readonly GivenShares[],
  own: SealingKey,
  onWrong: (by: GivenShares, opened: boolean) => void,
): Promise<FileKey | undefined> {
  const shares: (Share & { readonly by: GivenShares })[] = [];
  let given = 0;
  for (const by of released) {
    const sealed = by.shares[toHex(file.id)];
    if (sealed === undefined) continue;
    given += 1;
    const share = await openReleased(file, fromHex(sealed) ?? new Uint8Array(0), own.privateKey);
    if (share === undefined) onWrong(by, false);
    // Handed in twice, it is one.
    else if (!shares.some(({ part }) => sameBytes(part, share.part))) shares.push({ ...share, by });
  }
  if (given === 0) return undefined;
  const found = await combineShares(file, shares);
  if (found !== undefined) {
    for (const { by } of found.wrong) onWrong(by, true);
    return found.key;
  }
  const [threshold, claiming] = byThreshold(shares)[0] ?? [];
  if (threshold === undefined || claiming === undefined)
    throw new UserError(`what was released of ${nameOf(file)} was not released to this key`);
  throw new UserError(
    claiming.length < threshold
      ? `${claiming.length} of ${threshold} shares that ${nameOf(file)} takes were released`
      : `the shares do not make the key of ${nameOf(file)}: too many of them are wrong`,
  );
}
