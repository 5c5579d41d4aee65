/**
 * Constitutions: what the members agree on before there is a service, and change by ballots while there is one.
 *
 * This file has the types, the defaults, and the questions that others ask; constitution-form.ts has the fields and
 * their bounds, constitution-document.ts the two forms in which a constitution is written.
 */
import { type Digest, faultsTolerated, limits, sameBytes } from '@coppice/wire';
import { type Anchor, type Caps, pinnedAnchors } from '@coppice/attestation';
import type { constitutionForm } from './constitution-form.ts';
import type { Complete, ValueOf } from './form.ts';

/** A constitution as members write it. */
export type ConstitutionSource = ValueOf<typeof constitutionForm>;
/** A complete constitution: every default is filled in. */
export type Constitution = Omit<Complete<ConstitutionSource>, 'auditors' | 'recovery'> &
  Pick<ConstitutionSource, 'auditors' | 'recovery'>;
export type Policy = Constitution['policy'];
export type Release = Constitution['releases'][number];
export type Variant = Release['variants'][number];

/** Role names that say how a key came to be authorised: nobody can be given them. */
export const reservedRoles: readonly string[] = ['client', 'member'];

/** Actions that members decide on, and genesis. */
export type Action = keyof Constitution['thresholds'];

type Threshold = Constitution['thresholds'][Action];

/** How many members the action needs. */
export function thresholdOf(
  { badMembersTolerated, members, thresholds }: Pick<Constitution, 'thresholds' | 'members' | 'badMembersTolerated'>,
  action: Action,
): number {
  return countOf(thresholds[action], members.length, badMembersTolerated);
}

/** A majority is more than half of the members, and as many besides as may be bad. */
function countOf(threshold: Threshold, members: number, bad: number): number {
  if (threshold === 'all') return members;
  return threshold === 'majority' ? Math.min(members, Math.floor(members / 2) + 1 + bad) : threshold;
}

/** Whether there is anybody whom instances encrypt to what they write. */
export function encrypts({ auditors, recovery }: Pick<Constitution, 'auditors' | 'recovery'>): boolean {
  return auditors !== undefined || recovery !== undefined;
}

/** The roots that evidence may rest on: of each platform those that its members name, or those that are pinned. */
export function anchorsOf({ policy }: Pick<Constitution, 'policy'>): readonly Anchor[] {
  const named = policy.platforms.filter(({ roots }) => roots.length > 0);
  if (named.length === 0) return pinnedAnchors;
  const others = pinnedAnchors.filter(({ platform }) => !named.some(({ name }) => name === platform));
  return [...others, ...named.flatMap(({ name, roots }) => roots.map((spki) => ({ platform: name, spki })))];
}

/** The release that turns launch: the one approved last. Instances of the others stay until their turn. */
export function currentRelease(constitution: Pick<Constitution, 'releases'>): Digest {
  return constitution.releases.at(-1)!.digest;
}

/** The release's variant, if both are approved. */
export function variantOf(
  constitution: Pick<Constitution, 'releases'>,
  release: Digest,
  variant: string,
): Variant | undefined {
  return constitution.releases
    .find((one) => sameBytes(one.digest, release))
    ?.variants.find((one) => one.id === variant);
}

export const capNames: readonly (keyof Caps)[] = ['platform', 'provider', 'engineFamily', 'variant', 'chip'];

/** The caps that a service of this many slots has unless its members weaken them. */
export function defaultCaps(slots: number): Caps {
  const faults = faultsTolerated(slots);
  return { platform: faults, provider: faults, engineFamily: faults, variant: faults, chip: 1 };
}

/** What the members made weaker than its default: for status pages and receipts to show. */
export function weakenedCaps(constitution: Pick<Constitution, 'slots' | 'policy'>): (keyof Caps)[] {
  const strongest = defaultCaps(constitution.slots);
  return capNames.filter((name) => constitution.policy.caps[name] > strongest[name]);
}

/**
 * The keys that an instance can need: one for each epoch of its term, and one for each slot besides, since an instance
 * with fewer keys left is due for a turn at once (spec/turns.md, lines 5 and 23). Scheduled turns alternate with
 * prompt ones, so a term sees at most two epochs an interval.
 */
export function keysNeeded(slots: number, recoveryPeriodMs: number, turnIntervalMs: number): number {
  return 2 * Math.ceil(recoveryPeriodMs / turnIntervalMs) + slots;
}

/** What a variant is by default: what launches it decides. */
const unstated = {
  runtime: 'unstated@0',
  engineSettings: [],
  program: new Uint8Array(32),
  cryptography: 'unstated',
};

/** The script of a version of which nobody said what it is. */
const unstatedScript = new Uint8Array(32);

