/**
 * Activations: when one is due, and what it makes of the state. spec/upgrades.md; line numbers in brackets.
 *
 * The condition is a function of the state, and the primary orders the activation in the very batch before which it holds.
 */
import { type Activation, type Constitution, targetOf, writeActivation } from '@coppice/governance';
import type { Membership } from '@coppice/protocol';
import { type Overlay, StateLimitError, type Transaction } from '@coppice/state';
import {
  type Cryptography,
  decodeResult,
  type Digest,
  encodeResult,
  type Item,
  sameBytes,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import type { ServiceCall, Services } from './service.ts';

export type Activate = Extract<SystemRequest, { kind: 'activate' }>;

/** What an activation is due by. */
export interface Standing {
  readonly membership: Membership;
  readonly constitution: Constitution;
  readonly activation: Activation;
}

/** The activation that the next batch has to be, if one is due. */
export function dueActivation({ membership, constitution, activation }: Standing): Activate | undefined {
  const release = constitution.releases.at(-1)!;
  const { protocol, code } = targetOf(release);
  const above = protocol > activation.protocol || code.version > activation.code.version;
  if (!above || activation.failed !== undefined) return undefined;
  const moved = membership.occupants.every((seat) => seat !== undefined && sameBytes(seat.release, release.digest));
  if (!moved) return undefined;
  return {
    kind: 'activate',
    release: release.digest,
    protocol,
    service: code.version,
    attempt: activation.attempts + 1,
  };
}

/** Why no correct primary orders these items where `due` is due, if so. [10, 11] */
export function misordered(
  cryptography: Cryptography,
  due: Activate | undefined,
  items: readonly Item[],
): string | undefined {
  if (due === undefined) return items.some(isActivate) ? 'activation-not-due' : undefined;
  const digest = systemRequestDigest(cryptography, due);
  const last = items.at(-1);
  if (last === undefined || !isActivate(last) || !sameBytes(systemRequestDigest(cryptography, last.request), digest))
    return 'activation-missing';
  return items.length === 1 || (items.length === 2 && isDivergent(items[0]!, digest))
    ? undefined
    : 'activation-not-alone';
}

function isDivergent(item: Item, about: Digest): boolean {
  return item.kind === 'system' && item.request.kind === 'divergent' && sameBytes(item.request.request, about);
}

function isActivate(item: Item): item is { kind: 'system'; request: Activate } {
  return item.kind === 'system' && item.request.kind === 'activate';
}

/** What an activation gave: what is active now, and its transaction. */
export interface Activated {
  readonly activation: Activation;
  readonly result: Uint8Array;
  /** Open, with everything that it writes. */
  readonly tx: Transaction;
}

/** Executes an activation that is due: `digest` is its request's. [12-17] */
export function activate(
  services: Services,
  overlay: Overlay,
  { activation, constitution }: Pick<Standing, 'activation' | 'constitution'>,
  request: Activate,
  digest: Digest,
  { sequence, time }: Pick<ServiceCall, 'sequence' | 'time'>,
  divergent: boolean,
): Activated {
  const { release, protocol, service, attempt } = request;
  const attempted = { ...activation, attempts: attempt };
  const fail = (code: string, message: string): Activated => {
    const failed = { release, protocol, service, code, message };
    const after = { ...attempted, failed };
    const tx = overlay.transaction();
    writeActivation(tx, after);
    const error = { code: 'activation-failed', message, data: { code, attempt } };
    return { activation: after, result: encodeResult({ ok: false, error }), tx };
  };
  if (divergent) return fail('divergent', 'replicas do not agree on what the migration gives');

  const tx = overlay.transaction();
  try {
    const { code } = targetOf(constitution.releases.at(-1)!);
    if (code.version > activation.code.version) {
      const successor = services.get(code.version);
      const outcome = successor?.migrate?.(tx, activation.code.version, { time, sequence, seed: digest });
      const decoded = outcome && decodeResult(outcome.result);
      if (successor === undefined || outcome?.ok === false) {
        tx.abort();
        if (successor === undefined) return fail('unspoken', 'this replica does not have the version');
        const error = decoded?.ok === true && !decoded.value.ok ? decoded.value.error : undefined;
        return fail(error?.code ?? 'failed', error?.message ?? 'the migration failed');
      }
    }
    const after: Activation = { ...attempted, protocol, code, release, failed: undefined };
    writeActivation(tx, after);
    const from = { protocol: activation.protocol, service: activation.code.version };
    const result = encodeResult({ ok: true, value: { release, protocol, service, attempt, from } });
    return { activation: after, result, tx };
  } catch (error) {
    if (!(error instanceof StateLimitError)) throw error;
    tx.abort();
    return fail('too-large', error.message);
  }
}
