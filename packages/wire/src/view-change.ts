/**
 * View changes and new views. spec/view-change.md.
 */
import { digest, encode, list, optional, struct, type TypeOf, u16, u64 } from './codec.ts';
import { preparedCertificateCodec } from './certificate.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOf, statement } from './domain.ts';
import { headerCodec } from './header.ts';
import { limits } from './limits.ts';
import { seatSignature } from './scheme.ts';

const viewChangeFields = {
  service: digest,
  epoch: u64,
  /** The view that the sender asks for. */
  view: u64,
  slot: u16,
  /** The highest header that the sender prepared in this epoch, by (view, sequence); absent at the epoch's start. */
  prepared: optional(struct({ header: headerCodec, certificate: preparedCertificateCodec })),
};

export const viewChangeCodec = struct({ ...viewChangeFields, signature: seatSignature });
export type ViewChange = TypeOf<typeof viewChangeCodec>;
const unsignedViewChangeCodec = struct(viewChangeFields);

export function viewChangeStatement(viewChange: Omit<ViewChange, 'signature'>): Uint8Array {
  return statement('view-change', encode(unsignedViewChangeCodec, viewChange));
}

const newViewFields = {
  service: digest,
  epoch: u64,
  view: u64,
  slot: u16,
  /** A quorum of view changes: they determine what is adopted. */
  viewChanges: list(viewChangeCodec, limits.slots),
};

export const newViewCodec = struct({ ...newViewFields, signature: seatSignature });
export type NewView = TypeOf<typeof newViewCodec>;
const unsignedNewViewCodec = struct(newViewFields);

export function newViewStatement(newView: Omit<NewView, 'signature'>): Uint8Array {
  return statement('new-view', encode(unsignedNewViewCodec, newView));
}

/** What votes of the view carry, so that votes under two new-views of one view never add up. By the hash of the latest version in it. */
export function newViewDigest(cryptography: Cryptography, newView: Omit<NewView, 'signature'>): Digest {
  const versions = newView.viewChanges.map(({ prepared }) => prepared?.header.protocolVersion ?? 1);
  return digestOf(cryptography.of(Math.max(1, ...versions)), 'new-view', encode(unsignedNewViewCodec, newView));
}
