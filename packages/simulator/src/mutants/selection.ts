/** Mutants of what turns draw, and of who sits beside whom: spec/turns.md, lines 33-34; spec/attestation.md, lines 30-32. */
import { neighbourly, type Mutant, picky } from './mutant.ts';

const admission = 'governance/src/admission.ts';
const caps = 'attestation/src/caps.ts';

/** Nothing is asked of it any more. */
function uncapped(dimension: string, more: Mutant['choices']): Mutant {
  return {
    name: `cap-of-${dimension}-ignored`,
    rule: `attestation ${dimension === 'chip' ? 31 : 30}: at most so many slots share one ${dimension}`,
    patches: [
      {
        file: caps,
        text: `    const cap = caps[dimension];\n`,
        instead: `    const cap = dimension === '${dimension}' ? slots : caps[dimension];\n`,
      },
    ],
    choices: more,
  };
}

export const selection: readonly Mutant[] = [
  // Few engines, of which more slots than one may share each, and no variant twice; the other way round.
  uncapped('engineFamily', picky('scarce', { engineFamily: 1, variant: 2 })),
  uncapped('variant', picky('scarce', { engineFamily: 4, variant: 1 })),
  uncapped('provider', neighbourly(1)),
  uncapped('chip', neighbourly(4)),
  {
    name: 'cap-one-too-many',
    rule: 'attestation 30: the candidate counts among those that share',
    patches: [{ file: caps, text: 'const sharing = 1 + neighbours', instead: 'const sharing = neighbours' }],
    choices: neighbourly(1),
  },
  {
    name: 'recent-variants-again',
    rule: 'turns 34b: no variant that sat there within the recovery period',
    patches: [{ file: admission, text: 'recent: ({ id }) => !recent.includes(id),', instead: 'recent: () => true,' }],
    choices: picky('scarce'),
  },
  {
    name: 'recent-is-only-present',
    rule: 'turns 34b: those that left within the recovery period are remembered, too',
    patches: [
      {
        file: 'protocol/src/turn.ts',
        text: '...(leaving === undefined ? [] : [{ variant: leaving.variant, until: at.time }]),',
        instead: '',
      },
    ],
    choices: picky('meagre'),
  },
  {
    name: 'variants-alike',
    rule: 'turns 34c: a variant differs from the one before it in enough dimensions',
    patches: [
      {
        file: admission,
        text: 'before === undefined || variantDistance(before, variant) >= policy.variantDistance,',
        instead: 'before === undefined || variantDistance(before, variant) >= 1,',
      },
    ],
    choices: picky('scarce', { engineFamily: 1, variant: 2 }),
  },
  {
    name: 'waives-everything-at-once',
    rule: 'turns 34: a rule is waived where nothing keeps it, the last first',
    patches: [
      {
        file: admission,
        text: 'for (let kept: number = waivers.length; ; kept--) {',
        instead: 'for (let kept: number = waivers.length; ; kept = 0) {',
      },
    ],
    choices: picky('meagre'),
  },
  {
    name: 'waivers-without-end',
    rule: 'turns 34: no more waivers within a recovery period than members allow',
    patches: [
      {
        file: 'execution/src/system-request.ts',
        text: 'waivedTurns(m, policy, context.time) >= policy.waiversMax ?',
        instead: 'waivedTurns(m, policy, context.time) < 0 ?',
      },
    ],
    choices: picky('meagre', {}, 0),
  },
  {
    name: 'draw-is-chosen',
    rule: 'turns 33: the challenge draws the variant',
    patches: [
      {
        file: 'protocol/src/turn-admission.ts',
        text: 'variants[firstBits(challenge) % variants.length]',
        instead: 'variants[turn % variants.length]',
      },
    ],
    choices: picky('ample'),
  },
  {
    name: 'nothing-without-a-variant',
    rule: 'turns 34: a turn that draws nothing has its challenge, and batches go on',
    patches: [
      {
        file: 'protocol/src/turn-admission.ts',
        text: 'draw(open) ?? { variants: [noVariant], waived: [] };',
        instead: 'draw(open) ?? { variants: [], waived: [] };',
      },
    ],
    stalls: true,
    choices: picky('meagre', {}, 0),
  },
];
