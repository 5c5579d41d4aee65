/**
 * State transfer while the log goes on: what a faulty replica can do to one that is behind.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, limits } from '@coppice/wire';
import { type Message, messageCodec } from '../src/message.ts';
import { Cluster, type Node } from './cluster.ts';
import { toyItem } from './toy.ts';

/** So much of time under load: a batch every 20 ms, a stable checkpoint every 160 ms. */
function load(cluster: Cluster, at: Node, ms: number): void {
  for (let i = 0; i < ms; i += 20) {
    cluster.submit(at, toyItem(`${cluster.now}`));
    cluster.pass(20);
  }
}

for (const slot of [0, 1, 2]) {
  test(`replica ${slot} keeps its parts of the state for itself, and holds up nobody`, () => {
    const cluster = new Cluster(4);
    cluster.pass(400);
    const primary = cluster.nodes[0]!;
    const [silent, victim] = [cluster.nodes[slot]!, cluster.nodes[3]!];
    cluster.passes = (from, to) => from !== victim && to !== victim;
    load(cluster, primary, 1000);
    cluster.passes = (from, _, message) => !(from === silent && message.kind === 'state');
    // The first question goes unanswered for a while, and by then the others have forgotten that snapshot.
    load(cluster, primary, 3000);
    const behind = primary.replica.committed - victim.replica.committed;
    assert.ok(behind < 16, `${behind} batches behind`);
    cluster.checkAgreement();
  });
}

test('whoever asks for more of a state than it may have waits, and only the last question', () => {
  const cluster = new Cluster(4, { stateBytesPerSecond: 100 });
  const [asked, asking, other] = cluster.nodes as [Node, Node, Node];
  load(cluster, asked, 1000);
  const answers: [Node, number][] = [];
  cluster.passes = (from, to, message) => {
    if (from === asked && message.kind === 'state') answers.push([to, message.sequence]);
    return false;
  };
  const sequence = asked.replica.stable;
  const ask = (from: Node, of: number): void =>
    cluster.input(asked, {
      kind: 'message',
      from: from.id,
      message: { kind: 'fetch-state', sequence: of, paths: [new Uint8Array(0)] },
    });
  ask(asking, sequence);
  for (const later of [1, 2, 3]) ask(asking, later);
  ask(other, sequence);
  assert.deepEqual(answers, [
    [asking, sequence],
    [other, sequence],
  ]);
  answers.length = 0;
  const due = asked.replica.peers.get(asking.id)!.stateDue - cluster.now;
  cluster.pass(due - 40);
  assert.deepEqual(answers, []);
  cluster.pass(80);
  assert.deepEqual(answers, [[asking, 3]]);
});

test('an offer fits one message, however many epochs the service has behind it', () => {
  const cluster = new Cluster(4);
  const [old, asking] = [cluster.nodes[0]!, cluster.nodes[1]!];
  load(cluster, old, 1000);
  const { replica } = old;
  const { header, certificate } = [...replica.log.values()].find((entry) => entry.certificate !== undefined)!;
  replica.epochs = Array.from({ length: 5000 }, () => ({
    header,
    certificate: certificate!,
    next: replica.configuration,
  }));
  replica.stableCertificate = { ...replica.stableCertificate!, epoch: 5000 };

  const offers: number[] = [];
  cluster.passes = (from, to, message) => {
    if (from === old && to === asking && message.kind === 'snapshot') offers.push(message.epochs.length);
    return false;
  };
  for (const epoch of [0, 4900, 6000]) {
    cluster.input(old, { kind: 'message', from: asking.id, message: { kind: 'fetch-snapshot', epoch } });
  }
  assert.deepEqual(offers, [512, 100, 0]);
});

test('an offer fits one message, however long the signatures are', () => {
  const cluster = new Cluster(4);
  const [old, asking] = [cluster.nodes[0]!, cluster.nodes[1]!];
  load(cluster, old, 1000);
  const { replica } = old;
  const { certificate, header } = [...replica.log.values()].find((entry) => entry.certificate !== undefined)!;
  const reveals = certificate!.reveals.map((reveal) => ({ ...reveal, signature: new Uint8Array(3373) }));
  const epoch = { header, certificate: { ...certificate!, reveals }, next: replica.configuration };
  replica.epochs = Array.from({ length: 500 }, () => epoch);
  replica.stableCertificate = { ...replica.stableCertificate!, epoch: 500 };

  const offers: Message[] = [];
  cluster.passes = (from, to, message) => {
    if (from === old && to === asking && message.kind === 'snapshot') offers.push(message);
    return false;
  };
  cluster.input(old, { kind: 'message', from: asking.id, message: { kind: 'fetch-snapshot', epoch: 0 } });
  const bytes = encode(messageCodec, offers[0]!).length;
  assert.ok(bytes > limits.messageBytes / 3 && bytes < limits.messageBytes, `${bytes}`);
});

test('a chain of epochs too long for one offer is proven by several', () => {
  const cluster = new Cluster(4);
  const [primary, , , victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.pass(400);
  const offers: (Message & { kind: 'snapshot' })[] = [];
  const asked: number[] = [];
  cluster.passes = (from, to, message) => {
    if (to === victim && message.kind === 'snapshot') offers.push(message);
    if (from === victim && message.kind === 'fetch-snapshot') asked.push(message.epoch);
    return to !== victim || message.kind === 'status';
  };
  for (let epoch = 0; epoch < 3; epoch++) {
    cluster.submit(primary, toyItem('close'));
    load(cluster, primary, 600);
  }
  load(cluster, primary, 3000);
  const offer = offers.at(-1)!;
  assert.ok(offer.epochs.length >= 3);
  const tell = (epochs: typeof offer.epochs): void =>
    cluster.input(victim, { kind: 'message', from: primary.id, message: { ...offer, epochs } });
  tell(offer.epochs.slice(0, 2));
  assert.equal(victim.replica.proven.length, 2);
  // Whoever was asked for batches begins with epoch 0.
  tell(offer.epochs.slice(0, 1));
  assert.deepEqual(asked, [2, 2]);
  tell([]);
  assert.equal(victim.rejected.at(-1), 'snapshot: wrong-chain (an epoch is missing)');
  cluster.passes = () => true;
  load(cluster, primary, 3000);
  assert.ok(victim.reports.includes('installed'));
  cluster.checkAgreement();
});

test('a state of which nothing differs is taken over without a question', () => {
  const cluster = new Cluster(4);
  cluster.pass(400);
  const [primary, , , victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.submit(primary, toyItem('the last one'));
  cluster.pass(400);
  cluster.passes = (from, to) => from !== victim && to !== victim;
  // Nothing but heartbeats, until the others have forgotten the entries.
  cluster.pass(6000);
  assert.ok(primary.replica.log.get(victim.replica.committed + 1) === undefined);
  cluster.passes = () => true;
  cluster.pass(1000);
  assert.ok(victim.reports.includes('installed'));
  assert.ok(primary.replica.committed - victim.replica.committed <= 2);
  cluster.checkAgreement();
});
