/**
 * State transfer, as the protocol sees it: `state` names parts by hexadecimal text, messages carry its bytes.
 */
import type { StatePart as WirePart, StateTransfer as ProtocolTransfer } from '@coppice/protocol';
import { type Path, type Snapshot, StateTransfer } from '@coppice/state';
import { type Cryptography, type Digest, fromLatin1, toLatin1 } from '@coppice/wire';

export class ReceivedState implements ProtocolTransfer {
  readonly #transfer: StateTransfer;
  /** Whose hash its digests are of. */
  readonly cryptography: Cryptography;

  private constructor(transfer: StateTransfer, cryptography: Cryptography) {
    this.#transfer = transfer;
    this.cryptography = cryptography;
  }

  static begin(...of: Parameters<typeof StateTransfer.begin>): ReceivedState {
    return new ReceivedState(StateTransfer.begin(...of), of[0]);
  }

  /** One of another state that begins with what this one has, in its place. */
  instead(digest: Digest): ReceivedState {
    return new ReceivedState(this.#transfer.instead(digest), this.cryptography);
  }

  wanted(limit: number): readonly Uint8Array[] {
    return this.#transfer.wanted(limit).map(fromLatin1);
  }

  accept({ path, bytes }: WirePart): string | undefined {
    const accepted = this.#transfer.accept(toLatin1(path), bytes);
    return accepted.ok ? undefined : accepted.reason;
  }

  forget(paths: readonly Uint8Array[]): void {
    for (const path of paths) this.#transfer.lost(toLatin1(path));
  }

  get complete(): boolean {
    return this.#transfer.complete;
  }

  get progress(): ProtocolTransfer['progress'] {
    const { bytes, done, known, share } = this.#transfer.progress;
    return { partsDone: done, bytes, partsKnown: known, share };
  }

  finish(): Snapshot {
    return this.#transfer.finish();
  }
}

/** Parts of a snapshot, by paths from a message: those that it does not have are left out. */
export function partsOf(snapshot: Snapshot, paths: readonly Uint8Array[], bytesMax: number): readonly WirePart[] {
  const known: Path[] = paths.map(toLatin1);
  return snapshot.answer(known, bytesMax).map(({ path, bytes }) => ({ path: fromLatin1(path), bytes }));
}
