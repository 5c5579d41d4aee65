/**
 * What the service speaks, and what its releases can. spec/upgrades.md; line numbers in brackets.
 *
 * - `$active` has one entry, under the empty key. Genesis writes it, activations change it, and decisions to try again.
 * - The last release of a constitution in force always speaks what is active. [3]
 * - `$migration` has entries while a migration in steps is under way, and none otherwise: how far it has come under the empty key, and
 *   what each step replaced, in pieces.
 */
import { type Transaction, valueBytesMax, type View } from '@coppice/state';
import {
  type Active,
  assert,
  bytes,
  codeCodec,
  concatBytes,
  decode,
  digest,
  encode,
  limits,
  optional,
  sameBytes,
  struct,
  text,
  toLatin1,
  type TypeOf,
  u16,
  u32,
} from '@coppice/wire';
import type { Constitution, Release } from './constitution.ts';

const activeMap = '$active';
const migrationMap = '$migration';
/** Steps of one migration, at most. */
export const migrationStepCountMax = 65_536;
/** Bytes of what a step leaves for the next one to go on from. */
export const cursorBytesMax = 4096;

const failureCodec = struct({
  release: digest,
  protocol: u16,
  service: u32,
  code: text(limits.nameBytes),
  /** For people: at most as long as that of a service's error. */
  message: text(4096),
});

const activationCodec = struct({
  protocol: u16,
  code: codeCodec,
  /** The release that brought both. */
  release: digest,
  /** Activations ordered so far. */
  attempts: u32,
  /** The last attempt, if it failed and members did not decide to try again. */
  failed: optional(failureCodec),
});

const migrationCodec = struct({
  /** What it leads to. */
  release: digest,
  protocol: u16,
  service: u32,
  /** Steps taken and not taken back. */
  steps: u32,
  /** Where the next one goes on: a result of the service. */
  cursor: bytes(cursorBytesMax),
  /** Why it is being taken back, if it is. */
  failed: optional(failureCodec),
});

/** A migration in steps that is under way. */
export type Migration = TypeOf<typeof migrationCodec>;

/** What is active, and how it came to be. */
export type Activation = TypeOf<typeof activationCodec> & { readonly migration: Migration | undefined };

/** Whether replicas of a release can execute what is active. */
export function speaks({ protocols, services }: Pick<Release, 'protocols' | 'services'>, active: Active): boolean {
  const { script, version } = active.code;
  const own = services.find((one) => one.version === version)?.script;
  return (
    protocols.includes(active.protocol) &&
    own !== undefined &&
    (own.every(isZero) || script.every(isZero) || sameBytes(own, script))
  );
}

/** Unstated: nothing to compare. */
const isZero = (byte: number): boolean => byte === 0;

/** The newest that replicas of a release can execute. */
export function targetOf({ protocols, services }: Pick<Release, 'protocols' | 'services'>): Active {
  return { protocol: protocols.at(-1)!, code: services.at(-1)! };
}

/** What a service begins with, or why its releases cannot begin with anything. [1, 2] */
export function foundingActivation({ releases, service }: Constitution): Activation | string {
  const last = releases.at(-1)!;
  const common = last.protocols.filter((one) => releases.every(({ protocols }) => protocols.includes(one)));
  const protocol = common.at(-1);
  if (protocol === undefined) return 'its releases have no version of the protocol in common';
  const code = last.services.find(({ version }) => version === service.version);
  const active = code && { protocol, code, release: last.digest, attempts: 0, failed: undefined, migration: undefined };
  return active !== undefined && releases.every((release) => speaks(release, active))
    ? active
    : `not all of its releases can execute version ${service.version} of the service, and the same of it`;
}

export function readActivation(view: Pick<View, 'get'>): Activation {
  const value = view.get(activeMap, '');
  const decoded = value && decode(activationCodec, value);
  assert(decoded?.ok === true, 'the state says what is active');
  const progress = view.get(migrationMap, '');
  if (progress === undefined) return { ...decoded.value, migration: undefined };
  const migration = decode(migrationCodec, progress);
  assert(migration.ok, 'the state says how far its migration is');
  return { ...decoded.value, migration: migration.value };
}

/** Whether a migration in steps is under way. */
export function isMigrating(view: Pick<View, 'get'>): boolean {
  return view.get(migrationMap, '') !== undefined;
}

export function writeActivation(tx: Pick<Transaction, 'set'>, activation: Activation): void {
  tx.set(activeMap, '', encode(activationCodec, activation));
  if (activation.migration !== undefined) tx.set(migrationMap, '', encode(migrationCodec, activation.migration));
}

/** Keeps what the step of this number replaced: an encoded write set that takes it back. */
export function keepReplaced(tx: Pick<Transaction, 'set'>, step: number, encoded: Uint8Array): void {
  for (let piece = 0; piece * valueBytesMax < encoded.length; piece++)
    tx.set(
      migrationMap,
      stepKey(step) + toLatin1(encode(u16, piece)),
      encoded.subarray(piece * valueBytesMax, (piece + 1) * valueBytesMax),
    );
}

/** What takes the step of this number back. */
export function replacedIn(view: Pick<View, 'entries'>, step: number): Uint8Array {
  return concatBytes(...[...view.entries(migrationMap, { prefix: stepKey(step) })].map(([, piece]) => piece));
}

/** The step was taken back, or none has to be any more: what it replaced goes, or all of that and the progress. */
export function forgetReplaced(tx: Pick<Transaction, 'delete' | 'entries'>, step?: number): void {
  const range = step === undefined ? {} : { prefix: stepKey(step) };
  for (const key of [...tx.entries(migrationMap, range)].map(([each]) => each)) tx.delete(migrationMap, key);
}

const stepKey = (step: number): string => toLatin1(encode(u32, step));
