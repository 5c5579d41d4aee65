/**
 * Whom instances encrypt to what they write: auditors, each alone, and members, so many of them together. spec/confidentiality.md, line 10.
 */
import type { Constitution } from '@coppice/governance';
import { toHex } from '@coppice/wire';
import type { Sharing } from './shares.ts';

type Listed = Pick<Constitution, 'auditors' | 'recovery'>;

export class Readers {
  #listed: Listed;

  constructor(constitution: Listed) {
    this.#listed = constitution;
  }

  /** X25519 keys of those who read alone. */
  get keys(): readonly Uint8Array[] {
    return (this.#listed.auditors ?? []).map(({ key }) => key);
  }

  get sharing(): Sharing | undefined {
    const { recovery } = this.#listed;
    return recovery && { threshold: recovery.threshold, keys: recovery.keys.map(({ key }) => key) };
  }

  /** Goes by this constitution from now on; whether it has files encrypted to others. */
  follow(constitution: Listed): boolean {
    if (constitution === this.#listed) return false;
    const before = this.#text();
    this.#listed = constitution;
    return this.#text() !== before;
  }

  #text(): string {
    const { keys, sharing } = this;
    return JSON.stringify([keys.map(toHex), sharing?.threshold, sharing?.keys.map(toHex)]);
  }
}
