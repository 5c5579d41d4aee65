/** Mutants of disaster recovery: spec/recovery.md. What they do, they do when everything has been killed. */
import { calm, churn, type Mutant } from './mutant.ts';

/** Disks are changed behind the backs of replicas that died, and others are slow. */
const spoilt = {
  ...churn,
  focus: { kinds: ['altered-disk', 'slow-disk', 'split'], everyMs: 300, lastMs: 700 },
} as const;

export const recovery: readonly Mutant[] = [
  {
    name: 'recovery-takes-lower',
    rule: 'recovery 12: the highest certificate is adopted',
    patches: [
      {
        file: 'audit/src/adoption.ts',
        text: 'compareSubjects(b.best!.certificate.subject, a.best!.certificate.subject)',
        instead: 'compareSubjects(a.best!.certificate.subject, b.best!.certificate.subject)',
      },
    ],
    choices: churn,
  },
  {
    name: 'recovery-skips-disks',
    rule: 'recovery 12: of all disks',
    patches: [
      {
        file: 'audit/src/adoption.ts',
        text: '.filter((disk) => disk.best !== undefined)',
        instead: '.filter((disk) => disk.best !== undefined).slice(-1)',
      },
    ],
    choices: churn,
  },
  {
    name: 'rollback-unnoticed',
    rule: 'recovery 8: a disk that has lost what its instance revealed for was rolled back',
    patches: [
      {
        file: 'audit/src/adoption.ts',
        text: '  if (!behind) return undefined;\n',
        instead: '  if (behind || !behind) return undefined;\n',
      },
    ],
    choices: spoilt,
  },
  {
    name: 'recovery-of-fewer',
    rule: 'recovery 13: q disks of the epoch’s instances',
    patches: [
      {
        file: 'audit/src/adoption.ts',
        text: 'if (given.length >= needed && altered <= tolerated) return undefined;',
        instead: 'if (given.length >= needed - 1 && altered <= tolerated) return undefined;',
      },
    ],
    choices: calm,
  },
  {
    name: 'recovery-without-ends',
    rule: 'recovery 3 and 10: each epoch leads to the next, and the longest chain counts',
    patches: [
      {
        file: 'audit/src/adoption.ts',
        text: 'toSorted((a, b) => b.epochs.length - a.epochs.length)',
        instead: 'toSorted((a, b) => a.epochs.length - b.epochs.length)',
      },
    ],
    choices: churn,
  },
];
