import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from './cluster.ts';
import { toyItem } from './toy.ts';

function everywhere(cluster: Cluster, operation: string): boolean {
  return cluster.nodes
    .filter((node) => !node.down && node.exited === undefined)
    .every((node) => node.execution.committed.operations.includes(operation));
}

test('four replicas commit what a client sends to one of them', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  for (let i = 0; i < 20; i++) cluster.submit(cluster.nodes[i % 4]!, toyItem(`op ${i}`));
  cluster.deliver();
  cluster.pass(200);
  for (let i = 0; i < 20; i++) assert.ok(everywhere(cluster, `op ${i}`), `op ${i}`);
  cluster.checkAgreement();
  for (const node of cluster.nodes) assert.equal(node.replica.view, 0);
});

test('an idle cluster commits heartbeats and takes checkpoints', () => {
  const cluster = new Cluster(4);
  cluster.pass(4000);
  for (const node of cluster.nodes) {
    assert.ok(node.replica.committed >= 15, `${node.replica.committed}`);
    assert.ok(node.replica.stable >= 8, `${node.replica.stable}`);
    assert.ok(node.replica.log.size <= 20, `${node.replica.log.size}`);
    assert.equal(node.replica.view, 0);
  }
  cluster.checkAgreement();
});

test('a dead primary is voted out and nothing is lost', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  cluster.submit(cluster.nodes[0]!, toyItem('before'));
  cluster.deliver();
  cluster.nodes[0]!.down = true;
  cluster.submit(cluster.nodes[1]!, toyItem('after'));
  cluster.pass(1500);
  assert.ok(everywhere(cluster, 'before'));
  assert.ok(everywhere(cluster, 'after'));
  assert.ok(cluster.nodes[1]!.replica.view >= 1);
  cluster.checkAgreement();
  // It comes back (paused, not dead): catches up and takes part.
  cluster.nodes[0]!.down = false;
  cluster.pass(1500);
  assert.ok(everywhere(cluster, 'after'));
  assert.equal(cluster.nodes[0]!.replica.view, cluster.nodes[1]!.replica.view);
});

test('no nonce is revealed before the disk has the prepared batch', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  for (const node of cluster.nodes.slice(0, 2)) node.holdDisk = true;
  cluster.submit(cluster.nodes[0]!, toyItem('durable'));
  cluster.deliver();
  assert.ok(cluster.nodes.every((node) => !node.operations.includes('durable')));
  cluster.releaseDisk(cluster.nodes[0]!);
  cluster.deliver();
  assert.ok(cluster.nodes[2]!.operations.includes('durable'));
});

test('an epoch closes, keys change, and the next epoch goes on', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  cluster.submit(cluster.nodes[1]!, toyItem('close'));
  cluster.pass(100);
  for (const node of cluster.nodes) assert.equal(node.replica.epoch, 1);
  cluster.submit(cluster.nodes[2]!, toyItem('next'));
  cluster.pass(300);
  assert.ok(everywhere(cluster, 'next'));
  cluster.checkAgreement();
});

test('a candidate receives the state, follows the log and takes the seat; the old instance exits', () => {
  const cluster = new Cluster(4);
  cluster.pass(3000);
  for (let i = 0; i < 50; i++) {
    cluster.submit(cluster.nodes[i % 4]!, toyItem(`op ${i}`));
    cluster.deliver();
  }
  cluster.submit(cluster.nodes[0]!, toyItem('candidate 0 1'));
  cluster.pass(100);
  const candidate = cluster.launch(0, 1);
  cluster.pass(4000);
  assert.equal(candidate.replica.slot, 0);
  assert.equal(candidate.replica.epoch, 1);
  assert.equal(cluster.nodes[0]!.exited, 'retired');
  cluster.submit(candidate, toyItem('from the new one'));
  cluster.pass(500);
  assert.ok(everywhere(cluster, 'from the new one'));
  cluster.checkAgreement();
});

