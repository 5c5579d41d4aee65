/**
 * `npm run e2e:kill-all -- --rounds 200`: exit status 0 only if nothing that was acknowledged was ever lost. With `--folder`, the
 * service stays there, and the next run goes on with it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAllRounds } from './rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    operations: { type: 'string', default: '100' },
    folder: { type: 'string' },
  },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'coppice-kill-all-'));
try {
  const [rounds, operations] = [Number(values.rounds), Number(values.operations)];
  await killAllRounds({ folder, rounds, operations, say: (line) => console.log(line) });
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exit();
