/**
 * A file that gets its name when it is whole: what fails leaves nothing that somebody could take for an answer.
 */
import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { UserError } from './service-folder.ts';

export class PendingFile {
  readonly #path: string;
  /** `undefined`: what is not a file, such as a pipe, is written to as it is. */
  readonly #partial: string | undefined;

  /** Where it is to be written, tried before anything is done that cannot be undone. Throws UserError. */
  constructor(path: string) {
    try {
      const there = statSync(path, { throwIfNoEntry: false });
      this.#path = there === undefined ? path : realpathSync(path);
      this.#partial = there === undefined || there.isFile() ? `${this.#path}.partial` : undefined;
      closeSync(openSync(this.#partial ?? path, 'w'));
    } catch {
      throw new UserError(`cannot write ${path}: nothing was sent`);
    }
  }

  write(content: string | Uint8Array): void {
    writeFileSync(this.#partial ?? this.#path, content);
    if (this.#partial !== undefined) renameSync(this.#partial, this.#path);
  }

  /** Whatever was not written leaves nothing behind. */
  discard(): void {
    if (this.#partial !== undefined) rmSync(this.#partial, { force: true });
  }
}
