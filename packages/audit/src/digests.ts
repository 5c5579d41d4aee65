/**
 * The digests of which a batch has thousands: of requests, results, write sets, and the tree over them.
 *
 * The formats of spec/requests.md and spec/ledger.md once more, written into buffers that are used again: an audit does
 * little else than hash small things, and allocating for each takes as long as hashing it.
 */
import {
  type Bundle,
  bytes,
  type Cryptography,
  decode,
  type Digest,
  digest,
  digestBytes,
  type Domain,
  encode,
  limits,
  list,
  type Operation,
  optional,
  type Outcome,
  publicKey,
  publicMapPrefix,
  statement,
  struct,
  toLatin1,
  u64,
} from '@coppice/wire';

const prefixOf = (domain: Domain): Uint8Array => statement(domain, new Uint8Array(0));
const [requestPrefix, resultPrefix, writeSetPrefix] = [prefixOf('request'), prefixOf('result'), prefixOf('write-set')];

const signedBundleCodec = struct({
  service: digest,
  client: publicKey,
  acknowledged: u64,
  time: u64,
  first: u64,
  requests: digest,
});

const changeCodec = struct({ address: bytes(1089), value: optional(bytes(1 << 20)) });
const changesCodec = list(changeCodec, limits.writeSetBytes);

/** The changes of public maps, and all others; `undefined` where none is of a public map, or it is no write set. */
function partsOf(writeSet: Uint8Array): { readonly shown: Uint8Array; readonly rest: Uint8Array } | undefined {
  // Nearly all begin with an address beyond those of public maps: told without decoding.
  if (writeSet.length < 9 || writeSet[8]! > publicMapPrefix.charCodeAt(0)) return undefined;
  const decoded = decode(changesCodec, writeSet);
  if (!decoded.ok) return undefined;
  const isPublic = ({ address }: { readonly address: Uint8Array }): boolean =>
    toLatin1(address).startsWith(publicMapPrefix);
  const shown = decoded.value.filter(isPublic);
  if (shown.length === 0) return undefined;
  const rest = decoded.value.filter((change) => !isPublic(change));
  return { shown: encode(changesCodec, shown), rest: encode(changesCodec, rest) };
}

export class BatchDigests {
  readonly #cryptography: Cryptography;
  /** By which the batch at hand names what is in it. */
  #hash: Cryptography['hash'];
  #buffer = new Uint8Array(4096);
  #view = new DataView(this.#buffer.buffer);
  /** RFC 9162: prefix 0 and a transaction's three digests; 1 and two nodes. */
  readonly #transactionLeaf = new Uint8Array(97);
  readonly #node = new Uint8Array(65);

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
    this.#hash = cryptography.of(1).hash;
    this.#node[0] = 1;
  }

  /** From now on, digests are those of a batch of this version of the protocol. spec/algorithms.md, 20. */
  begin(protocol: number): void {
    this.#hash = this.#cryptography.of(protocol).hash;
  }

  /** As clients sign it, in every version: by SHA-256. */
  name(client: Uint8Array, number: number, operation: Operation): Digest {
    const hash = this.#hash;
    this.#hash = this.#cryptography.of(1).hash;
    const digest = this.request(client, number, operation);
    this.#hash = hash;
    return digest;
  }

  /** Of statement ‖ client ‖ u64 number ‖ u8 target ‖ u32 length ‖ payload. */
  request(client: Uint8Array, number: number, { target, payload }: Operation): Digest {
    const start = requestPrefix.length;
    const length = start + 45 + payload.length;
    const buffer = this.#room(length);
    buffer.set(requestPrefix);
    buffer.set(client, start);
    this.#view.setUint32(start + 32, Math.floor(number / 2 ** 32));
    this.#view.setUint32(start + 36, number >>> 0);
    buffer[start + 40] = target === 'service' ? 0 : 1;
    this.#view.setUint32(start + 41, payload.length);
    buffer.set(payload, start + 45);
    return this.#hash(buffer.subarray(0, length));
  }

  /** The bytes that a client signs for a bundle whose requests have these digests. */
  signedBundle(service: Digest, { client, acknowledged, time, first }: Bundle, digests: readonly Digest[]): Uint8Array {
    const length = digestBytes * digests.length;
    const buffer = this.#room(length);
    for (const [i, request] of digests.entries()) buffer.set(request, digestBytes * i);
    const requests = this.#cryptography.of(1).hash(buffer.subarray(0, length));
    return statement('requests', encode(signedBundleCodec, { service, client, acknowledged, time, first, requests }));
  }

  /** The root over a batch's transactions. */
  rootOfTransactions(outcomes: readonly Outcome[]): Digest {
    return this.#root(
      outcomes.map((outcome) => {
        const writeSet = this.#writeSet(outcome);
        const result = this.#result(outcome.result);
        const leaf = this.#transactionLeaf;
        leaf.set(outcome.request, 1);
        leaf.set(result, 33);
        leaf.set(writeSet, 65);
        return this.#hash(leaf);
      }),
    );
  }

  #result(result: Uint8Array): Digest {
    const start = resultPrefix.length;
    const buffer = this.#room(start + result.length);
    buffer.set(resultPrefix);
    buffer.set(result, start);
    return this.#hash(buffer.subarray(0, start + result.length));
  }

  #writeSet({ salt, writeSet }: Outcome): Digest {
    const parts = partsOf(writeSet);
    if (parts === undefined) return this.#saltedWriteSet(salt, writeSet);
    const rest = this.#saltedWriteSet(salt, parts.rest);
    return this.#hash(statement('public-write-set', parts.shown, rest));
  }

  /** Of statement ‖ u8 length of the salt ‖ salt ‖ write set. */
  #saltedWriteSet(salt: Uint8Array, writeSet: Uint8Array): Digest {
    const start = writeSetPrefix.length + 1;
    const length = start + salt.length + writeSet.length;
    const buffer = this.#room(length);
    buffer.set(writeSetPrefix);
    buffer[start - 1] = salt.length;
    buffer.set(salt, start);
    buffer.set(writeSet, start + salt.length);
    return this.#hash(buffer.subarray(0, length));
  }

  /** Level by level; an odd node moves up as it is. Of no leaves, the hash of nothing. Overwrites `level`. */
  #root(level: Digest[]): Digest {
    if (level.length === 0) return this.#hash(new Uint8Array(0));
    const node = this.#node;
    for (let length = level.length; length > 1; length = (length + 1) >> 1) {
      for (let i = 0; i < length; i += 2) {
        if (i + 1 === length) {
          level[i >> 1] = level[i]!;
          continue;
        }
        node.set(level[i]!, 1);
        node.set(level[i + 1]!, 33);
        level[i >> 1] = this.#hash(node);
      }
    }
    return level[0]!;
  }

  #room(length: number): Uint8Array {
    if (length > this.#buffer.length) {
      this.#buffer = new Uint8Array(2 * length);
      this.#view = new DataView(this.#buffer.buffer);
    }
    return this.#buffer;
  }
}
