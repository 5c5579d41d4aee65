/**
 * Receipts: what a correct instance answers proves itself from the service digest alone, no two receipts contradict
 * each other, and when everything is over, they still prove what they proved. spec/invariants.md, 7.
 */
import { type Receipt, receiptCodec, verifyReceipt } from '@coppice/ledger';
import { type Cryptography, type Digest, encode, headerCodec, toHex } from '@coppice/wire';
import type { ClientOperation } from '../client.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** How many whole receipts are verified in the end. */
const verifiedMax = 24;

export class Receipts implements Observer {
  readonly name = 'receipts';
  readonly #violate: (message: string) => void;
  /** Headers that receipts proved, by sequence number. */
  readonly #proven = new Map<number, string>();
  /** One of each batch. */
  readonly #kept = new Map<number, Receipt>();
  readonly #cryptography: Cryptography;
  readonly #service: Digest;

  constructor(violate: (message: string) => void, cryptography: Cryptography, service: Digest) {
    this.#violate = violate;
    this.#cryptography = cryptography;
    this.#service = service;
  }

  unproven(by: Instance, reason: string): void {
    if (!by.corrupt) this.#violate(`the receipt of ${by.name} does not verify: ${reason}`);
  }

  answered({ answer }: ClientOperation): void {
    const { header, via } = answer!.receipt;
    this.#kept.set(header.sequence, answer!.receipt);
    for (const one of via === undefined ? [header] : [header, via.header]) {
      const encoded = toHex(encode(headerCodec, one));
      const known = this.#proven.get(one.sequence) ?? encoded;
      if (known !== encoded) this.#violate(`two receipts prove two headers at ${one.sequence}`);
      this.#proven.set(one.sequence, known);
    }
  }

  /** Offline, from their bytes; each has the whole chain, so some of them, evenly, are enough. */
  ended(): void {
    const kept = [...this.#kept.values()];
    const apart = Math.max(1, Math.ceil(kept.length / verifiedMax));
    for (let i = kept.length - 1; i >= 0; i -= apart) {
      const receipt = encode(receiptCodec, kept[i]!);
      const verdict = verifyReceipt(this.#cryptography, receipt, { service: this.#service });
      if (!verdict.ok)
        this.#violate(
          `the receipt of ${kept[i]!.header.sequence} does not verify: ${verdict.check}: ${verdict.reason}`,
        );
    }
  }
}
