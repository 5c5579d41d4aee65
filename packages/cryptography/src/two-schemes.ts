/**
 * Scheme 2 of seats: Ed25519 and ML-DSA-65, both of which have to hold. spec/algorithms.md.
 *
 * ML-DSA is that of the library `@noble/post-quantum`, in JavaScript, on every runtime. Nobody but its author has audited it: it is there
 * for the day on which Ed25519 does not hold any more, and takes nothing from it until then.
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { publicKeyBytes, schemes, signatureBytes, statement } from '@coppice/wire';
import { verifier } from './verifier.ts';

/** What both halves sign: neither is, by itself, a signature of what is signed. */
export function signedByBoth(message: Uint8Array): Uint8Array {
  return statement('two-schemes', message);
}

/** `publicKey` has the length of one of scheme 2. */
export function verifyTwofold(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== schemes[2].signatureBytes) return false;
  const signed = signedByBoth(message);
  // First the one that is quick.
  return (
    verifier().verify(publicKey.subarray(0, publicKeyBytes), signed, signature.subarray(0, signatureBytes)) &&
    ml_dsa65.verify(signature.subarray(signatureBytes), signed, publicKey.subarray(publicKeyBytes))
  );
}
