/**
 * Who verifies Ed25519: one of two implementations, which accept exactly the same, by the strict rule of spec/encoding.md.
 *
 * They are a dimension of variants: a flaw in one, which anybody's bytes may reach, is then a flaw of the replicas that have it, and is gone
 * from a slot whose turn brings the other. Which one it is, the launcher says before anything runs, and measures (packages/host/src/runtimes.ts).
 */
import { nodeCrypto } from './node-crypto.ts';
import { libsodium } from './sodium.ts';

export interface Verifier {
  /** Anything else than 32 and 64 bytes is refused, too. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
  /** Whether this is a point of the prime-order subgroup other than the identity, in its one encoding. */
  readonly validPublicKey: (publicKey: Uint8Array) => boolean;
}

const implementations: Readonly<Record<string, Verifier>> = { libsodium, 'node-crypto': nodeCrypto };

function implementation(): Verifier {
  const name = process.env['COPPICE_CRYPTOGRAPHY'] ?? 'libsodium';
  const found = Object.hasOwn(implementations, name) ? implementations[name] : undefined;
  if (found === undefined)
    throw new Error(`COPPICE_CRYPTOGRAPHY is ${name}, and not ${Object.keys(implementations).join(' or ')}`);
  return found;
}

let chosen: Verifier | undefined;

/** The one that this process was launched with. */
export function verifier(): Verifier {
  chosen ??= implementation();
  return chosen;
}
