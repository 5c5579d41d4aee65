/** Every rule, left out once. */
import { checkpoints } from './checkpoints.ts';
import { epochs } from './epochs.ts';
import { governance } from './governance.ts';
import type { Mutant } from './mutant.ts';
import { ordering } from './ordering.ts';
import { receipts } from './receipts.ts';
import { recovery } from './recovery.ts';
import { selection } from './selection.ts';
import { turns } from './turns.ts';
import { upgrades } from './upgrades.ts';
import { viewChanges } from './view-change.ts';

export const mutants: readonly Mutant[] = [
  ...ordering,
  ...viewChanges,
  ...checkpoints,
  ...epochs,
  ...turns,
  ...selection,
  ...receipts,
  ...recovery,
  ...governance,
  ...upgrades,
];
