/**
 * What the service speaks, and what its releases can. spec/upgrades.md; line numbers in brackets.
 *
 * - `$active` has one entry, under the empty key. Genesis writes it, activations change it, and decisions to try again.
 * - The last release of a constitution in force always speaks what is active. [3]
 */
import type { Transaction, View } from '@coppice/state';
import {
  type Active,
  assert,
  codeCodec,
  decode,
  digest,
  encode,
  limits,
  optional,
  sameBytes,
  struct,
  text,
  type TypeOf,
  u16,
  u32,
} from '@coppice/wire';
import type { Constitution, Release } from './constitution.ts';

const activeMap = '$active';

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

/** What is active, and how it came to be. */
export type Activation = TypeOf<typeof activationCodec>;

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
  const active = code && { protocol, code, release: last.digest, attempts: 0, failed: undefined };
  return active !== undefined && releases.every((release) => speaks(release, active))
    ? active
    : `not all of its releases can execute version ${service.version} of the service, and the same of it`;
}

export function readActivation(view: Pick<View, 'get'>): Activation {
  const value = view.get(activeMap, '');
  const decoded = value && decode(activationCodec, value);
  assert(decoded?.ok === true, 'the state says what is active');
  return decoded.value;
}

export function writeActivation(tx: Pick<Transaction, 'set'>, activation: Activation): void {
  tx.set(activeMap, '', encode(activationCodec, activation));
}