/** In how many dimensions an instance differs from the one before it, where the release has such variants. */
const variantDistanceDefault = 2;

type Dimensions = Partial<Pick<Variant, 'runtime' | 'engineSettings' | 'program' | 'cryptography'>>;

/** In how many dimensions two variants differ. */
export function variantDistance(a: Dimensions, b: Dimensions): number {
  const [x, y] = [
    { ...unstated, ...a },
    { ...unstated, ...b },
  ];
  return [
    x.runtime !== y.runtime,
    x.engineSettings.toSorted().join() !== y.engineSettings.toSorted().join(),
    !sameBytes(x.program, y.program),
    x.cryptography !== y.cryptography,
  ].filter(Boolean).length;
}

/** The greatest distance, up to the usual one, at which each of these variants has another. */
function distanceAmong(variants: readonly Dimensions[]): number {
  const farthest = variants.map((one) => Math.max(...variants.map((other) => variantDistance(one, other))));
  return Math.min(variantDistanceDefault, ...farthest);
}

/** Fills in the defaults. */
export function complete(source: ConstitutionSource): Constitution {
  const { slots, members, policy, releases } = source;
  const { version } = source.service;
  const badMembersTolerated = source.badMembersTolerated ?? 0;
  const withRoles = <T extends { roles?: readonly string[] }>(one: T) => ({ ...one, roles: one.roles ?? [] });
  return {
    ...source,
    development: source.development ?? false,
    members: members.map(withRoles),
    releases: releases.map(({ digest, protocols = [1], services = [{ version }], variants }) => ({
      digest,
      variants: variants.map((variant) => ({ ...unstated, ...variant })),
      protocols,
      services: services.map((one) => ({ script: unstatedScript, ...one })),
    })),
    clients: source.clients === 'open' ? 'open' : source.clients.map(withRoles),
    badMembersTolerated,
    thresholds: completeThresholds(source, badMembersTolerated),
    policy: completePolicy(slots, policy, releases[0]!.variants),
  };
}

/** Who decides on members or on thresholds can decide on everything: by default, that takes as many as anything does. */
function completeThresholds(
  { members, thresholds }: ConstitutionSource,
  badMembersTolerated: number,
): Constitution['thresholds'] {
  const others: Omit<Constitution['thresholds'], 'genesis' | 'members' | 'thresholds'> = {
    memberKeys: 1,
    releases: 'majority',
    clients: 'majority',
    parameters: 'majority',
    platforms: 'majority',
    earlyTurn: 'majority',
  };
  const { genesis = 'all', ...given } = thresholds ?? {};
  const count = (threshold: Threshold): number => countOf(threshold, members.length, badMembersTolerated);
  const highest = Object.values<Threshold>({ ...others, ...given }).reduce(
    (a, b) => (count(b) > count(a) ? b : a),
    'majority',
  );
  return { members: highest, thresholds: highest, ...others, ...given, genesis };
}

function completePolicy(slots: number, policy: ConstitutionSource['policy'], variants: readonly Dimensions[]): Policy {
  const distance = distanceAmong(variants);
  const turnIntervalMs = policy.turnIntervalMs ?? Math.floor(policy.recoveryPeriodMs / (slots + 1));
  const turnDeadlineMs = policy.turnDeadlineMs ?? Math.floor(turnIntervalMs / 2);
  const heartbeatMs = policy.heartbeatMs ?? Math.max(1, Math.min(1000, Math.floor(turnDeadlineMs / 8)));
  return {
    variantDistance: distance,
    waiversMax: distance < variantDistanceDefault ? 2 ** 32 - 1 : slots,
    turnIntervalBatches: 0,
    sealDeadlineMs: turnIntervalMs,
    unsealed: 'wait',
    overdue: 'halt',
    epochKeys: Math.min(keysNeeded(slots, policy.recoveryPeriodMs, turnIntervalMs) + 2 * slots, limits.epochKeys),
    clockBoundMs: 5000,
    clientClockBoundMs: 60_000,
    proposalPeriodMs: 14 * 24 * 3600 * 1000,
    viewTimeoutMs: 4 * heartbeatMs,
    checkpointInterval: 64,
    window: 8,
    batchBytesMax: limits.batchBytes,
    ...policy,
    turnIntervalMs,
    turnDeadlineMs,
    heartbeatMs,
    caps: { ...defaultCaps(slots), ...policy.caps },
    platforms: policy.platforms.map((platform) => ({
      statuses: ['up-to-date'],
      advisories: [],
      deniedGenerations: [],
      roots: [],
      collateralAgeMsMax: 0,
      ...platform,
      generations: platform.generations.map((generation) => ({ minimumTcb: [], ...generation })),
    })),
  };
}
