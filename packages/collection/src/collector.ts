/**
 * Collectors: how an instance has its platform attest it, through plain files and HTTP, as platforms offer them.
 *
 * A collector is given what the launch was bound to and what the instance wants reported, and gives an encoded bundle.
 * Nothing it gives is believed: replicas verify it. Errors are {@link CollectionError}s.
 */
import type { Digest } from '@coppice/wire';

export interface CollectionRequest {
  /** What the platform bound at launch. */
  readonly launch: Digest;
  /** The release that was launched. */
  readonly release: Digest;
  readonly reportData: Digest;
  /** Milliseconds since 1970, by the machine's clock. */
  readonly now: number;
}

/** Gives an encoded evidence bundle. */
export type Collector = (request: CollectionRequest) => Promise<Uint8Array>;
