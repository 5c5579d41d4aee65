/**
 * What the state costs: a transaction, folding it, the digest of a changed key, another hash, and memory.
 *
 *     node --expose-gc packages/state/bench/digest.bench.ts [keys] [changed]
 *
 * Prints medians of several rounds. Values are of 128 bytes, keys of 16, spread at random over the map.
 */
import { hash } from 'node:crypto';
import process from 'node:process';
import { type Cryptography, ofAllVersions } from '@coppice/wire';
import { encodeWriteSet, State } from '@coppice/state';

const cryptography: Cryptography = ofAllVersions(
  {
    hash: (bytes) => hash('sha256', bytes, 'buffer'),
    verify: () => false,
    validPublicKey: () => false,
  },
  (bytes) => hash('sha3-256', bytes, 'buffer'),
);

const keys = Number(process.argv[2] ?? 1_000_000);
const changed = Number(process.argv[3] ?? 1_000);
const perBatch = 300;
const rounds = 45;

const keyOf = (i: number): string => ((i * 2_654_435_761) % 4_294_967_296).toString().padStart(16, '0');

function median(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[sorted.length >> 1] ?? 0).toFixed(2).padStart(9);
}

function report(what: string, values: number[]): void {
  console.log(`${median(values)} µs  ${what} (min ${Math.min(...values).toFixed(2)})`);
}

/** Of the heap and the buffers, and of the process. */
function memory(): { used: number; resident: number } {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { used: (heapUsed + arrayBuffers) / 1e6, resident: rss / 1e6 };
}

const state = new State(cryptography);
const before = memory();
let started = performance.now();
for (let i = 0; i < keys;) {
  const overlay = state.begin();
  const transaction = overlay.transaction();
  for (let k = 0; k < 1000 && i < keys; k++, i++) transaction.set('accounts', keyOf(i), new Uint8Array(128).fill(i));
  transaction.commit();
  state.fold();
}
const filled = performance.now();
const first = state.snapshot();
console.log(`${(((filled - started) / keys) * 1e3).toFixed(2).padStart(9)} µs  a key, filling with ${keys} keys`);
console.log(`${(((performance.now() - filled) / keys) * 1e3).toFixed(2).padStart(9)} µs  a key, the first digest`);
const after = memory();
const [used, resident] = [after.used - before.used, after.resident - before.resident];
console.log(`${used.toFixed(0).padStart(9)} MB  for ${keys} keys of 128 bytes; ${resident.toFixed(0)} MB resident`);

const perTransaction: number[] = [];
const perFold: number[] = [];
const perRead: number[] = [];
const perDirty: number[] = [];
let next = 0;
let kept = first;
for (let round = 0; round < rounds; round++) {
  let executing = 0;
  let folding = 0;
  for (let done = 0; done < changed; done += perBatch) {
    const overlay = state.begin();
    const values = Array.from({ length: perBatch }, (_, i) => new Uint8Array(128).fill(i + round));
    const names = values.map(() => keyOf((next = (next + 7_919) % keys)));
    started = performance.now();
    for (let i = 0; i < perBatch; i++) {
      const transaction = overlay.transaction();
      transaction.set('accounts', names[i]!, values[i]!);
      encodeWriteSet(transaction.commit());
    }
    executing += performance.now() - started;
    started = performance.now();
    state.fold();
    folding += performance.now() - started;
  }
  const count = Math.ceil(changed / perBatch) * perBatch;
  perTransaction.push((executing / count) * 1e3);
  perFold.push((folding / count) * 1e3);
  started = performance.now();
  kept = state.snapshot();
  perDirty.push(((performance.now() - started) / count) * 1e3);
  const names = Array.from({ length: 1000 }, (_, i) => keyOf((i * 104_729 + round) % keys));
  const view = state.view();
  started = performance.now();
  for (const name of names) view.get('accounts', name);
  perRead.push(performance.now() - started);
}
report('a transaction of one set, with its encoded write set', perTransaction);
report('a key, folding', perFold);
report(`a changed key, digest of ${changed} changed keys`, perDirty);
report('a read of a committed key', perRead);
started = performance.now();
const damage = kept.rehash(0, 64);
report('a key, rehashing a 64th', [((performance.now() - started) / (keys / 64)) * 1e3]);
started = performance.now();
state.hashBy(cryptography.of(4));
state.digest();
report('a key, hashing all of it by SHA3-256', [((performance.now() - started) / keys) * 1e3]);
if (damage !== undefined) throw new Error(`damage at ${damage}`);
