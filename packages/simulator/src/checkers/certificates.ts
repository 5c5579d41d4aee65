/**
 * What a commit certificate has to be, read a second time: a quorum of all slots, each once, whose seats' keys of that epoch signed
 * votes for its subject, and whose nonces open them. spec/normal-case.md, line 27.
 */
import {
  commitmentOf,
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  voteStatement,
} from '@coppice/wire';

/** f of so many slots. */
export function faultsOf(slots: number): number {
  return Math.floor((slots - 1) / 3);
}

/** q of so many slots. */
export function quorumOf(slots: number): number {
  return Math.ceil((slots + faultsOf(slots) + 1) / 2);
}

/** Why it certifies nothing, if so. */
export function certificateFlaw(
  cryptography: Cryptography,
  service: Uint8Array,
  { epoch, slots, seats }: Configuration,
  { subject, reveals }: CommitCertificate,
): string | undefined {
  if (subject.epoch !== epoch) return `is of epoch ${subject.epoch}, not ${epoch}`;
  const voters = new Set(reveals.map(({ slot }) => slot));
  if (voters.size < quorumOf(slots)) return `has ${voters.size} voters of ${slots} slots`;
  for (const { slot, nonce, signature } of reveals) {
    const seat = seats.find((one) => one.slot === slot);
    if (seat === undefined) return `counts slot ${slot}, which is vacant`;
    const statement = voteStatement(service, subject, commitmentOf(cryptography, nonce));
    if (!cryptography.verify(seat.signingKey, statement, signature)) return `has no vote of slot ${slot}`;
  }
  return undefined;
}