test('a candidate copies the log that led to its state, then follows, and is ready', () => {
  const cluster = new Cluster(4);
  cluster.pass(3000);
  cluster.submit(cluster.nodes[0]!, toyItem('candidate 0 1'));
  cluster.pass(100);
  const candidate = cluster.launch(0, 1);
  candidate.holdDisk = true;
  cluster.pass(4000);
  // It has the state of when it was admitted, and executes nothing before it has the log.
  assert.ok(candidate.reports.includes('installed'));
  assert.ok(candidate.replica.committed < cluster.nodes[1]!.replica.stable);
  assert.equal(cluster.nodes[1]!.replica.epoch, 0);
  candidate.holdDisk = false;
  for (const token of candidate.waiting.splice(0)) cluster.input(candidate, { kind: 'synced', token });
  cluster.pass(2000);
  assert.equal(candidate.replica.slot, 0);
  cluster.checkAgreement();
});

test('a lagging replica catches up by entries, or by state where the log is gone', () => {
  for (const batches of [5, 60]) {
    const cluster = new Cluster(4);
    cluster.pass(40);
    cluster.nodes[3]!.down = true;
    for (let i = 0; i < batches; i++) {
      cluster.submit(cluster.nodes[0]!, toyItem(`op ${i}`));
      cluster.pass(20);
    }
    cluster.nodes[3]!.down = false;
    cluster.pass(2000);
    assert.ok(cluster.nodes[3]!.replica.committed >= cluster.nodes[0]!.replica.committed - 2);
    if (batches === 60) assert.ok(cluster.nodes[3]!.reports.includes('installed'));
    else assert.ok(cluster.nodes[3]!.operations.includes('op 3'));
    cluster.checkAgreement();
  }
});

test('a lagging replica follows over two epochs', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  cluster.nodes[3]!.down = true;
  for (const operation of ['a', 'close', 'b', 'close', 'c']) {
    cluster.submit(cluster.nodes[0]!, toyItem(operation));
    cluster.pass(100);
  }
  cluster.nodes[3]!.down = false;
  cluster.pass(2000);
  assert.equal(cluster.nodes[3]!.replica.epoch, 2);
  cluster.submit(cluster.nodes[3]!, toyItem('d'));
  cluster.pass(300);
  assert.ok(cluster.nodes[3]!.operations.includes('d'));
  cluster.checkAgreement();
});

test('a backup whose execution differs refuses, then takes over what the others certified', () => {
  const cluster = new Cluster(4);
  cluster.pass(40);
  cluster.nodes[3]!.execution.odd = true;
  cluster.submit(cluster.nodes[0]!, toyItem('odd one'));
  cluster.pass(1000);
  assert.ok(cluster.nodes[0]!.operations.includes('odd one'));
  assert.ok(cluster.nodes[3]!.rejected.some((text) => text.includes('different-result')));
  assert.ok(cluster.nodes[3]!.reports.includes('diverged'));
  assert.ok(cluster.nodes[3]!.replica.committed >= cluster.nodes[0]!.replica.committed - 2);
  assert.ok(cluster.nodes[0]!.replica.refusals.size > 0);
  cluster.checkAgreement();
});

test('view changes with batches in every phase keep what was prepared', () => {
  // The primary's messages stop reaching some replicas at every possible moment.
  for (let cut = 1; cut < 40; cut += 5) {
    const cluster = new Cluster(4);
    cluster.pass(40);
    let messages = 0;
    cluster.passes = (from, to) => !(from.slot === 0 || to.slot === 0) || ++messages < cut * 3;
    for (let i = 0; i < 6; i++) cluster.submit(cluster.nodes[i % 2]!, toyItem(`op ${i}`));
    cluster.deliver();
    cluster.pass(3000);
    cluster.passes = () => true;
    cluster.pass(3000);
    cluster.checkAgreement();
    for (let i = 1; i < 6; i += 2) assert.ok(everywhere(cluster, `op ${i}`), `op ${i} after cut ${cut}`);
    const heads = cluster.nodes.map((node) => node.replica.committed);
    assert.ok(Math.max(...heads) - Math.min(...heads) <= 2, heads.join());
  }
});
