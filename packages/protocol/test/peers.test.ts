/**
 * What a replica remembers of others while they come and go. spec/epochs.md, lines 9-10.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerOf } from '../src/peers.ts';
import { Cluster, type Node } from './cluster.ts';
import { idOf, toyItem } from './toy.ts';

const slots = 4;
const most = 3 * slots + 1;

/** Replaces the instance of this slot, after whatever it says last. */
function turn(cluster: Cluster, slot: number, launch: number): Node {
  const [other] = cluster.nodes.filter((node) => node.replica.slot !== undefined && node.slot !== slot) as [Node];
  cluster.submit(other, toyItem(`candidate ${slot} ${launch}`));
  cluster.pass(40);
  const candidate = cluster.launch(slot, launch);
  for (let i = 0; candidate.replica.slot === undefined && i < 40; i++) cluster.pass(100);
  assert.equal(candidate.replica.slot, slot);
  return candidate;
}

test('instances come and go, and whoever stays forgets them', () => {
  const cluster = new Cluster(slots);
  cluster.pass(400);
  for (let i = 0; i < 4 * slots; i++) {
    const slot = i % (slots - 1);
    const launch = Math.floor(i / (slots - 1)) + 1;
    // An attacker who is about to lose it leaves as much behind as anybody keeps.
    const before = cluster.nodes.find((node) => node.id === idOf(slot, launch - 1))!;
    for (const node of cluster.nodes.filter((one) => one !== before)) {
      const message = { kind: 'commit' as const, epoch: 2 ** 40, view: 0, reveals: [] };
      for (let n = 0; n < 600; n++) cluster.input(node, { kind: 'message', from: before.id, message });
    }
    turn(cluster, slot, launch);
  }
  const { epoch } = cluster.nodes[slots - 1]!.replica;
  const seated = cluster.nodes.filter(({ replica }) => replica.epoch === epoch && replica.slot !== undefined);
  assert.equal(seated.length, slots);
  for (const { replica } of seated) {
    assert.ok(replica.peers.size <= most, `${replica.peers.size} peers`);
    assert.ok([...replica.slotOf.keys()].every((id) => replica.peers.has(id)));
  }
  cluster.checkAgreement();
});

test('of the others, whoever was silent longest goes; whoever has a part in it stays', () => {
  const { replica } = new Cluster(slots).nodes[0]!;
  const seats = [...replica.slotOf.keys()];
  for (const id of seats) peerOf(replica, id);
  for (let i = seats.length; i < most; i++) {
    replica.now += 1;
    peerOf(replica, `stranger ${i}`);
  }
  assert.equal(replica.peers.size, most);
  replica.now += 1;
  peerOf(replica, 'stranger 4').heardAt = replica.now;
  peerOf(replica, 'one more');
  const gone = [...seats, 'stranger 4', 'stranger 5', 'stranger 6', 'one more'].filter((id) => !replica.peers.has(id));
  assert.deepEqual(gone, ['stranger 5']);
  assert.equal(replica.peers.size, most);
});

test('nobody asks an instance that claimed to have more and is gone', () => {
  const cluster = new Cluster(slots);
  cluster.pass(400);
  const [gone, , , victim] = cluster.nodes as [Node, Node, Node, Node];
  turn(cluster, 0, 1);
  const status = { kind: 'status' as const, epoch: 1, view: 0, committed: 2 ** 40, stable: 0 };
  cluster.input(victim, { kind: 'message', from: gone.id, message: status });
  cluster.passes = (from) => from !== gone;
  cluster.pass(cluster.settings.suspectAfterMs);
  const lately = cluster.now;
  cluster.pass(2000);
  const { fetching } = victim.replica;
  assert.ok(fetching === undefined || fetching.peer !== gone.id || fetching.at <= lately);
});
