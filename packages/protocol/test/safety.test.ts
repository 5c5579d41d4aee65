/**
 * What one faulty replica of four can do to a correct one: nothing that makes it vote twice, forget, or fall silent.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkpointStatement,
  commitmentOf,
  encode,
  headerDigest,
  refusalStatement,
  toLatin1,
  type Vote,
  voteStatement,
} from '@coppice/wire';
import { contradictionReason } from '@coppice/ledger';
import { type Message, messageCodec, type Replica } from '../src/index.ts';
import { Cluster, type Node, service } from './cluster.ts';
import { signerOf, toyCryptography, toyItem } from './toy.ts';

function tell(cluster: Cluster, from: Node, to: Node, message: Message): void {
  cluster.input(to, { kind: 'message', from: from.id, message });
}

test('a certified header at the end of forged ones moves nothing', () => {
  const cluster = new Cluster(4);
  cluster.pass(400);
  const [primary, liar, , victim] = cluster.nodes as [Node, Node, Node, Node];
  // The victim votes, and does not hear that the others commit.
  cluster.passes = (_, to, message) => !(to === victim && message.kind === 'commit');
  for (const text of ['a', 'b']) {
    cluster.submit(primary, toyItem(text));
    cluster.deliver();
  }
  const { replica } = victim;
  const { committed, executed } = replica;
  assert.ok(executed > committed + 1 && liar.replica.committed === executed);
  const mine = replica.log.get(committed + 1)!;
  // The question that an honest message of a later epoch would raise.
  tell(cluster, liar, victim, { kind: 'commit', epoch: 1, view: 0, reveals: [] });
  assert.equal(replica.fetching?.peer, liar.id);
  const last = liar.replica.log.get(executed)!;
  tell(cluster, liar, victim, {
    kind: 'entries',
    entries: [
      { header: { ...mine.header, time: mine.header.time + 1 }, batch: mine.batchBytes },
      { header: last.header, batch: last.batchBytes },
    ],
    certificate: last.certificate!,
  });
  assert.equal(victim.rejected.at(-1), 'entries: wrong-header');
  assert.equal(replica.log.get(committed + 1), mine);
  assert.equal(replica.executed, executed);
  assert.equal(replica.mute, false);
  cluster.passes = () => true;
  cluster.pass(1500);
  assert.ok(replica.committed >= executed);
  cluster.checkAgreement();
});

/** The stable checkpoint of a replica, as it offers it. */
function snapshotOf(replica: Replica): Extract<Message, { kind: 'snapshot' }> {
  const { size, peaks, recent } = replica.stableFrontier!;
  return {
    kind: 'snapshot',
    epochs: [],
    certificate: replica.stableCertificate!,
    header: replica.stableHeader!,
    frontier: { size, peaks },
    recent,
  };
}

