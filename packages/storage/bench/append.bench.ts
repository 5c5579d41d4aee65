/**
 * What durability costs: latency of append + sync by size, and what group commit makes of many callers.
 *
 *   node packages/storage/bench/append.bench.ts [folder]
 *
 * Rounds of all cases are interleaved; each line is the median over rounds of the round's p50 and p90, in milliseconds,
 * with the spread of the p50 over rounds. "plain" is the same write and fdatasync without a ledger, into a file that grows.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { type Ledger, openLedger, readLedger } from '@coppice/storage';

const service = new Uint8Array(32);
const rounds = 5;
const folder = fs.mkdtempSync(join(process.argv[2] ?? tmpdir(), 'coppice-bench-'));

const now = (): number => performance.now();

interface Figures {
  readonly p50: number;
  readonly p90: number;
  readonly cpu: number;
  readonly perSecond: number;
}

/** Runs `one` `count` times, `outstanding` at a time. CPU is the process's, in milliseconds a call. */
async function measure(count: number, outstanding: number, one: () => Promise<void>): Promise<Figures> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const start = now();
  let left = count;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const begun = now();
      await one();
      latencies.push(now() - begun);
    }
  };
  await Promise.all(Array.from({ length: outstanding }, caller));
  const seconds = (now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (part: number): number => latencies.at(Math.floor(part * latencies.length)) ?? NaN;
  return { p50: at(0.5), p90: at(0.9), cpu: (user + system) / 1000 / count, perSecond: count / seconds };
}

function durably(ledger: Ledger, payload: Uint8Array): Promise<void> {
  ledger.append({ type: 1, sequence: ledger.end, payload });
  return new Promise((resolve, reject) => ledger.sync((error) => (error === undefined ? resolve() : reject(error))));
}

async function plainly(fd: number, payload: Uint8Array): Promise<void> {
  await promisify(fs.writev)(fd, [payload]);
  await promisify(fs.fdatasync)(fd);
}

const cases: { name: string; run: () => Promise<Figures>; figures: Figures[] }[] = [];
const { ledger } = openLedger(join(folder, 'ledger'), { service });
for (const kibibytes of [4, 32, 128]) {
  const payload = new Uint8Array(kibibytes * 1024).fill(7);
  const fd = fs.openSync(join(folder, `plain-${kibibytes}`), 'w');
  cases.push({
    name: `${kibibytes} KiB, ledger`,
    run: () => measure(200, 1, () => durably(ledger, payload)),
    figures: [],
  });
  cases.push({ name: `${kibibytes} KiB, plain`, run: () => measure(200, 1, () => plainly(fd, payload)), figures: [] });
}
for (const callers of [1, 8, 64]) {
  const payload = new Uint8Array(4096).fill(7);
  const run = (): Promise<Figures> => measure(200 * callers, callers, () => durably(ledger, payload));
  cases.push({ name: `4 KiB, ${callers} callers`, run, figures: [] });
}

for (let round = 0; round < rounds; round++) for (const one of cases) one.figures.push(await one.run());

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b).at(numbers.length >> 1) ?? NaN;
console.log('case'.padEnd(20), 'p50 ms (spread)'.padEnd(24), 'p90 ms', 'CPU ms', 'syncs/s');
for (const { name, figures } of cases) {
  const p50 = figures.map((figure) => figure.p50);
  const spread = `${median(p50).toFixed(3)} (${Math.min(...p50).toFixed(3)}-${Math.max(...p50).toFixed(3)})`;
  const p90 = median(figures.map((figure) => figure.p90)).toFixed(3);
  const cpu = median(figures.map((figure) => figure.cpu)).toFixed(3);
  const perSecond = median(figures.map((figure) => figure.perSecond)).toFixed(0);
  console.log(name.padEnd(20), spread.padEnd(24), `${p90} `, `${cpu} `, perSecond);
}

await new Promise<void>((resolve) => ledger.close(() => resolve()));
const start = now();
let bytes = 0;
for (const item of readLedger(join(folder, 'ledger'))) if (item.kind === 'record') bytes += item.frameBytes;
const seconds = (now() - start) / 1000;
console.log(`reading back, cached: ${(bytes / 1e6 / seconds).toFixed(0)} MB/s of ${(bytes / 1e6).toFixed(0)} MB`);
fs.rmSync(folder, { recursive: true });
