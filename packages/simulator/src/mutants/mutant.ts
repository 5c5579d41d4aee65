/**
 * A rule of the protocol that is left out, and what provokes the counterexample that spec/ tells of it.
 */
import type { Choices, Focus, Plan } from '../plan.ts';
import { kindHosts } from '../plan.ts';
import type { Patch } from './patch.ts';

export interface Mutant {
  readonly name: string;
  /** The page of spec/ and its line, and what is left out. */
  readonly rule: string;
  readonly patches: readonly Patch[];
  readonly choices: Choices;
  /** That nothing goes on any more is what it does. Of others it says little: an attacker beside it can do that for a while, too. */
  readonly stalls?: boolean;
}

/** As short as it can be: most counterexamples take a second of virtual time. */
const short: Choices = {
  ...{ slots: 4, disturbedMs: 3000, undisturbedMs: 4000, hosts: kindHosts, realCryptography: false },
  ...{ protocol: 1, choice: 'ample', ballots: false, upgrades: 'none', policy: { unsealed: 'wait', overdue: 'halt' } },
};

function focused(focus: Focus, more: Choices = {}): Choices {
  return { ...short, focus, ...more };
}

/** Nothing is disturbed. */
export const calm = focused({ kinds: [], everyMs: 1000, lastMs: 0 });
/** Views change all the time, in the midst of batches. */
export const churn = focused({ kinds: ['split', 'split', 'delay', 'stop'], everyMs: 150, lastMs: 700 });
/** Replicas are cut off and slow while one turn follows the other. */
export const hindered = focused(
  { kinds: ['split', 'isolate', 'slow-disk'], everyMs: 100, lastMs: 600 },
  { disturbedMs: 12_000 },
);
/** Processes stand still, and go on with what they had. */
export const stalls = focused({ kinds: ['stop', 'isolate', 'slow-disk'], everyMs: 300, lastMs: 1500 });

/** An attacker of this kind, early and again where it was replaced; and views that change, so that it gets its turn. */
export function attacked(kind: Focus['kinds'][number], beside: Focus['kinds'] = []): Choices {
  return focused({ kinds: [kind, ...beside], everyMs: 200, lastMs: 1000 });
}

/** So that replicas fall far behind, and fetch state. */
export function behind(...kinds: Focus['kinds']): Choices {
  return focused({ kinds: ['split', ...kinds], everyMs: 300, lastMs: 1500 }, { checkpointInterval: 8 });
}

/** Views change while replicas are given states. */
export const adrift = focused(
  { kinds: ['pushing-primary', 'isolate', 'split', 'delay', 'stop'], everyMs: 120, lastMs: 800 },
  { checkpointInterval: 2, disturbedMs: 8000 },
);
/** One replica gets a state beside which it voted. */
export const estranged = focused(
  { kinds: ['estranging-primary'], everyMs: 200, lastMs: 1000 },
  { checkpointInterval: 4 },
);

/** Launches fail, and terms run out. */
export const starved: Choices = focused(
  { kinds: [], everyMs: 1000, lastMs: 0 },
  { hosts: { manners: { ...kindHosts.manners, refused: 90 }, starve: true }, disturbedMs: 12_000, undisturbedMs: 1000 },
);

/** Launches are late. */
export const belated: Choices = focused(
  { kinds: [], everyMs: 1000, lastMs: 0 },
  { hosts: { manners: { ...kindHosts.manners, late: 90 }, starve: true }, disturbedMs: 8000, undisturbedMs: 1000 },
);

/** What is launched is not what the turn asks for. */
export const misdirected: Choices = focused(
  { kinds: [], everyMs: 1000, lastMs: 0 },
  { hosts: { manners: { ...kindHosts.manners, early: 50, misdirected: 50 }, starve: true }, undisturbedMs: 1000 },
);

/** Evidence is of something else, over and over. */
export const pretended: Choices = focused(
  { kinds: [], everyMs: 1000, lastMs: 0 },
  {
    hosts: { manners: { ...kindHosts.manners, misdirected: 90 }, starve: true },
    disturbedMs: 12_000,
    undisturbedMs: 1000,
  },
);

/** Launches share hardware with their neighbours, and much else is not as it should be. */
export const neighbourly = (provider: number): Choices => ({
  ...pretended,
  policy: { ...short.policy, caps: { platform: 4, provider, engineFamily: 1, variant: 1 } },
});

/** Few variants to choose from, and turns that members ask for besides. */
export function picky(choice: Plan['choice'], caps: Partial<Plan['policy']['caps']> = {}, waiversMax = 4): Choices {
  return {
    ...calm,
    ...{ choice, ballots: true, disturbedMs: 9000, undisturbedMs: 2000 },
    policy: { ...short.policy, waiversMax, caps: { platform: 4, engineFamily: 1, variant: 1, ...caps } },
  };
}
