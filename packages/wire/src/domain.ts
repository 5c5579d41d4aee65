/**
 * Domain separation: what a digest or a signature is *for* is part of what is hashed or signed.
 *
 * A statement is `length(domain) ‖ domain ‖ bytes`, with the domain's length in one byte. No two domains of the
 * protocol are one string, so nothing that was signed for one purpose can be shown for another.
 */
import type { Cryptography, Digest } from './cryptography.ts';
import { concatBytes } from './bytes.ts';
import { type Codec, Writer } from './codec.ts';

/** Every purpose for which Coppice hashes or signs. */
export type Domain =
  | 'service' // genesis document → service digest
  | 'constitution'
  | 'configuration'
  | 'header'
  | 'request'
  | 'requests' // a client's signature over the Merkle root of its requests
  | 'result'
  | 'write-set'
  | 'public-write-set'
  | 'migration' // digests of the write sets of its steps
  | 'nonce' // nonce → commitment
  | 'vote'
  | 'view-change'
  | 'new-view'
  | 'checkpoint'
  | 'refusal'
  | 'suspicion'
  | 'erasure'
  | 'retirement'
  | 'challenge'
  | 'launch'
  | 'report' // claims → report data
  | 'simulated-evidence'
  | 'join'
  | 'ready'
  | 'genesis' // a member's signature on the genesis document
  | 'proposal' // a proposal's payload → what ballots name
  | 'release'
  | 'freshness'
  | 'hello'
  | 'caller' // who asks shows one replica that it holds a key
  | 'key-file' // an instance's signature on which file it made a key for
  | 'file-key' // what the key of a file is sealed for
  | 'file-key-share' // what a member's share of the key of a file is sealed for
  | 'recovery-share' // the same share, sealed to whoever recovers
  | 'state'
  | 'two-schemes'; // what both halves of a signature of scheme 2 sign

const prefixes = new Map<Domain, Uint8Array>();

/** `length(domain) ‖ domain`. */
function prefixOf(domain: Domain): Uint8Array {
  let prefix = prefixes.get(domain);
  if (prefix === undefined) {
    const name = `coppice/${domain}`;
    // ASCII: one unit a byte.
    prefix = Uint8Array.of(name.length, ...Array.from(name, (letter) => letter.charCodeAt(0)));
    prefixes.set(domain, prefix);
  }
  return prefix;
}

/** The bytes to hash or sign for `domain`: its prefix, then the parts, one after the other. */
export function statement(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(prefixOf(domain), ...parts);
}

/** The hash of the parts, one after the other, for `domain`. */
export function digestOf(cryptography: Cryptography, domain: Domain, ...parts: readonly Uint8Array[]): Digest {
  return cryptography.hash(statement(domain, ...parts));
}

/** The hash of a value's encoding, for `domain`. */
export function digestOfValue<T>(cryptography: Cryptography, domain: Domain, codec: Codec<T>, value: T): Digest {
  const writer = new Writer();
  writer.raw(prefixOf(domain));
  codec.write(writer, value);
  return cryptography.hash(writer.finish());
}
