/**
 * Ed25519 by one of two implementations, which accept exactly the same: the strict rule of spec/encoding.md.
 *
 * They are a dimension of variants: a flaw in one is then a flaw of the replicas that have it, and is gone from a slot whose turn brings the
 * other. Which one it is, the launcher says before anything runs, and measures (packages/host/src/runtimes.ts).
 */
import { nodeCrypto } from './node-crypto.ts';
import type { Ed25519 } from './secret.ts';
import { libsodium } from './sodium.ts';

const implementations = { libsodium, 'node-crypto': nodeCrypto } as const;

function implementation(): Ed25519 {
  const name = process.env['COPPICE_CRYPTOGRAPHY'] ?? 'libsodium';
  if (!Object.hasOwn(implementations, name))
    throw new Error(`COPPICE_CRYPTOGRAPHY is ${name}, and not ${Object.keys(implementations).join(' or ')}`);
  return implementations[name as keyof typeof implementations];
}

let chosen: Ed25519 | undefined;

/** The one that this process was launched with. */
export function ed25519(): Ed25519 {
  chosen ??= implementation();
  return chosen;
}
