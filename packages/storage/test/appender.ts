/**
 * A process that appends to a ledger until it is killed, and says what it was told is durable: `end,` on its output.
 */
import fs from 'node:fs';
import process from 'node:process';
import { openLedger } from '../src/index.ts';
import { service } from './folders.ts';
import { recordAt } from './recorded.ts';

const { ledger } = openLedger(process.argv[2]!, { service, segmentBytes: 100_000 });

/** Many small groups, several syncs in flight. */
function next(): void {
  for (let i = 0; i <= ledger.end % 5; i++) ledger.append(recordAt(ledger.end));
  const { end } = ledger;
  ledger.sync((error) => {
    if (error !== undefined) throw error;
    fs.writeSync(1, `${end},`);
    next();
  });
}

for (let i = 0; i < 3; i++) next();
