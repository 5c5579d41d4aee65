/**
 * The random runs of the model: spec/model/hunts.qnt.
 *
 * A hunt without a rule has to find the reason for the rule; the same hunt with it, and those of the whole protocol, find
 * nothing. So each rule is needed, and each invariant can be broken.
 */
import { quint } from './quint.ts';

interface Hunt {
  /** A module of hunts.qnt. */
  readonly name: string;
  readonly finds: boolean;
  readonly samples: number;
  readonly steps: number;
  readonly invariants: readonly string[];
}

/** A rule, the invariant that it protects, and bounds within which that is seen, with room to spare. */
const rules = [
  { rule: 'Quorum', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'OneChain', invariant: 'isAgreement', samples: 1000, steps: 6 },
  { rule: 'Adopt', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'ViewFirst', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'OneView', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'Silence', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'Prepared', invariant: 'isAgreement', samples: 1000, steps: 3 },
  { rule: 'Durable', invariant: 'isDurable', samples: 300, steps: 4 },
  { rule: 'Nonces', invariant: 'isAgreement', samples: 500, steps: 5 },
  { rule: 'Keys', invariant: 'isEpochChain', samples: 300, steps: 4 },
  { rule: 'Seal', invariant: 'isEpochChain', samples: 1000, steps: 4 },
  { rule: 'Vacate', invariant: 'isNoVoteAfterExpiry', samples: 100, steps: 8 },
  { rule: 'Distinct', invariant: 'isOneInstancePerSlot', samples: 300, steps: 10 },
  { rule: 'Challenge', invariant: 'isFresh', samples: 300, steps: 6 },
] as const;

/** Those whose runs begin in the midst of a story. The others begin with the genesis, as those of the whole protocol do. */
const told = new Set<string>([
  'Quorum',
  'Adopt',
  'ViewFirst',
  'OneView',
  'Silence',
  'Prepared',
  'Nonces',
  'Keys',
  'Seal',
]);
const safety = ['isAgreement', 'isEpochChain', 'isOneInstancePerSlot', 'isNoVoteAfterExpiry', 'isDurable'];

/** All hunts; `times` so many samples where nothing is to be found. */
export function huntsOf(times: number): Hunt[] {
  const nothing = { finds: false, invariants: safety };
  return [
    ...rules.map(({ rule, invariant, samples, steps }) => ({
      ...{ name: `without${rule}`, finds: true, samples, steps },
      invariants: [invariant],
    })),
    ...rules
      .filter(({ rule }) => told.has(rule))
      .map(({ rule, steps }) => ({ ...nothing, name: `with${rule}`, samples: 120 * times, steps })),
    { ...nothing, name: 'wholeOrdering', samples: 100 * times, steps: 10 },
    { ...nothing, name: 'wholeEpochs', samples: 30 * times, steps: 8 },
    { ...nothing, name: 'wholeTurns', samples: 20 * times, steps: 14, invariants: [...safety, 'isFresh'] },
    // A rule without a reason: docs/explanation/model.md, "A finding".
    { ...nothing, name: 'withoutNewViewDigest', samples: 100 * times, steps: 10 },
  ];
}

export interface HuntOutcome {
  readonly asExpected: boolean;
  /** What was seen, in a line. */
  readonly summary: string;
}

export async function hunt({ name, finds, samples, steps, invariants }: Hunt, seed: number): Promise<HuntOutcome> {
  const bounds = [`--max-samples=${samples}`, `--max-steps=${steps}`, `--seed=${seed}`, '--verbosity=1'];
  const { output } = await quint('run', ['hunts.qnt', `--main=${name}`, ...bounds, '--invariants', ...invariants]);
  const violated = output.includes('[violation]');
  if (!violated && !output.includes('[ok]')) return { asExpected: false, summary: `failed: ${output.slice(-1000)}` };
  const again = /--seed=(0x[0-9a-f]+)/.exec(output)?.[1] ?? `${seed}`;
  const command = `quint run hunts.qnt --main=${name} --backend=typescript --max-steps=${steps} --seed=${again}`;
  const summary = violated
    ? `a violation: ${command} --invariants ${invariants.join(' ')}`
    : `nothing found in ${samples} runs of at most ${steps} steps`;
  return { asExpected: violated === finds, summary };
}
