/** Mutants of upgrades: spec/upgrades.md. */
import { type Choices, kindHosts } from '../plan.ts';
import { calm, type Mutant } from './mutant.ts';

/** Long enough for two upgrades. */
const upgraded: Choices = { ...calm, upgrades: 'any', disturbedMs: 9000, undisturbedMs: 4000 };
/** By a migration of which replicas do not agree what it gives. */
const divided: Choices = { ...upgraded, upgrades: 'divergent' };

export const upgrades: readonly Mutant[] = [
  {
    name: 'activated-before-all-moved',
    rule: 'upgrades 10: in every slot sits an instance of the newest release',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'membership.occupants.every((seat)',
        instead: 'membership.occupants.some((seat)',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'activated-again',
    rule: 'upgrades 10: what the release brings is above what is active',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'protocol > activation.protocol || code.version > activation.code.version',
        instead: 'protocol > activation.protocol || code.version >= activation.code.version',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'failed-migration-kept',
    rule: 'upgrades 15: what a migration that fails wrote is dropped',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'if (successor === undefined || outcome?.ok === false) {\n        tx.abort();',
        instead: 'if (successor === undefined || outcome?.ok === false) {\n        tx.commit();',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'failed-migration-again',
    rule: 'upgrades 10, 5: an activation that failed is due when members say so',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'if (!above || activation.failed !== undefined) return undefined;',
        instead: 'if (!above) return undefined;',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'divergent-migration-executed',
    rule: 'upgrades 13: what replicas cannot agree on is not executed',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: "  if (divergent) return fail('divergent', 'replicas do not agree on what the migration gives');\n",
        instead: '',
      },
    ],
    stalls: true,
    choices: divided,
  },
  {
    name: 'old-version-of-the-protocol',
    rule: 'upgrades 20: a header is of the version that is active',
    patches: [
      {
        file: 'protocol/src/normal-case.ts',
        text: "  if (header.protocolVersion !== replica.environment.execution.active().protocol) return reject('wrong-version');\n",
        instead: '',
      },
      {
        file: 'protocol/src/log.ts',
        text: 'headerVersion(executed.active)',
        instead: 'headerVersion({ ...executed.active, protocol: 1 })',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'old-releases-come-back',
    rule: 'upgrades 3, 4: a release that cannot execute what is active is not approved, launched or seated',
    patches: [
      {
        file: 'governance/src/amend.ts',
        text: 'if (!amended.ok || speaks(amended.constitution.releases.at(-1)!, active)) return amended;',
        instead: 'if (!amended.ok || active.protocol > 0) return amended;',
      },
      {
        file: 'execution/src/system-request.ts',
        text: 'sameBytes(one.digest, release) && speaks(one, activation)',
        instead: 'sameBytes(one.digest, release) && activation.attempts >= 0',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'keys-of-an-old-scheme',
    rule: 'algorithms 10: keys are of the scheme of the version that is active',
    patches: [
      {
        file: 'protocol/src/turn-admission.ts',
        text: "  if (!keysOf(scheme, join.keys)) return refused('wrong-keys', `keys of scheme ${scheme} are asked for`);\n",
        instead: '',
      },
    ],
    choices: {
      ...upgraded,
      disturbedMs: 14_000,
      hosts: { manners: { ...kindHosts.manners, misdirected: 30 }, starve: true },
    },
  },
  {
    name: 'refusals-of-another-attempt',
    rule: 'upgrades 10: attempts have different digests',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'attempt: activation.attempts + 1,',
        instead: 'attempt: 1,',
      },
    ],
    choices: divided,
  },
];
