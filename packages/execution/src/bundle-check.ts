/**
 * Whether a bundle is its client's: size, numbers, signature. spec/requests.md, lines 1-2.
 *
 * A replica meets a bundle several times: from the client, in a pre-prepare, and again after every rollback. The
 * signature is verified once, and remembered with what it covers; so a batch of bundles that were pooled before costs a
 * hash for each request and one for each bundle.
 */
import {
  type Bundle,
  bundleStatement,
  type Cryptography,
  type Digest,
  limits,
  requestDigests,
  toLatin1,
} from '@coppice/wire';

/** A bundle whose signature is valid. */
export interface CheckedBundle {
  readonly digests: readonly Digest[];
}

export class BundleChecker {
  readonly #cryptography: Cryptography;
  readonly #service: Digest;
  readonly #remembered: number;
  /** What was signed and the signature, of valid bundles, the least recently met first. */
  readonly #valid = new Set<string>();
  /** The same by object, for the replica that pooled it. */
  readonly #checked = new WeakMap<Bundle, CheckedBundle>();

  /** @param remembered how many valid bundles are remembered */
  constructor(cryptography: Cryptography, service: Digest, remembered: number) {
    this.#cryptography = cryptography;
    this.#service = service;
    this.#remembered = remembered;
  }

  /** The digests of its requests, or why no batch may hold it. */
  check(bundle: Bundle): CheckedBundle | { readonly reason: string } {
    const known = this.#checked.get(bundle);
    if (known !== undefined) return known;
    const reason = malformation(bundle);
    if (reason !== undefined) return { reason };
    const digests = requestDigests(this.#cryptography, bundle);
    const signed = bundleStatement(this.#cryptography, this.#service, bundle, digests);
    const key = toLatin1(signed) + toLatin1(bundle.signature);
    if (!this.#valid.delete(key) && !this.#cryptography.verify(bundle.client, signed, bundle.signature))
      return { reason: 'bad-signature' };
    this.#valid.add(key);
    if (this.#valid.size > this.#remembered) this.#valid.delete(this.#valid.values().next().value!);
    const checked = { digests };
    this.#checked.set(bundle, checked);
    return checked;
  }
}

function malformation({ first, operations }: Bundle): string | undefined {
  if (operations.length === 0) return 'empty-bundle';
  if (first === 0 || first + operations.length > Number.MAX_SAFE_INTEGER) return 'bad-number';
  let bytes = 0;
  for (const { payload } of operations) bytes += payload.length;
  return bytes > limits.bundleBytes ? 'bundle-too-large' : undefined;
}
