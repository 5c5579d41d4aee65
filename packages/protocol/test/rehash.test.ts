/**
 * The hash changes while replicas order, lose messages, change views and receive states. spec/algorithms.md, lines 20-23.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { includesHeader } from '@coppice/ledger';
import { fromHex, headerDigest } from '@coppice/wire';
import { Cluster, type Node } from './cluster.ts';
import { toyCryptography, toyItem } from './toy.ts';

/** The last batch of the hash before: in the middle between two checkpoints. */
const rehashed = 20;

function clusterOf(): { cluster: Cluster; nodes: [Node, Node, Node, Node] } {
  const cluster = new Cluster(4);
  for (const { execution } of cluster.nodes) execution.rehashed = rehashed;
  cluster.pass(400);
  return { cluster, nodes: cluster.nodes as [Node, Node, Node, Node] };
}

function load(cluster: Cluster, at: Node, ms: number): void {
  for (let i = 0; i < ms; i += 20) {
    cluster.submit(at, toyItem(`${cluster.now}`));
    cluster.pass(20);
  }
}

/** The headers that this replica still has lead from one hash to the other, and each is under the newest. */
function judge(cluster: Cluster, { committed, replica }: Node): void {
  cluster.checkAgreement();
  const last = replica.log.get(replica.committed)!.header;
  assert.ok(last.sequence > rehashed + 8, `committed ${last.sequence}`);
  for (const { header, headerDigest: digest } of replica.log.values()) {
    const expected =
      header.sequence > rehashed ? { protocolVersion: 4, rehashed } : { protocolVersion: 1, rehashed: undefined };
    const { protocolVersion, rehashed: said } = header;
    assert.deepEqual({ protocolVersion, rehashed: said }, expected, `header ${header.sequence}`);
    assert.deepEqual(headerDigest(toyCryptography, header), digest);
  }
  for (const [sequence, digest] of committed) {
    const size = last.sequence - 1;
    if (sequence > size || sequence <= replica.tree.trimmed) continue;
    const path = replica.tree.inclusionPath(sequence - 1, size);
    const under = { path, rehashed, root: last.previousRoot, size };
    assert.ok(includesHeader(toyCryptography, fromHex(digest)!, sequence, under), `${sequence} of ${size}`);
  }
}

test('replicas go on from one hash to the next, and their checkpoints are stable', () => {
  const { cluster, nodes } = clusterOf();
  load(cluster, nodes[0], 1000);
  for (const node of nodes) {
    judge(cluster, node);
    assert.ok(node.replica.stable > rehashed, `stable ${node.replica.stable}`);
    assert.deepEqual(
      node.rejected.filter((reason) => !reason.endsWith('stale')),
      [],
    );
  }
});

test('who was away meanwhile catches up over the change, and who was away for longer receives a state of the new hash', () => {
  for (const away of [200, 3000]) {
    const { cluster, nodes } = clusterOf();
    const victim = nodes[3];
    load(cluster, nodes[0], 300);
    const before = victim.replica.committed;
    assert.ok(before > 0 && before < rehashed, `${before}`);
    cluster.passes = (from, to) => from !== victim && to !== victim;
    load(cluster, nodes[0], away);
    cluster.passes = () => true;
    load(cluster, nodes[0], 600);
    assert.equal(victim.reports.includes('installed'), away > 200);
    judge(cluster, victim);
  }
});

test('what was proposed beyond the change and lost in a view change is rolled back to before it', () => {
  const { cluster, nodes } = clusterOf();
  const [primary, ...others] = nodes;
  // All accept what the primary proposes, and nobody votes for what comes after batch 18.
  cluster.passes = (_, __, message) =>
    !(message.kind === 'prepare' && message.vote.subject.sequence > 18 && message.vote.subject.view === 0);
  for (let i = 0; i < 40; i++) {
    cluster.submit(primary, toyItem(`${i}`));
    cluster.pass(20);
  }
  assert.ok(others.every(({ replica }) => replica.committed < rehashed && replica.executed > rehashed));
  primary.down = true;
  const [next] = others;
  load(cluster, next, 3000);
  assert.ok(others.every(({ replica }) => replica.view > 0));
  for (const node of others) judge(cluster, node);
});
