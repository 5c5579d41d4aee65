/**
 * Keys of files, in shares of members: any k of them open a file together, fewer learn nothing. spec/recovery.md, lines 60-65.
 *
 * The instance that makes a key splits it, so nobody deals, and what was split yesterday opens nothing of today.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { openSealed, rawPublicKey, sealTo } from '@coppice/cryptography';
import { type FileKey, fileKey, type FileName, keyContext, type KeyFile, type KeySlot } from '@coppice/storage';
import { sameBytes, statement } from '@coppice/wire';
import { combine, split } from 'shamir-secret-sharing';

/** Among whom keys are split. */
export interface Sharing {
  /** Shares that it takes. */
  readonly threshold: number;
  /** X25519. */
  readonly keys: readonly Uint8Array[];
}

/** What a member holds of one file's key. */
export interface Share {
  /** Shares that it takes. */
  readonly threshold: number;
  readonly part: Uint8Array;
}

const [held, released] = [statement('file-key-share'), statement('recovery-share')];

/** The shares of a key, each sealed to its member. `refused` is told of keys to which nothing can be sealed. */
export async function shareSlots(
  file: FileName,
  key: FileKey,
  { keys, threshold }: Sharing,
  refused: (error: unknown) => void,
): Promise<KeySlot[]> {
  const associated = keyContext(file, key.id);
  const parts = await split(key.key, keys.length, threshold);
  const slots: KeySlot[] = [];
  for (const [i, to] of keys.entries()) {
    try {
      slots.push({ to, sealed: await sealTo(to, Uint8Array.of(threshold, ...parts[i]!), { info: held, associated }) });
    } catch (error) {
      refused(error);
    }
  }
  return slots;
}

/** The share of this key's holder; `undefined` where the file has none for it. */
export async function openShare(file: KeyFile, own: KeyObject): Promise<Uint8Array | undefined> {
  const associated = keyContext(file, file.id);
  const publicKey = rawPublicKey(createPublicKey(own));
  for (const { sealed, to } of file.slots) {
    if (!sameBytes(to, publicKey)) continue;
    const share = await openSealed(own, sealed, { info: held, associated });
    if (share !== undefined) return share;
  }
  return undefined;
}

/** A share that was opened, sealed to whoever recovers. */
export function releaseShare(file: KeyFile, share: Uint8Array, to: Uint8Array): Promise<Uint8Array> {
  return sealTo(to, share, { info: released, associated: keyContext(file, file.id) });
}

/** A share that was released to this key's holder. */
export async function openReleased(file: KeyFile, sealed: Uint8Array, own: KeyObject): Promise<Share | undefined> {
  const share = await openSealed(own, sealed, { info: released, associated: keyContext(file, file.id) });
  return share === undefined || share.length < 3 ? undefined : { threshold: share[0]!, part: share.slice(1) };
}

/** The key of a file, if these shares make it. */
export async function combineShares(file: KeyFile, shares: readonly Share[]): Promise<FileKey | undefined> {
  const [first] = shares;
  if (first === undefined || shares.length < first.threshold) return undefined;
  const combined = await combine(shares.map(({ part }) => part)).catch(() => undefined);
  const key = combined && fileKey(combined);
  // A wrong share gives a wrong key, and the scheme cannot know.
  return key !== undefined && sameBytes(key.id, file.id) ? key : undefined;
}