/** A replica has voted beyond the stable checkpoint of the others, and has not heard of a single commit up to there. */
function lagging(): { cluster: Cluster; victim: Node; others: readonly Node[] } {
  const cluster = new Cluster(4, { checkpointInterval: 4 });
  const [first, second, third, victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.passes = (_, to, { kind }) => to !== victim || kind === 'pre-prepare' || kind === 'prepare';
  for (let i = 0; i < 6; i++) {
    cluster.submit(first, toyItem(`op ${i}`));
    cluster.deliver();
  }
  const { committed, executed } = victim.replica;
  assert.deepEqual([committed, first.replica.stable], [0, 4]);
  assert.ok(executed > 5);
  return { cluster, victim, others: [first, second, third] };
}

test('whoever received the state does not vote again for what it voted for above it', () => {
  const { cluster, victim, others } = lagging();
  const [primary, bearer] = others as [Node, Node];
  const { replica } = victim;
  const voted = replica.log.get(5)!;
  const sent: Message[] = [];
  cluster.passes = (from, _, message) => {
    if (from === victim) sent.push(message);
    return message.kind === 'fetch-state' || message.kind === 'state';
  };
  for (const node of cluster.nodes)
    tell(cluster, node, victim, { kind: 'status', epoch: 0, view: 0, committed: 6, stable: 4 });
  tell(cluster, bearer, victim, snapshotOf(bearer.replica));
  cluster.deliver();
  assert.deepEqual([replica.committed, replica.executed], [4, 4]);

  // A faulty primary now shows another header for the same place of the same view.
  const header = { ...voted.header, time: voted.header.time + 1 };
  const subject = {
    epoch: 0,
    view: 0,
    sequence: 5,
    headerDigest: headerDigest(toyCryptography, header),
    newView: new Uint8Array(32),
  };
  const commitment = commitmentOf(toyCryptography, new Uint8Array(32));
  const signature = signerOf(primary.slot, 0, 0).sign(voteStatement(service, subject, commitment));
  const vote = { subject, slot: primary.slot, commitment, signature };
  tell(cluster, primary, victim, { kind: 'pre-prepare', header, batch: voted.batchBytes, vote });
  assert.deepEqual(
    sent.filter(({ kind }) => kind === 'prepare'),
    [],
  );

  cluster.passes = () => true;
  cluster.pass(2000);
  assert.ok(replica.committed > 6);
  cluster.checkAgreement();
});

test('a snapshot whose frontier hides recent headers is not taken', () => {
  const { cluster, victim, others } = lagging();
  const snapshot = snapshotOf(others[1]!.replica);
  const { tree } = others[1]!.replica;
  const frontier = { size: 3, peaks: tree.frontier(3) };
  tell(cluster, others[1]!, victim, { ...snapshot, frontier, recent: [tree.leaf(3)!] });
  assert.equal(victim.rejected.at(-1), 'snapshot: wrong-chain (frontier)');
  assert.equal(victim.replica.transfer, undefined);
});

test('what is committed while the state is transferred is not taken back', () => {
  const { cluster, victim, others } = lagging();
  const { replica } = victim;
  cluster.passes = (_, to, { kind }) => to !== victim || kind !== 'state';
  tell(cluster, others[1]!, victim, snapshotOf(others[1]!.replica));
  assert.ok(replica.transfer !== undefined);
  for (const node of others) {
    const reveals = [1, 2, 3, 4, 5].map((sequence) => ({
      sequence,
      nonce: node.replica.log.get(sequence)!.certificate!.reveals.find(({ slot }) => slot === node.slot)!.nonce,
    }));
    tell(cluster, node, victim, { kind: 'commit', epoch: 0, view: 0, reveals });
  }
  assert.equal(replica.committed, 5);
  cluster.passes = () => true;
  cluster.pass(1000);
  assert.ok(!victim.reports.includes('installed'));
  assert.equal(replica.transfer, undefined);
  assert.ok(replica.committed > 5);
});

test('keys of an epoch that ended behind the back of a replica are erased, and it says so', () => {
  const cluster = new Cluster(4);
  const victim = cluster.nodes[3]!;
  cluster.pass(40);
  victim.down = true;
  cluster.submit(cluster.nodes[0]!, toyItem('close'));
  cluster.pass(100);
  for (let i = 0; i < 60; i++) {
    cluster.submit(cluster.nodes[0]!, toyItem(`op ${i}`));
    cluster.pass(20);
  }
  const notices: number[] = [];
  cluster.passes = (from, _, message) => {
    if (message.kind === 'forward' && message.item.kind === 'system' && message.item.request.kind === 'erasure')
      if (from === victim) notices.push(message.item.request.erasure.epoch);
    return true;
  };
  victim.down = false;
  cluster.pass(1000);
  assert.ok(victim.reports.includes('installed'));
  assert.ok(notices.length >= 3 && notices.every((epoch) => epoch === 0));
});

test('a replica whose state is damaged stops following, and receives that of a later checkpoint', () => {
  const cluster = new Cluster(4);
  const victim = cluster.nodes[3]!;
  cluster.pass(400);
  let damaged = true;
  victim.execution.damage = (() => {
    const path = damaged ? 'here' : undefined;
    damaged = false;
    return path;
  }) as typeof victim.execution.damage;
  cluster.pass(8000);
  assert.ok(victim.reports.includes('corrupt-state'));
  assert.ok(victim.reports.includes('installed'));
  assert.equal(victim.replica.corrupt, false);
  assert.ok(victim.replica.committed >= cluster.nodes[0]!.replica.committed - 2);
  cluster.checkAgreement();
});

test('one that claims to be far ahead and answers nothing holds up neither who lags nor a candidate', () => {
  const cluster = new Cluster(4);
  const [first, liar, , victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.pass(40);
  victim.down = true;
  for (let i = 0; i < 5; i++) cluster.submit(first, toyItem(`op ${i}`));
  cluster.submit(first, toyItem('candidate 0 1'));
  cluster.pass(100);
  victim.down = false;
  cluster.launch(0, 1);
  cluster.passes = (from, to, message) => {
    if (from !== liar) return true;
    // Statuses of the liar are what it likes, and it raises the question again and again.
    const { epoch } = to.replica;
    if (message.kind === 'status') {
      tell(cluster, liar, to, { ...message, committed: 2 ** 40 });
      tell(cluster, liar, to, { kind: 'commit', epoch: epoch + 1, view: 0, reveals: [] });
    }
    return message.kind === 'prepare' || message.kind === 'commit';
  };
  cluster.pass(4000);
  assert.ok(victim.operations.includes('op 4'));
  assert.equal(cluster.nodes[4]!.replica.slot, 0);
  cluster.checkAgreement();
});

test('a slot has one checkpoint and a bounded number of refusals remembered, whatever it signs', () => {
  const cluster = new Cluster(4);
  const [, honest, liar, victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.pass(40);
  const { replica } = victim;
  const before = replica.checkpoints.size;
  for (let i = 0; i < 20; i++) {
    const roots = { ledgerRoot: new Uint8Array(32), stateDigest: new Uint8Array(32) };
    const sequence = 2 ** 40 - i;
    const signature = signerOf(2, 0, 0).sign(checkpointStatement(service, { sequence, ...roots }));
    tell(cluster, liar, victim, { kind: 'checkpoint', epoch: 0, slot: 2, sequence, ...roots, signature });
  }
  assert.equal(replica.checkpoints.size, before + 1);

  const refuse = (by: Node, name: string): string => {
    const request = toyCryptography.hash(new TextEncoder().encode(name));
    const refusal = { service, epoch: 0, view: 0, sequence: 9, headerDigest: request, request, slot: by.slot };
    const signature = signerOf(by.slot, 0, 0).sign(refusalStatement(refusal));
    tell(cluster, by, victim, { kind: 'refusal', refusal: { ...refusal, signature } });
    return toLatin1(request);
  };
  const real = refuse(honest, 'the one that differs');
  for (let i = 0; i < 200; i++) refuse(liar, `any ${i}`);
  assert.ok(replica.refusals.get(real)!.size === 1);
  assert.ok(replica.refusals.size <= 65, `${replica.refusals.size}`);
});

test('a batch stays within its bound where a challenge is owed and requests fill it to the last byte', () => {
  const batchBytesMax = 4096;
  const cluster = new Cluster(4, { batchBytesMax });
  cluster.pass(400);
  const sizes: number[] = [];
  cluster.passes = (_, __, message) => {
    if (message.kind === 'pre-prepare') sizes.push(message.batch.length);
    return true;
  };
  const [primary] = cluster.nodes as [Node];
  const openedAt = primary.replica.committed;
  primary.execution.challengeOwed = (() =>
    Math.abs(primary.replica.executed - openedAt - 10) < 2 ? { turn: 1, openedAt } : undefined) as () => undefined;
  // Held back until the window is full: the next batches get as much as they hold, and the challenge.
  for (const node of cluster.nodes) node.holdDisk = true;
  for (let i = 0; i < 20; i++) cluster.submit(primary, toyItem(String(i).padEnd(2048 - 133 - 2, '.')));
  cluster.deliver();
  for (const node of cluster.nodes) cluster.releaseDisk(node);
  cluster.pass(1000);
  assert.ok(primary.operations.length >= 20);
  assert.ok(Math.max(...sizes) > 3000 && Math.max(...sizes) <= batchBytesMax, sizes.join());
});

test('what a view adopted arrives where it is larger than a message', () => {
  const cluster = new Cluster(4, { window: 16 });
  cluster.pass(400);
  const [primary, , , victim] = cluster.nodes as [Node, Node, Node, Node];
  for (const node of cluster.nodes) node.holdDisk = true;
  let largest = 0;
  let answers = 0;
  cluster.passes = (_, to, message) => {
    if (message.kind === 'held') {
      largest = Math.max(largest, encode(messageCodec, message).length);
      answers += 1;
    }
    return to !== victim || message.kind !== 'pre-prepare' || message.vote.subject.view > 0;
  };
  for (let i = 0; i < 16; i++) cluster.submit(primary, toyItem(`${i}`.padEnd(520_000, '.')));
  cluster.deliver();
  primary.down = true;
  for (const node of cluster.nodes.slice(1)) {
    cluster.releaseDisk(node);
    // Nothing that was revealed in the old view arrives.
    node.waiting.length = 0;
  }
  cluster.queue.length = 0;
  cluster.pass(2500);
  assert.ok(answers >= 2 && largest < 5 * 1024 * 1024, `${answers} ${largest}`);
  assert.equal(victim.operations.length, 16);
  cluster.checkAgreement();
});

test('what a view adopted is asked of all who may have it, where whoever names it is gone', () => {
  const cluster = new Cluster(4, { viewTimeoutMs: 3000 });
  cluster.pass(400);
  const [first, second, , victim] = cluster.nodes as [Node, Node, Node, Node];
  // Prepared at the primary alone, and unknown to one: the view change of the primary is what names it.
  cluster.passes = (_, to, { kind }) =>
    kind === 'view-change' ? to === second : kind === 'prepare' ? to === first : kind !== 'commit' && to !== victim;
  first.holdDisk = true;
  cluster.submit(first, toyItem('adopted'));
  cluster.deliver();
  const { executed } = first.replica;
  assert.ok(first.replica.highestPrepared?.header.sequence === executed && victim.replica.executed < executed);
  cluster.pass(3400);
  assert.deepEqual(
    cluster.nodes.map(({ replica }) => replica.view),
    [1, 1, 1, 0],
  );
  first.down = true;
  cluster.passes = () => true;
  cluster.pass(2000);
  assert.equal(victim.replica.view, 1);
  assert.ok(victim.operations.includes('adopted'));
  cluster.checkAgreement();
});

test('whoever says again and again that it is behind is sent what it missed once an interval', () => {
  const cluster = new Cluster(4);
  cluster.pass(400);
  const [primary, liar] = cluster.nodes as [Node, Node];
  for (const node of cluster.nodes) node.holdDisk = true;
  cluster.submit(primary, toyItem('a'));
  cluster.deliver();
  let resent = 0;
  cluster.passes = (from, to, m) => {
    const last = m.kind === 'pre-prepare' && m.header.sequence === primary.replica.executed;
    if (from === primary && to === liar && last) resent += 1;
    return true;
  };
  const status = { kind: 'status', epoch: 0, view: 0, committed: 0, stable: 0 } as const;
  for (let i = 0; i < 50; i++) tell(cluster, liar, primary, status);
  for (let i = 0; i < 50; i++) cluster.input(primary, { kind: 'connected', peer: liar.id });
  assert.equal(resent, 1);
});

/** A vote of this slot in epoch 0, as its key signs it. */
function voteOf(slot: number, subject: Vote['subject']): Vote {
  const commitment = commitmentOf(toyCryptography, new Uint8Array(32).fill(slot));
  return {
    subject,
    slot,
    commitment,
    signature: signerOf(slot, 0, 0).sign(voteStatement(service, subject, commitment)),
  };
}

/** Replicas that have executed `count` batches more than they can commit, of which one slot has not voted. */
function uncommitted(count: number): { cluster: Cluster; liar: Node; victim: Node; subjects: Vote['subject'][] } {
  const cluster = new Cluster(4);
  cluster.pass(400);
  const [primary, liar, victim] = cluster.nodes as [Node, Node, Node, Node];
  cluster.passes = (from, _, { kind }) => from !== liar && kind !== 'commit';
  for (let i = 0; i < count; i++) {
    cluster.submit(primary, toyItem(`op ${i}`));
    cluster.deliver();
  }
  const { committed, epoch, executed, log, newViewDigest: newView, view } = victim.replica;
  assert.equal(executed, committed + count);
  const subjects = Array.from({ length: count }, (_, i) => {
    const sequence = committed + 1 + i;
    return { epoch, view, sequence, headerDigest: log.get(sequence)!.headerDigest, newView };
  });
  return { cluster, liar, victim, subjects };
}

for (const order of ['before', 'after'] as const) {
  test(`votes on two chains are a fault proof, the stray one told ${order} the other`, () => {
    const { cluster, liar, victim, subjects } = uncommitted(3);
    const [first, , third] = subjects as [Vote['subject'], Vote['subject'], Vote['subject']];
    const votes = [voteOf(liar.slot, { ...first, headerDigest: new Uint8Array(32).fill(9) }), voteOf(liar.slot, third)];
    for (const vote of order === 'before' ? votes : votes.toReversed()) {
      assert.ok(!victim.reports.includes('fault'));
      tell(cluster, liar, victim, { kind: 'prepare', vote });
    }
    assert.ok(victim.reports.includes('fault'));
    const [proof] = [...victim.replica.pool.all()].flatMap(({ item }) =>
      item.kind === 'system' && item.request.kind === 'fault' ? [item.request.proof] : [],
    );
    assert.ok(proof?.fork !== undefined);
    const key = signerOf(liar.slot, 0, 0).publicKey;
    assert.equal(contradictionReason(toyCryptography, service, key, proof), undefined);
  });
}

test('votes for one chain are no fault, nor is a vote that another slot forged', () => {
  const { cluster, liar, victim, subjects } = uncommitted(2);
  for (const subject of subjects) tell(cluster, liar, victim, { kind: 'prepare', vote: voteOf(liar.slot, subject) });
  const stray = { ...subjects[0]!, headerDigest: new Uint8Array(32).fill(9) };
  const forged = { ...voteOf(victim.slot, stray), slot: liar.slot };
  tell(cluster, cluster.nodes[3]!, victim, { kind: 'echo', vote: forged });
  assert.ok(!victim.reports.includes('fault'));
});

test('whoever refused what was committed is suspected', () => {
  const { cluster, liar, victim, subjects } = uncommitted(1);
  const { headerDigest: refused, sequence } = subjects[0]!;
  const refusal = { service, epoch: 0, view: 0, sequence, headerDigest: refused, request: refused, slot: liar.slot };
  const signature = signerOf(liar.slot, 0, 0).sign(refusalStatement(refusal));
  tell(cluster, liar, victim, { kind: 'refusal', refusal: { ...refusal, signature } });
  const suspected: string[] = [];
  cluster.passes = (from, _, message) => {
    if (from === victim && message.kind === 'forward' && message.item.kind === 'system')
      if (message.item.request.kind === 'suspicion') suspected.push(message.item.request.suspicion.reason);
    return true;
  };
  cluster.pass(1000);
  assert.ok(victim.replica.committed >= sequence);
  assert.deepEqual([...new Set(suspected)], ['refusing']);
});

test('a vote that is signed when its batch is below what is committed is not sent, and its nonce erased', () => {
  const cluster = new Cluster(4);
  const [primary, backup] = cluster.nodes as [Node, Node];
  for (const text of ['a', 'b', 'c']) {
    cluster.submit(primary, toyItem(text));
    cluster.pass(40);
  }
  const { replica } = backup;
  const sequence = replica.committed - 1;
  const { epoch, view, newViewDigest: newView } = replica;
  assert.ok(sequence > 0 && !replica.votes.has(sequence));
  const subject = { epoch, view, sequence, headerDigest: replica.log.get(sequence)!.headerDigest, newView };
  const nonce = new Uint8Array(32).fill(7);
  const commitment = commitmentOf(toyCryptography, nonce);
  const signature = signerOf(1, 0, 0).sign(voteStatement(service, subject, commitment));
  cluster.input(backup, { kind: 'voted', subject, nonce, commitment, signature });
  assert.ok(nonce.every((byte) => byte === 0));
  assert.ok(!replica.votes.has(sequence));
  assert.deepEqual(cluster.queue, []);
});
