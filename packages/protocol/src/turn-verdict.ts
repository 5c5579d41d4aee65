/**
 * What comes of a system request. spec/turns.md, "System requests".
 *
 * Two kinds of no, because requests are pooled in one state and executed in another: *refused* is what a correct
 * primary can run into, and is an outcome like any other; *invalid* is what no state makes right, so that a batch which
 * holds it convicts its proposer.
 */
import type { PlainValue } from '@coppice/wire';
import type { Membership } from './membership.ts';

export type SystemVerdict =
  | { readonly kind: 'done'; readonly membership: Membership; readonly value: PlainValue }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string; readonly data?: PlainValue }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Why a system request had no effect. docs/reference/errors.md. */
export type RefusalCode =
  | 'stale'
  | 'wrong-service'
  | 'no-such-turn'
  | 'too-early'
  | 'already-done'
  | 'wrong-release'
  | 'wrong-keys'
  | 'not-admitted'
  | 'unknown-header'
  | 'not-seated';

export function done(membership: Membership, value: PlainValue): SystemVerdict {
  return { kind: 'done', membership, value };
}

export function refused(code: RefusalCode, message: string, data?: PlainValue): SystemVerdict {
  return data === undefined ? { kind: 'refused', code, message } : { kind: 'refused', code, message, data };
}

export function invalid(reason: string): SystemVerdict {
  return { kind: 'invalid', reason };
}
