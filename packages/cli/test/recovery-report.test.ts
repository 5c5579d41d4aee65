import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tell } from '../src/recovery/report.ts';

type Analysis = Parameters<typeof tell>[0];

const slots = 4;
const instances = Array.from({ length: slots }, (_, slot) => Buffer.alloc(32, slot + 1));

/** Of four disks, the first so many altered. */
function analysis(altered: number): Analysis {
  const disks = instances.map((instance) => ({ instance: instance.toString('hex') }));
  const header = { epoch: 0, sequence: 9, time: 0 };
  return {
    given: [],
    receipts: 0,
    source: { folder: 'disk' },
    log: { constitution: { name: 'the rules' } },
    shortage: undefined,
    audit: { batches: 9, uncertifiedTail: 0, transactions: 0, epochs: [{}] },
    adoption: {
      service: instances[0],
      configuration: { slots, seats: instances.map((instance, slot) => ({ slot, instance })) },
      head: { header, certificate: { subject: { view: 0 } }, root: instances[1] },
      certain: 9,
      verdicts: disks.map((disk, i) => ({
        disk,
        slot: i,
        ignored: undefined,
        altered: i < altered ? 'rolled back' : undefined,
      })),
    },
  } as unknown as Analysis;
}

test('what members compare is there: the root, and the constitution', () => {
  const lines = tell(analysis(0)).join('\n');
  assert.match(lines, /^root {8}9:[0-9a-f]{64}$/m);
  assert.match(lines, /^constitution the rules, [0-9a-f]{64}$/m);
});

test('one is said as one', () => {
  const shortage = { epoch: 3, given: 4, needed: 3, altered: 2, tolerated: 1 };
  const few = analysis(2);
  const lines = tell({ ...few, shortage, adoption: { ...few.adoption, certain: 8 } }).join('\n');
  assert.match(lines, / 1 epoch, from genesis/);
  assert.match(lines, /INCOMPLETE  epoch 3: 4 disks, and 3 are needed; 2 altered, and 1 tolerated/);
  assert.match(lines, /certain     batches 1 to 8$/m);
  assert.match(lines, /doubtful    batch 9: others may/);
});

const complete = (altered: number): string => tell(analysis(altered)).find((line) => line.startsWith('complete'))!;

test('whom the disks convict is among those whose lies are tolerated', () => {
  assert.match(complete(0), /if at most 1 of the disks and instances lied$/);
  assert.match(complete(1), /if of the disks and instances the one named above lied, and no other$/);
});
