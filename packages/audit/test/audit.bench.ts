/**
 * What auditing a transaction costs, of one core: `node packages/audit/test/audit.bench.ts [batches] [requests a batch]`.
 * CPU time, which a busy machine disturbs less than elapsed time; the best of three.
 */
import { audit } from '@coppice/audit';
import { testCryptography as cryptography } from '../../ledger/test/fixtures.ts';
import { inputOf, LedgerScript, options } from './ledger-script.ts';

const [batches = 100, requests = 500] = process.argv.slice(2).map(Number);
const script = new LedgerScript();
for (let i = 1; i <= batches; i++) {
  script.batch(script.bundle('alice', requests / 2), script.bundle('bob', requests / 2));
  if (i % 64 === 0) script.checkpoint();
}
const inputs = inputOf(script.records);
const { genesisWriteSet } = options;

for (const [name, more] of [
  ['without', {}],
  ['with', { genesisWriteSet: genesisWriteSet! }],
] as const) {
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    const before = process.cpuUsage();
    const { ok, transactions } = await audit(inputs, { cryptography, ...more });
    const { user, system } = process.cpuUsage(before);
    if (!ok) throw new Error('the ledger of the benchmark is in order');
    best = Math.min(best, (user + system) / transactions);
  }
  console.log(`${name} recomputing the state: ${best.toFixed(1)} µs a transaction, ${Math.round(1e6 / best)}/s a core`);
}
