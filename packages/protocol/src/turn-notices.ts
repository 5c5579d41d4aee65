/**
 * What instances say about themselves and each other: erased keys, suspicions, proofs of fault. spec/turns.md, lines 60-90.
 *
 * Each counts once, and only for the instance that is meant: a statement about a predecessor says nothing about the
 * instance that replaced it.
 */
import { contradictionReason } from '@coppice/ledger';
import {
  type Erasure,
  erasureStatement,
  type FaultProof,
  sameBytes,
  type Suspicion,
  suspicionStatement,
} from '@coppice/wire';
import { faultsOf, keysIn, type Membership, sealed, withSlot } from './membership.ts';
import type { TurnContext } from './turn-admission.ts';
import { done, invalid, refused, type SystemVerdict } from './turn-verdict.ts';

/** Lines 60-62. */
export function countErasure(m: Membership, context: TurnContext, erasure: Erasure): SystemVerdict {
  const { epoch, slot, instance } = erasure;
  if (!sameBytes(erasure.service, context.service))
    return refused('wrong-service', 'the notice is for another service');
  if (epoch !== m.epoch - 1) return refused('stale', `epoch ${m.epoch - 1} is the one that is being sealed`);
  const entry = m.previous.find((incumbent) => incumbent.slot === slot);
  if (entry === undefined || !sameBytes(entry.instance, instance)) {
    return refused('not-seated', `the instance did not sit in slot ${slot} in epoch ${epoch}`);
  }
  if (entry.erased) return refused('already-done', 'the notice has been given');
  // A retired instance has no key of this epoch: it signs with its identity key.
  const seat = m.occupants[slot];
  const key = seat !== undefined && sameBytes(seat.instance, instance) ? keysIn(seat, m.epoch)?.signingKey : instance;
  if (key === undefined || !context.cryptography.verify(key, erasureStatement(erasure), erasure.signature)) {
    return invalid('notice of erasure with a bad signature');
  }
  const previous = m.previous.map((incumbent) => (incumbent === entry ? { ...incumbent, erased: true } : incumbent));
  const after = { ...m, previous };
  return done(after, { epoch, slot, sealed: sealed(after) });
}

/** Lines 70-72. */
export function countSuspicion(m: Membership, context: TurnContext, suspicion: Suspicion): SystemVerdict {
  const { epoch, slot, suspect, reason } = suspicion;
  if (!sameBytes(suspicion.service, context.service))
    return refused('wrong-service', 'the suspicion is for another service');
  if (epoch !== m.epoch) return refused('stale', `the epoch is ${m.epoch}`);
  const by = m.occupants[slot];
  const of = m.occupants[suspect];
  if (by === undefined) return refused('not-seated', `slot ${slot} is vacant`);
  if (of === undefined || !sameBytes(of.instance, suspicion.instance)) {
    return refused('not-seated', `the suspect does not sit in slot ${suspect}`);
  }
  const record = m.slots[suspect]!;
  if (record.accused !== 'no' || record.suspectedBy.includes(slot)) return refused('already-done', 'counted already');
  const key = keysIn(by, epoch)?.signingKey;
  if (key === undefined || !context.cryptography.verify(key, suspicionStatement(suspicion), suspicion.signature)) {
    return invalid('suspicion with a bad signature');
  }
  const suspectedBy = [...record.suspectedBy, slot].sort((a, b) => a - b);
  // An instance that says of itself that it is wrong is believed: all that it can achieve is its own replacement.
  const accused = slot === suspect || suspectedBy.length > faultsOf(m) ? 'suspected' : 'no';
  return done(withSlot(m, suspect, { suspectedBy, accused }), { slot, suspect, reason, accused: accused !== 'no' });
}

/** Lines 80-83. */
export function countFault(m: Membership, context: TurnContext, proof: FaultProof): SystemVerdict {
  const { slot, instance, first, second } = proof;
  const seat = m.occupants[slot];
  if (seat === undefined || !sameBytes(seat.instance, instance)) {
    return refused('not-seated', `the instance does not sit in slot ${slot}`);
  }
  if (m.slots[slot]!.accused === 'proven') return refused('already-done', 'a fault of this instance is proven');
  const { epoch } = first.subject;
  const key = epoch > m.epoch ? undefined : keysIn(seat, epoch)?.signingKey;
  if (key === undefined) return refused('stale', `the instance did not sit there in epoch ${epoch}`);
  const reason = contradictionReason(context.cryptography, context.service, key, proof);
  if (reason !== undefined) return invalid(reason);
  const { view } = first.subject;
  const sequences = [first.subject.sequence, second.subject.sequence];
  return done(withSlot(m, slot, { accused: 'proven' }), { slot, instance, epoch, view, sequences });
}

/** Line 90. The members want the instance in this slot replaced; the same value where there is none. */
export function requestTurn(m: Membership, slot: number): Membership {
  const record = m.slots[slot];
  return record === undefined || !record.occupied || record.early ? m : withSlot(m, slot, { early: true });
}
