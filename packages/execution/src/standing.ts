/**
 * Whether those who were admitted would be admitted now: asked again whenever the ledger knows other endorsements or has
 * another constitution. spec/attestation.md, lines 40-43.
 *
 * For that, their evidence lies in the state, in `$evidence`, by instance: of occupants and of the candidate, of nobody else.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import { type Constitution, newestEndorsementIn, standingObjection } from '@coppice/governance';
import type { AdmittedInstance, Membership } from '@coppice/protocol';
import type { Transaction, View } from '@coppice/state';
import { assert, bytes, decode, encode, limits, struct, toLatin1, u64 } from '@coppice/wire';

const evidenceMap = '$evidence';

const evidenceCodec = struct({ admittedTime: u64, evidence: bytes(limits.evidenceBytes) });

export function keepEvidence(
  tx: Pick<Transaction, 'set'>,
  { evidence, instance }: { readonly evidence: Uint8Array; readonly instance: Uint8Array },
  admittedTime: number,
): void {
  tx.set(evidenceMap, toLatin1(instance), encode(evidenceCodec, { admittedTime, evidence }));
}

/** Forgets the evidence of whoever was there before and is not any more. */
export function forgetEvidence(tx: Pick<Transaction, 'delete'>, before: Membership, after: Membership): void {
  // Nearly always.
  if (before.occupants === after.occupants && before.candidate === after.candidate) return;
  const present = new Set(instancesOf(after));
  for (const instance of instancesOf(before)) if (!present.has(instance)) tx.delete(evidenceMap, instance);
}

function instancesOf({ candidate, occupants }: Membership): string[] {
  return [candidate, ...occupants].flatMap((one) => (one === undefined ? [] : [toLatin1(one.instance)]));
}

/** Why this instance would not be admitted at `time`, if so. */
export function standing(
  cryptography: EvidenceCryptography,
  constitution: Constitution,
  view: Pick<View, 'get'>,
  { instance, release, variant }: Pick<AdmittedInstance, 'instance' | 'release' | 'variant'>,
  time: number,
): string | undefined {
  const value = view.get(evidenceMap, toLatin1(instance));
  if (value === undefined) return 'its evidence is not there';
  const decoded = decode(evidenceCodec, value);
  assert(decoded.ok, 'what execution wrote can be read');
  const admitted = { ...decoded.value, release, variant };
  return standingObjection(cryptography, constitution, admitted, time, newestEndorsementIn(view));
}
