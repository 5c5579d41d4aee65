/**
 * Activations: when one is due, and what it makes of the state. spec/upgrades.md; line numbers in brackets.
 *
 * The condition is a function of the state, and the primary orders the activation in the very batch before which it holds.
 */
import {
  type Activation,
  type Constitution,
  cursorBytesMax,
  forgetReplaced,
  keepReplaced,
  type Migration,
  migrationStepCountMax,
  replacedIn,
  targetOf,
  writeActivation,
} from '@coppice/governance';
import type { Membership } from '@coppice/protocol';
import {
  decodeWriteSet,
  encodeWriteSet,
  type Overlay,
  StateLimitError,
  type Transaction,
  writeSetBytesMax,
} from '@coppice/state';
import {
  assert,
  type Cryptography,
  decodeResult,
  type Digest,
  encodeResult,
  type Item,
  type PlainValue,
  sameBytes,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import type { ServiceCall, Services } from './service.ts';

export type Activate = Extract<SystemRequest, { kind: 'activate' }>;

/** What an activation is due by. */
export interface Standing {
  readonly membership: Pick<Membership, 'occupants'>;
  readonly constitution: Constitution;
  readonly activation: Activation;
}

/** The activation that the next batch has to be, if one is due. */
export function dueActivation({ membership, constitution, activation }: Standing): Activate | undefined {
  const attempt = activation.attempts + 1;
  // Once begun it goes on, until it is done or taken back. [23]
  if (activation.migration !== undefined) {
    const { protocol, release, service } = activation.migration;
    return { kind: 'activate', release, protocol, service, attempt };
  }
  const release = constitution.releases.at(-1)!;
  const { protocol, code } = targetOf(release);
  const above = protocol > activation.protocol || code.version > activation.code.version;
  if (!above || activation.failed !== undefined) return undefined;
  const moved = membership.occupants.every((seat) => seat !== undefined && sameBytes(seat.release, release.digest));
  return moved ? { kind: 'activate', release: release.digest, protocol, service: code.version, attempt } : undefined;
}

/** A checkpoint is taken every so many steps of a migration: each has more in it than batches do. [27] */
const stepsBetweenCheckpoints = 16;

/** Whether the batch between these makes a checkpoint due. [18, 27] */
export function checkpointDue(before: Activation, after: Standing): boolean {
  const { attempts, migration } = after.activation;
  if (migration !== undefined) return migration.steps % stepsBetweenCheckpoints === 0;
  return attempts > before.attempts || dueActivation(after) !== undefined;
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

/** Executes an activation that is due: `digest` is its request's. [12-17, 23-29] */
export function activate(
  services: Services,
  overlay: Overlay,
  { activation, constitution, membership }: Standing,
  request: Activate,
  digest: Digest,
  { sequence, time }: Pick<ServiceCall, 'sequence' | 'time'>,
  divergent: boolean,
): Activated {
  const { release, protocol, service, attempt } = request;
  const { migration } = activation;
  const attempted = { ...activation, attempts: attempt };
  if (migration?.failed !== undefined) return takeBack(overlay, attempted, migration);
  const fail = (code: string, message: string): Activated => {
    const failed = { release, protocol, service, code, message };
    const after =
      migration === undefined ? { ...attempted, failed } : { ...attempted, migration: { ...migration, failed } };
    const tx = overlay.transaction();
    writeActivation(tx, after);
    const error = { code: 'activation-failed', message, data: { code, attempt } };
    return { activation: after, result: encodeResult({ ok: false, error }), tx };
  };
  if (divergent) return fail('divergent', 'replicas do not agree on what the migration gives');
  const last = constitution.releases.at(-1)!;
  const present = membership.occupants.every((seat) => seat === undefined || sameBytes(seat.release, release));
  if (!present || !sameBytes(last.digest, release))
    return fail('superseded', 'not all slots have its release any more');

  const tx = overlay.transaction();
  try {
    const { code } = targetOf(last);
    let next: Uint8Array | undefined;
    if (code.version > activation.code.version) {
      const successor = services.get(code.version);
      const cursor = migration && valueOf(migration.cursor);
      const outcome = successor?.migrate?.(tx, activation.code.version, { time, sequence, seed: digest }, cursor);
      const decoded = outcome && decodeResult(outcome.result);
      if (successor === undefined || outcome?.ok === false) {
        tx.abort();
        if (successor === undefined) return fail('unspoken', 'this replica does not have the version');
        const error = decoded?.ok === true && !decoded.value.ok ? decoded.value.error : undefined;
        return fail(error?.code ?? 'failed', error?.message ?? 'the migration failed');
      }
      if (outcome !== undefined && valueOf(outcome.result) !== null) next = outcome.result;
    }
    const from = { protocol: activation.protocol, service: activation.code.version };
    if (next !== undefined) {
      const after = { ...attempted, migration: stepOf(tx, request, migration?.steps ?? 0, next) };
      writeActivation(tx, after);
      const value = { release, protocol, service, attempt, step: after.migration.steps };
      return { activation: after, result: encodeResult({ ok: true, value }), tx };
    }
    forgetReplaced(tx);
    const after: Activation = { ...attempted, protocol, code, release, failed: undefined, migration: undefined };
    writeActivation(tx, after);
    const value = { release, protocol, service, attempt, from, ...(migration && { steps: migration.steps + 1 }) };
    return { activation: after, result: encodeResult({ ok: true, value }), tx };
  } catch (error) {
    if (!(error instanceof StateLimitError)) throw error;
    tx.abort();
    return fail('too-large', error.message);
  }
}

/** Keeps what a step replaced: from now on there is one more to be taken back. [24] */
function stepOf(
  tx: Transaction,
  { protocol, release, service }: Activate,
  steps: number,
  cursor: Uint8Array,
): Migration {
  if (cursor.length > cursorBytesMax)
    throw new StateLimitError('value', `where it goes on takes ${cursor.length} bytes`);
  if (steps === migrationStepCountMax) throw new StateLimitError('value', `more than ${steps} steps`);
  const replaced = encodeWriteSet(tx.replaced());
  // Taking it back is a transaction, too, which says besides why it is made.
  if (replaced.length > writeSetBytesMax - 65_536)
    throw new StateLimitError('write-set', `a step that replaces ${replaced.length} bytes`);
  keepReplaced(tx, steps, replaced);
  return { release, protocol, service, steps: steps + 1, cursor, failed: undefined };
}

/** Takes the last step back that was taken, from what it replaced: whoever has the state can, and nobody's code is executed. [25, 26] */
function takeBack(overlay: Overlay, attempted: Activation, migration: Migration): Activated {
  const { release, steps } = migration;
  const step = steps - 1;
  const tx = overlay.transaction();
  const replaced = decodeWriteSet(replacedIn(tx, step));
  assert(replaced.ok, 'the state says what a step replaced');
  tx.apply(replaced.value);
  forgetReplaced(tx, step === 0 ? undefined : step);
  const after: Activation =
    step === 0
      ? { ...attempted, failed: migration.failed, migration: undefined }
      : { ...attempted, migration: { ...migration, steps: step } };
  writeActivation(tx, after);
  const value = { release, attempt: attempted.attempts, left: step };
  return { activation: after, result: encodeResult({ ok: true, value }), tx };
}

/** The value in a result that is ok. */
function valueOf(result: Uint8Array): PlainValue {
  const decoded = decodeResult(result);
  return decoded.ok && decoded.value.ok ? decoded.value.value : null;
}
