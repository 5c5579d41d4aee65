/**
 * Whether refusals show that replicas cannot agree on a request. spec/divergence.md, lines 4-6.
 *
 * f + 1 refusers of one primary include a correct one, and one of f + 1 primaries was correct: what that one proposed, a
 * correct replica could not reproduce. Fewer would let f faulty replicas have any request skipped.
 */
import {
  type Configuration,
  type Cryptography,
  type Digest,
  faultsTolerated,
  type Refusal,
  refusalStatement,
  sameBytes,
  seatOf,
} from '@coppice/wire';

/** Whether each is its slot's in this configuration, names the request, and they are enough. */
export function showsDivergence(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  request: Digest,
  refusals: readonly Refusal[],
): boolean {
  const { epoch, slots } = configuration;
  const faults = faultsTolerated(slots);
  /** Slots that refused, by the primary that they refused. */
  const refusers = new Map<number, Set<number>>();
  for (const refusal of refusals) {
    const seat = seatOf(configuration, refusal.slot);
    const named = refusal.epoch === epoch && sameBytes(refusal.service, service) && sameBytes(refusal.request, request);
    if (!named || seat === undefined) return false;
    const primary = refusal.view % slots;
    const slotsOfPrimary = refusers.get(primary) ?? new Set();
    // More than enough is not needed, and not verified.
    if (slotsOfPrimary.size > faults) continue;
    if (!cryptography.verify(seat.signingKey, refusalStatement(refusal), refusal.signature)) return false;
    refusers.set(primary, slotsOfPrimary.add(refusal.slot));
  }
  return [...refusers.values()].filter((of) => of.size > faults).length > faults;
}
