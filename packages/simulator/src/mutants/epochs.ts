/** Mutants of epochs and their keys: spec/epochs.md. */
import { calm, hindered, type Mutant } from './mutant.ts';

const epoch = 'protocol/src/epoch.ts';
const membership = 'protocol/src/membership.ts';

export const epochs: readonly Mutant[] = [
  {
    name: 'keys-not-erased',
    rule: 'epochs 3: the keys of an epoch are erased when it ends',
    patches: [{ file: epoch, text: "effects.push({ kind: 'erase', epoch: before.epoch });", instead: '' }],
    choices: calm,
  },
  {
    name: 'erased-one-late',
    rule: 'epochs 3, 6: erased before the first signature of the next epoch',
    patches: [
      {
        file: epoch,
        text: "effects.push({ kind: 'erase', epoch: before.epoch });",
        instead: "if (before.epoch > 0) effects.push({ kind: 'erase', epoch: before.epoch - 1 });",
      },
    ],
    choices: calm,
  },
  {
    name: 'seal-ignored',
    rule: 'epochs 8: an epoch does not close before the one before it is sealed',
    patches: [{ file: 'protocol/src/turn.ts', text: '  if (!sealed(m) && patient) return m;\n', instead: '' }],
    choices: hindered,
  },
  {
    name: 'seal-of-fewer',
    rule: 'epochs 8: q notices seal an epoch',
    patches: [
      {
        file: membership,
        text: '.filter((entry) => entry.erased).length >= quorumOf(m.slots.length);',
        instead: '.filter((entry) => entry.erased).length >= quorumOf(m.slots.length) - 1;',
      },
    ],
    choices: hindered,
  },
  {
    name: 'seats-not-replaced-on-entry',
    rule: 'epochs 4: an epoch is of its own configuration',
    patches: [
      { file: epoch, text: '  replica.slotOf = mapSlots(next);\n', instead: '  replica.slotOf = mapSlots(before);\n' },
    ],
    stalls: true,
    choices: calm,
  },
];
