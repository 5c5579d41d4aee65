/**
 * The recovery key of a service, in shares: it opens what is encrypted on the disks, and nobody has it. spec/recovery.md, "Shares".
 *
 * Its public half is listed among the constitution's auditors, so that every file's key is sealed to it. The private half was split
 * k of n when the service was founded, each share sealed to a key of its member; fewer than k shares say nothing about it.
 */
import type { KeyObject } from 'node:crypto';
import { openSealed, sealingKeyFromSeed, sealTo } from '@coppice/cryptography';
import { fromHex, sameBytes, statement, toHex } from '@coppice/wire';
import { combine, split } from 'shamir-secret-sharing';
import { type SealingKey, UserError } from '../service-folder.ts';

/** One member's share, sealed to a key of the member, or of whoever it was released to. */
export interface SealedShare {
  readonly member: string;
  /** X25519, hexadecimal. */
  readonly to: string;
  readonly sealed: string;
}

/** All that is kept of a recovery key: for everybody to see. */
export interface RecoveryShares {
  readonly format: 1;
  /** X25519, hexadecimal: among the constitution's auditors. */
  readonly key: string;
  /** Shares that it takes. */
  readonly threshold: number;
  readonly shares: readonly SealedShare[];
}

/** What a member gives out: its share, sealed to whoever recovers. */
export type ReleasedShare = SealedShare & Pick<RecoveryShares, 'key' | 'threshold'>;

const info = statement('recovery-share');

/** Splits the recovery key of this seed, 32 random bytes that nobody keeps, for these members. */
export async function shareKey(
  seed: Uint8Array,
  threshold: number,
  members: readonly { readonly name: string; readonly key: Uint8Array }[],
): Promise<RecoveryShares> {
  if (threshold < 2 || threshold > members.length)
    throw new UserError(`a recovery key is shared by 2 to ${members.length} of ${members.length} members`);
  const { publicKey } = sealingKeyFromSeed(seed);
  const parts = await split(seed, members.length, threshold);
  const shares = await Promise.all(
    members.map(async ({ key, name }, i) => ({
      member: name,
      to: toHex(key),
      sealed: toHex(await sealTo(key, parts[i]!, { info, associated: publicKey })),
    })),
  );
  return { format: 1, key: toHex(publicKey), threshold, shares };
}

/** The share of the member who has this key, sealed to whoever recovers instead. */
export async function releaseShare(
  { key, shares, threshold }: RecoveryShares,
  own: SealingKey,
  to: Uint8Array,
): Promise<ReleasedShare> {
  const share = shares.find((one) => one.to === toHex(own.publicKey));
  if (share === undefined) throw new UserError('no share is sealed to this key');
  const part = await open(share, key, own.privateKey);
  if (part === undefined) throw new UserError('the share is not what was sealed to this key');
  const sealed = toHex(await sealTo(to, part, { info, associated: fromHex(key)! }));
  return { key, threshold, member: share.member, to: toHex(to), sealed };
}

/** The recovery key, of shares that were released to the holder of this key. Throws UserError where they do not make it. */
export async function combineShares(released: readonly ReleasedShare[], own: SealingKey): Promise<KeyObject> {
  const [first] = released;
  if (first === undefined) throw new UserError('there is no share');
  const { key, threshold } = first;
  if (released.some((one) => one.key !== key)) throw new UserError('the shares are of different recovery keys');
  const members = new Set(released.map(({ member }) => member));
  if (members.size < threshold)
    throw new UserError(`${members.size} of ${threshold} shares that it takes were released`);
  const parts: Uint8Array[] = [];
  for (const member of members) {
    const share = released.find((one) => one.member === member)!;
    const part = await open(share, key, own.privateKey);
    if (part === undefined) throw new UserError(`the share of ${member} was not released to this key`);
    parts.push(part);
  }
  const seed = await combine(parts).catch(() => undefined);
  const combined = seed?.length === 32 ? sealingKeyFromSeed(seed) : undefined;
  // A wrong share gives a wrong key, and the library cannot know.
  if (combined === undefined || !sameBytes(combined.publicKey, fromHex(key)!))
    throw new UserError('the shares do not make the recovery key: one of them is wrong');
  return combined.privateKey;
}

async function open(share: SealedShare, key: string, privateKey: KeyObject): Promise<Uint8Array | undefined> {
  const [sealed, associated] = [fromHex(share.sealed), fromHex(key)];
  if (sealed === undefined || associated === undefined) return undefined;
  return openSealed(privateKey, sealed, { info, associated });
}
