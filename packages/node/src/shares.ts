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

/** Of shares that claim the same threshold, so many choices are tried: all that there are of sixteen. */
const triesMax = 12_870;

/**
 * The key of a file, if as many of these shares as it takes are right, and which of the others are wrong. Whoever released a share may have made it
 * up, with its threshold: what tells is the id of the key. spec/recovery.md, line 64.
 */
export async function combineShares<S extends Share>(
  file: KeyFile,
  shares: readonly S[],
): Promise<{ readonly key: FileKey; readonly wrong: readonly S[] } | undefined> {
  for (const [threshold, claiming] of byThreshold(shares)) {
    let tries = 0;
    for (const some of choicesOf(claiming, threshold)) {
      if (tries++ === triesMax) break;
      const key = await keyOf(file, some);
      if (key === undefined) continue;
      const wrong: S[] = [];
      for (const share of shares) {
        const others = some.filter(({ part }) => part.at(-1) !== share.part.at(-1)).slice(0, threshold - 1);
        const right = share.threshold === threshold && (await keyOf(file, [...others, share])) !== undefined;
        if (!right) wrong.push(share);
      }
      return { key, wrong };
    }
  }
  return undefined;
}

/** Shares by the threshold that they claim, the one that most claim first. */
export function byThreshold<S extends Share>(shares: readonly S[]): [number, S[]][] {
  return [...Map.groupBy(shares, ({ threshold }) => threshold)].sort(([, a], [, b]) => b.length - a.length);
}

/** The key that exactly these make, if it is the file's. */
async function keyOf(file: KeyFile, shares: readonly Share[]): Promise<FileKey | undefined> {
  const combined = await combine(shares.map(({ part }) => part)).catch(() => undefined);
  const key = combined && fileKey(combined);
  // A wrong share gives a wrong key, and the scheme cannot know.
  return key !== undefined && sameBytes(key.id, file.id) ? key : undefined;
}

/** Every choice of `count` of these, in order; before, some that are next to each other, of which one avoids any single one. */
function* choicesOf<S>(from: readonly S[], count: number): Generator<S[]> {
  if (count > from.length) return;
  for (let i = 0; i < from.length; i++) yield [...from.slice(i), ...from.slice(0, i)].slice(0, count);
  yield* combinations(from, count);
}

function* combinations<S>(from: readonly S[], count: number): Generator<S[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let i = 0; i + count <= from.length; i++)
    for (const rest of combinations(from.slice(i + 1), count - 1)) yield [from[i]!, ...rest];
}
