/**
 * System requests: which rule of the turn machine judges which, and what the constitution has to say to it.
 */
import { type EvidenceCryptography, firstFailure, type NewestIssue } from '@coppice/attestation';
import {
  type Activation,
  capObjection,
  type Constitution,
  appraiseJoin,
  currentRelease,
  type Facts,
  type JoinAppraisal,
  speaks,
  variantChoices,
  variantOf,
} from '@coppice/governance';
import {
  acceptChallenge,
  acceptReady,
  admit,
  type Appraiser,
  type AdmittedInstance,
  countErasure,
  countFault,
  countSuspicion,
  type Membership,
  type Occupant,
  recentVariants,
  waivedTurns,
  requestTurn,
  type SystemVerdict,
  type TurnContext,
  type TurnReleases,
} from '@coppice/protocol';
import { type Digest, type PlainValue, sameBytes, schemeOf, type SystemRequest } from '@coppice/wire';

/** Those that the turn machine judges. */
export type TurnRequest = Exclude<SystemRequest, { kind: 'divergent' | 'activate' }>;

/** Whoever appraises joins, and is told of each that evidence admits. */
export interface Admission {
  readonly cryptography: EvidenceCryptography;
  readonly newestIssue: NewestIssue;
  readonly onAccepted?: (appraisal: JoinAppraisal) => void;
}

export function judge(
  admission: Admission,
  m: Membership,
  constitution: Constitution,
  activation: Activation,
  context: TurnContext,
  request: TurnRequest,
): SystemVerdict {
  switch (request.kind) {
    case 'challenge':
      return acceptChallenge(m, context, request.turn, request.certificate, ({ release, slot }) => {
        const { policy } = constitution;
        const recent = recentVariants(m, slot, policy, context.time);
        const choices = variantChoices(constitution, release, slot, seated(m.occupants), recent, m.occupants[slot]);
        const waives = choices.waived.length > 0;
        return waives && waivedTurns(m, policy, context.time) >= policy.waiversMax ? undefined : choices;
      });
    case 'join': {
      const appraiser = appraiserOf(admission, constitution, activation);
      const asked = { policyKeys: constitution.policy.epochKeys, scheme: schemeOf(activation.protocol) };
      return admit(m, context, request.join, asked, appraiser);
    }
    case 'ready':
      return acceptReady(m, context, request.ready);
    case 'erasure':
      return countErasure(m, context, request.erasure);
    case 'suspicion':
      return countSuspicion(m, context, request.suspicion);
    case 'fault':
      return countFault(m, context, request.proof);
  }
}

function appraiserOf(
  { cryptography, newestIssue, onAccepted }: Admission,
  constitution: Constitution,
  activation: Activation,
): Appraiser {
  return {
    appraise(join, launch, time) {
      const appraisal = appraiseJoin(cryptography, constitution, join, launch, time, newestIssue);
      const { facts, claims } = appraisal;
      if (facts !== undefined) onAccepted?.(appraisal);
      const reason = firstFailure(claims);
      return { facts, claims: claims as unknown as PlainValue, ...(reason !== undefined && { reason }) };
    },
    objection: (instance, slot, m) => objection(constitution, activation, instance, slot, m.occupants),
  };
}

/** The releases of the constitution, as the turn machine asks for them. */
export function releasesOf(constitution: Constitution, activation: Activation): TurnReleases {
  return {
    current: currentRelease(constitution),
    approved: (release) => usable(constitution, activation, release),
  };
}

/** Whether a release is approved, and can execute what is active, and what is being made active. spec/upgrades.md, lines 4, 28. */
function usable({ releases }: Constitution, activation: Activation, release: Digest): boolean {
  const { migration } = activation;
  if (migration !== undefined && migration.failed === undefined && !sameBytes(release, migration.release)) return false;
  return releases.some((one) => sameBytes(one.digest, release) && speaks(one, activation));
}

/** Why the instance may not sit in `slot` beside the others. */
export function objection(
  constitution: Constitution,
  activation: Activation,
  instance: AdmittedInstance,
  slot: number,
  occupants: readonly (Occupant | undefined)[],
): string | undefined {
  const { release, variant } = instance;
  if (variantOf(constitution, release, variant) === undefined) return 'its release or variant is not approved';
  if (!usable(constitution, activation, release)) return 'its release cannot execute what is active';
  return capObjection(constitution, seated(occupants), { slot, variant, ...factsOf(instance) });
}

/** Early turns for those whom a changed constitution would not admit. */
export function reconsider(m: Membership, constitution: Constitution, activation: Activation): Membership {
  let after = m;
  for (const [slot, occupant] of m.occupants.entries()) {
    if (occupant === undefined) continue;
    if (objection(constitution, activation, occupant, slot, m.occupants) === undefined) continue;
    after = requestTurn(after, slot);
  }
  return after;
}

function seated(occupants: readonly (Occupant | undefined)[]) {
  return occupants.flatMap((occupant, slot) =>
    occupant === undefined ? [] : [{ slot, variant: occupant.variant, ...factsOf(occupant) }],
  );
}

function factsOf({ platform, provider, chip, engineFamily }: AdmittedInstance): Facts {
  return { platform, provider, chip, engineFamily };
}
