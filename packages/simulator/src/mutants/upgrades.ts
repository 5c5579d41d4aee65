/** Mutants of upgrades: spec/upgrades.md. */
import { type Choices, kindHosts } from '../plan.ts';
import { calm, type Mutant } from './mutant.ts';

/** Long enough for two upgrades. */
const upgraded: Choices = { ...calm, upgrades: 'any', disturbedMs: 9000, undisturbedMs: 4000 };
/** By a migration of which replicas do not agree what it gives. */
const divided: Choices = { ...upgraded, upgrades: 'divergent' };
/** By one in steps, which fails at the end or does not. */
const stepwise: Choices = { ...upgraded, upgrades: 'stepwise' };
const failing: Choices = { ...upgraded, upgrades: 'failing-stepwise' };

export const upgrades: readonly Mutant[] = [
  {
    name: 'activated-before-all-moved',
    rule: 'upgrades 10: in every slot sits an instance of the newest release',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'const moved = membership.occupants.every((seat)',
        instead: 'const moved = membership.occupants.some((seat)',
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
        text: 'headerVersion(executed.active, replica.tree.rehashed)',
        instead: 'headerVersion({ ...executed.active, protocol: 1 }, 0)',
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
    name: 'tree-of-an-old-hash',
    rule: 'algorithms 22: the tree of headers goes on with the new hash, in place',
    patches: [
      {
        file: 'protocol/src/log.ts',
        text: 'replica.tree.append(entry.headerDigest, header.rehashed);',
        instead: 'replica.tree.append(entry.headerDigest);',
      },
    ],
    choices: upgraded,
  },
  {
    name: 'state-of-an-old-hash',
    rule: 'algorithms 23: the digest of a state is of the hash of the version of its batch',
    patches: [
      {
        file: 'execution/src/execution.ts',
        text: '    this.#state.hashBy(this.#environment.cryptography.of(this.#layers[0].protocol));\n',
        instead: '',
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
      upgrades: 'sound',
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
        text: 'const attempt = activation.attempts + 1;',
        instead: 'const attempt = 1;',
      },
    ],
    choices: divided,
  },
  {
    name: 'steps-not-taken-back',
    rule: 'upgrades 26: what the steps of a migration that fails wrote is taken back',
    patches: [{ file: 'execution/src/activation.ts', text: '  tx.apply(replaced.value);\n', instead: '' }],
    choices: failing,
  },
  {
    name: 'first-steps-taken-back-alone',
    rule: 'upgrades 24: each step keeps what it replaced',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'encodeWriteSet(tx.replaced())',
        instead: 'encodeWriteSet(steps === 0 ? tx.replaced() : [])',
      },
    ],
    choices: failing,
  },
  {
    name: 'requests-between-steps',
    rule: 'upgrades 23: while a migration is under way nothing else is ordered',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'if (activation.migration !== undefined) {\n    const',
        instead:
          'if (activation.migration !== undefined && activation.attempts % 2 === 1) return undefined;\n  if (activation.migration !== undefined) {\n    const',
      },
    ],
    choices: stepwise,
  },
  {
    name: 'half-migrated-and-active',
    rule: 'upgrades 24: what a migration leads to is active when it gives nothing more',
    patches: [
      {
        file: 'execution/src/activation.ts',
        text: 'if (outcome !== undefined && valueOf(outcome.result) !== null) next = outcome.result;',
        instead:
          'if (outcome !== undefined && migration === undefined && valueOf(outcome.result) !== null) next = outcome.result;',
      },
    ],
    choices: stepwise,
  },
];
