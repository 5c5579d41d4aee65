/** Keys that are kept, and sealed to nobody: the slots of a key file are somebody else's matter. */
import { randomBytes } from 'node:crypto';
import { fileKey, type FileKey, KnownKeys, type NewKey, type Vault } from '../src/index.ts';

export class TestVault implements Vault {
  readonly made: FileKey[] = [];
  readonly #known = new KnownKeys();

  keyOf(id: Uint8Array): Uint8Array | undefined {
    return this.#known.keyOf(id);
  }

  create(): Promise<NewKey> {
    const key = fileKey(new Uint8Array(randomBytes(32)));
    this.made.push(key);
    this.#known.add(key);
    return Promise.resolve({ key, slots: [{ to: new Uint8Array(32).fill(1), sealed: key.id }] });
  }
}
