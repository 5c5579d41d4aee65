/**
 * All replicas killed at once, in the middle of load, and the service recovered from their disks: again and again. After each time,
 * every operation that was ever acknowledged must be where its receipt says.
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { auditorKeys, LocalService } from '@coppice/cli';
import { nodeCryptography } from '@coppice/cryptography';
import { decodeRecord, receiptCodec, recordTypes, verifyReceipt } from '@coppice/ledger';
import { readSealedFolder } from '@coppice/node';
import { encode, headerDigest, serviceDigest, toHex } from '@coppice/wire';
import { patienceMs, serviceFile, sleep, until } from './cluster.ts';
import { Load } from './load.ts';
import { recoveredHere } from './recovery.ts';

export interface RoundsOptions {
  readonly folder: string;
  readonly rounds: number;
  /** Acknowledged operations of each round, at least, before the kill. */
  readonly operations?: number;
  readonly say?: (line: string) => void;
}

/** What the client was told: where each acknowledged operation is. */
interface Told {
  readonly sequence: number;
  readonly header: string;
}

/** Runs them. Throws where an acknowledged operation is missing, a request failed, or an increment did not count once. */
export async function killAllRounds({
  folder,
  rounds,
  operations = 100,
  say = () => undefined,
}: RoundsOptions): Promise<void> {
  const record = join(folder, 'acknowledged.jsonl');
  let local: LocalService;
  if (existsSync(join(folder, 'service.json'))) {
    // A run that was broken off left them running.
    await killRunning(LocalService.open(folder));
    ({ local } = await recoveredHere(folder));
  } else local = await LocalService.found(folder, { serviceFile, name: 'kill-all' });
  const told = existsSync(record)
    ? readFileSync(record, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Told)
    : [];
  await present(local, told);
  const client = await local.connect(undefined, { giveUpMs: 10 * patienceMs });
  const load = new Load(client, { workers: 16, pauseMs: 2, name: `from ${told.length}` });
  let counted = 0;
  try {
    for (let round = 1; round <= rounds; round++) {
      await load.progress(operations, 10 * patienceMs);
      // Anywhere between two batches, or within one.
      await sleep(Math.random() * 100);
      const generation = local.driver.running();
      await killRunning(local);
      const fresh = load.acknowledged.slice(counted).map(({ committed }) => check(committed));
      counted += fresh.length;
      told.push(...fresh);
      appendFileSync(record, fresh.map((one) => `${JSON.stringify(one)}\n`).join(''));

      const began = performance.now();
      const { answer, local: successor } = await recoveredHere(folder);
      const ms = performance.now() - began;
      local = successor;
      await present(local, told);
      for (const one of generation) rmSync(one.folder, { recursive: true, force: true });
      say(
        `round ${round}: ${told.length} acknowledged operations are there, ${fresh.length} of them new; batch ${answer.head.sequence}, epoch ${answer.head.epoch}; recovered in ${(ms / 1000).toFixed(1)} s`,
      );
      await client.succeed(local.addresses());
    }
    await load.progress(operations, 10 * patienceMs);
    await load.finish();
    say(`${rounds} rounds: ${load.describe()}, ${client.counters.retries} retries`);
  } finally {
    client.close();
    await local.destroy();
  }
}

async function killRunning({ driver }: LocalService): Promise<void> {
  for (const { pid } of driver.running()) process.kill(pid, 'SIGKILL');
  await until('all are gone', () => driver.running().length === 0);
}

/** The receipt of an acknowledged operation holds by itself; gives where it says the operation is. */
function check(committed: Load['acknowledged'][number]['committed']): Told {
  const receipt = committed.receipt();
  const service = serviceDigest(nodeCryptography, receipt.genesis);
  const verdict = verifyReceipt(nodeCryptography, encode(receiptCodec, receipt), { service });
  assert.ok(verdict.ok, JSON.stringify(verdict));
  const { header } = receipt;
  return { sequence: header.sequence, header: toHex(headerDigest(nodeCryptography, header)) };
}

/** Whatever was acknowledged is in the log that a new instance has taken over. */
async function present(local: LocalService, told: readonly Told[]): Promise<void> {
  if (told.length === 0) return;
  const [instance] = local.driver.running();
  assert.ok(instance);
  const headers = new Map<number, string>();
  for await (const item of readSealedFolder(instance.folder, auditorKeys(instance.folder))) {
    if (item.kind !== 'record' || item.record.type !== recordTypes.batch) continue;
    const decoded = decodeRecord(item.record.type, item.record.payload.slice());
    assert.ok(decoded.ok && decoded.value.kind === 'batch');
    headers.set(decoded.value.header.sequence, toHex(headerDigest(nodeCryptography, decoded.value.header)));
  }
  for (const { header, sequence } of told)
    assert.equal(headers.get(sequence), header, `batch ${sequence}, which was acknowledged, is not there`);
}
