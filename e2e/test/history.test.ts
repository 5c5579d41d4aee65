/**
 * What keys had, from real replicas: proven to a client, and to somebody with the proof and the service digest alone; also by
 * an instance that joined after it was so.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { callerOf, DoorConnection, DoorError, historyOf } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { historicalValueCodec, shownValueCodec, verifyHistoricalValue } from '@coppice/ledger';
import { encodeKey } from '@coppice/service';
import { decode, encode, fromLatin1, toHex } from '@coppice/wire';
import { found, operation, turned, until } from '../cluster.ts';
import { commandLine } from '../recovery.ts';
import service from '../service.ts';

it('the past of a key is proven, whoever is asked', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 4 } });
  cluster.local.startHost();
  const client = await cluster.client();
  const history = historyOf<number>(client, 'counters');
  const increment = operation({ command: 'increment', input: { key: 'k' } });
  const places: number[] = [];
  for (let i = 0; i < 6; i++) places.push((await client.submit(increment)).sequence);
  // What makes the next checkpoint.
  for (let i = 0; i < 5; i++) await client.submit(operation({ command: 'put', input: { key: 'other', value: '' } }));

  for (const [i, place] of places.entries()) {
    const { value, from, until: replaced, document } = await history.at('k', place);
    assert.deepEqual([value, from, replaced], [i + 1, place, places[i + 1]]);
    const bytes = encode(historicalValueCodec, document());
    const verdict = verifyHistoricalValue(nodeCryptography, bytes, { service: cluster.local.service });
    assert.ok(verdict.ok);
    assert.equal(verdict.facts.from, place);
  }
  // On the command line, too, with a proof for others.
  const proof = join(cluster.folder, 'k.proof');
  const asked = ['query', 'counters', 'k', '--at', String(places[3]), '--folder', cluster.folder, '--proof', proof];
  const { versions } = (await commandLine(...asked)).answer as { versions: { value: number; from: number }[] };
  assert.deepEqual([versions[0]!.value, versions[0]!.from], [4, places[3]]);
  const verified = await commandLine('history', 'verify', proof, '--service', toHex(cluster.local.service));
  assert.deepEqual([verified.status, (verified.answer as { value: number }).value], [0, 4]);

  const values: (number | undefined)[] = [];
  for await (const { value } of history.versions('k', { to: places.at(-1)! })) values.push(value);
  assert.deepEqual(values, [6, 5, 4, 3, 2, 1, undefined]);
  await assert.rejects(
    historyOf(client, 'values').at('other'),
    (error) => error instanceof DoorError && error.message === 'not-allowed',
  );

  // Each replica makes its index when it is first asked for, and says how far it has come.
  const caller = callerOf(service, client);
  await caller.increment({ key: 'once' });
  const highest = await until('an index is complete', async () => {
    const answer = await caller.highest();
    return answer.through > places.at(-1)! ? answer : undefined;
  });
  assert.equal(highest.key, 'k');

  await turned(cluster, client, 1);
  const { clientAddress } = cluster.at(1);
  const key = fromLatin1(encodeKey('k'));
  const connection = await DoorConnection.open(clientAddress, undefined);
  t.after(() => connection.close());
  await until('the newcomer has a stable checkpoint', async () => {
    const question = { kind: 'history', map: 'counters', key, at: places[0], as: undefined } as const;
    const answer = decode(shownValueCodec, (await connection.ask(question, 'history')).shown);
    return answer.ok && answer.value.shown.kind === 'past' && answer.value.shown.until === places[1];
  });
});
