/**
 * Exactly once: however often a request arrives, and at whichever replicas, it is executed once, and everyone who asks for it with
 * its signature gets that one answer.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { followBatches } from '@coppice/client';
import { newSigner, nodeCryptography } from '@coppice/cryptography';
import { ChainVerifier, includesTransaction, proveRange } from '@coppice/ledger';
import {
  type ClientAnswerOf,
  clientAnswerCodec,
  decode,
  requestDigest,
  resultDigest,
  transactionLeaf,
  merkleLeaf,
} from '@coppice/wire';
import { found, operation, statusOf, told, turned, until, valueOf } from '../cluster.ts';
import { ask, bundleOf, listen, tls } from '../hostile.ts';
import { Load } from '../load.ts';

const increment = operation({ command: 'increment', input: { key: 'once' } });

it('a bundle that goes to all replicas, again and again, counts once', async (t) => {
  const cluster = await found(t);
  const { service } = cluster.local;
  const client = await cluster.client();
  const verifier = ChainVerifier.fromGenesis(nodeCryptography, service, client.chain.genesis);
  assert.ok(verifier.ok);
  const signer = newSigner();
  const bundle = bundleOf(service, { signer, operations: [increment, increment, increment] });

  const answers: ClientAnswerOf<'committed'>[][] = [];
  for (const { clientAddress } of cluster.running()) {
    const got: ClientAnswerOf<'committed'>[] = [];
    answers.push(got);
    const socket = await tls(clientAddress);
    t.after(() => socket.destroy());
    listen(socket, (frame) => {
      const answer = decode(clientAnswerCodec, frame);
      if (answer.ok && answer.value.kind === 'committed') got.push(answer.value);
    });
    for (let i = 0; i < 20; i++) ask(socket, { kind: 'submit', bundle });
  }
  await until('all replicas answer', () => answers.every((got) => got.length > 0));
  // Each answer, of whichever replica, is the same, and proves itself.
  for (const { certificate, first, header, index, path, transactions, via } of answers.flat()) {
    assert.equal(verifier.value.verifyCertified(header, via, certificate), undefined);
    assert.deepEqual(
      transactions.map(({ result }) => valueOf(result)),
      [1, 2, 3],
    );
    assert.equal(first, 1);
    const leaves = transactions.map(({ result, writeSetDigest }, i) => {
      const digest = requestDigest(nodeCryptography, signer.publicKey, 1 + i, increment);
      return transactionLeaf(digest, resultDigest(nodeCryptography, result), writeSetDigest);
    });
    const hashes = leaves.map((leaf) => merkleLeaf(nodeCryptography, leaf));
    const proof = proveRange(nodeCryptography, hashes, index, header.transactions, path)!;
    assert.deepEqual(proof.root, header.transactionsRoot);
    for (const [i, leaf] of leaves.entries())
      assert.ok(includesTransaction(nodeCryptography, header, leaf, index + i, proof.path(index + i)));
  }
  assert.equal(valueOf((await client.submit(increment)).result), 4);
});

it('a client that retries through a view change and a turn is executed once', async (t) => {
  const cluster = await found(t);
  cluster.local.startHost();
  // So impatient that it retries nearly everything.
  const client = await cluster.client({ retryMs: 20 });
  const load = new Load(client, { workers: 16, pauseMs: 0 });
  await load.progress(200);
  const { primary } = await statusOf(cluster.at(0));
  const stopped = cluster.at(primary);
  cluster.signal(stopped, 'SIGSTOP');
  await load.progress(100);
  cluster.signal(stopped, 'SIGCONT');
  await load.progress(100);
  await turned(cluster, await cluster.client(), (primary + 2) % 4);
  await load.progress(200);
  await load.finish();
  assert.ok(client.counters.retries > 10, `${client.counters.retries} retries`);
  t.diagnostic(`${load.describe()}, ${client.counters.retries} retries`);
});

it('a client that comes back with its key goes on where it stopped', async (t) => {
  const cluster = await found(t);
  const signer = newSigner();
  for (let session = 0; session < 3; session++) {
    const client = await cluster.local.connect(signer);
    for (let i = 1; i <= 5; i++) assert.equal(valueOf((await client.submit(increment)).result), session * 5 + i);
    client.close();
  }
});

it('a replica that was seated since answers what was executed before it was launched', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 8 } });
  cluster.local.startHost();
  const { service } = cluster.local;
  const client = await cluster.client();
  const verifier = ChainVerifier.fromGenesis(nodeCryptography, service, client.chain.genesis);
  assert.ok(verifier.ok);
  const bundle = bundleOf(service, { signer: newSigner(), operations: [increment] });
  const answered = async (clientAddress: string): Promise<ClientAnswerOf<'committed'>> => {
    const got: ClientAnswerOf<'committed'>[] = [];
    const socket = await tls(clientAddress);
    t.after(() => socket.destroy());
    listen(socket, (frame) => {
      const answer = decode(clientAnswerCodec, frame);
      if (answer.ok && answer.value.kind === 'committed') got.push(answer.value);
    });
    ask(socket, { kind: 'submit', bundle });
    await until('the replica answers', () => got.length > 0);
    return got[0]!;
  };
  const first = await answered(cluster.at(0).clientAddress);
  for (let i = 0; i < 20; i++) await client.submit(increment);
  await turned(cluster, client, 1);
  const seated = cluster.local.instanceIn(client, 1)!;
  await until('it has the whole log', () => told(seated, 'history-complete') > 0);
  const { certificate, header, transactions, via } = await answered(seated.clientAddress);
  assert.equal(verifier.value.verifyCertified(header, via, certificate), undefined);
  assert.deepEqual([header, transactions], [first.header, first.transactions]);

  // And whoever follows the log from its beginning, through that replica.
  const [member] = cluster.local.folder.keys('members');
  const { chain } = client;
  const only = { ...chain.configuration, seats: chain.configuration.seats.filter(({ slot }) => slot === 1) };
  const ended = new AbortController();
  const followed: number[] = [];
  const through = { service, configuration: only, verifier: chain.verifier } as never;
  const reader = cluster.local.folder.key('members', member!);
  for await (const { header: next } of followBatches(through, reader, 1, ended.signal)) {
    followed.push(next.sequence);
    if (next.sequence > header.sequence + 20) break;
  }
  ended.abort();
  assert.deepEqual(
    followed,
    followed.map((_, i) => i + 1),
  );
});
