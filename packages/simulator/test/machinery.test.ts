/**
 * What simulations are made of: numbers, time, network, disk, keys.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realProvider, quickProvider } from '../src/cryptography.ts';
import { Disk } from '../src/disk.ts';
import { type Endpoint, Network } from '../src/network.ts';
import { Random } from '../src/random.ts';
import { Scheduler } from '../src/scheduler.ts';

describe('random numbers', () => {
  it('are the same on every engine', () => {
    const random = new Random('seed 1');
    assert.deepEqual(
      Array.from({ length: 6 }, () => random.below(1000)),
      [844, 648, 629, 683, 923, 205],
    );
    assert.deepEqual([...new Random('seed 1').fork('network').bytes(4)], [3, 109, 213, 249]);
  });

  it('of two labels, or of a fork, have nothing in common', () => {
    const drawn = (random: Random): string => Array.from({ length: 8 }, () => random.below(256)).join();
    const all = [new Random('a'), new Random('b'), new Random('a').fork('b'), new Random('a').fork('c')].map(drawn);
    assert.equal(new Set(all).size, all.length);
  });

  it('are spread over their range', () => {
    const random = new Random('spread');
    const counts = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 7000; i++) counts[random.between(3, 9) - 3]! += 1;
    for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join());
    assert.deepEqual(new Set(random.shuffled([1, 2, 3])), new Set([1, 2, 3]));
  });
});

describe('virtual time', () => {
  it('runs what is due in order, and what is planned for one moment as it was planned', () => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    const random = new Random('order');
    const plan = Array.from({ length: 200 }, (_, i) => ({ at: random.below(20), i }));
    for (const { at, i } of plan) scheduler.at(at, () => seen.push(`${at} ${i}`));
    scheduler.at(5, () => scheduler.after(2, () => seen.push('7 late')));
    scheduler.runUntil(19);
    const sorted = plan.toSorted((a, b) => a.at - b.at || a.i - b.i).map(({ at, i }) => `${at} ${i}`);
    assert.deepEqual(
      seen.filter((one) => one !== '7 late'),
      sorted,
    );
    assert.ok(seen.indexOf('7 late') > seen.indexOf(sorted.findLast((one) => one.startsWith('7 '))!));
    assert.equal(scheduler.now, 19);
  });
});

describe('the network', () => {
  const make = (names: readonly string[], seed = '') => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    const network = new Network({ scheduler, random: new Random(`net ${seed}`), latencyMs: 10, onDelivery: () => {} });
    const admitted = new Set(names);
    const endpoints = names.map((id, number): Endpoint => ({
      number,
      name: id,
      id,
      alive: true,
      admits: (other) => admitted.has(other),
      connected: (peer) => void seen.push(`${id} has ${peer}`),
      receive: (from, frame) => void seen.push(`${from}>${id} ${frame[0]}`),
    }));
    for (const endpoint of endpoints) network.add(endpoint);
    scheduler.runUntil(1500);
    return { scheduler, network, seen, admitted, endpoints };
  };
  const frames = (seen: string[]): string[] => seen.filter((line) => line.includes('>'));

  it('delivers in order on each channel, and tells both ends that it is up', () => {
    const { scheduler, network, seen, endpoints } = make(['a', 'b', 'c']);
    assert.deepEqual(seen.toSorted(), ['a has b', 'a has c', 'b has a', 'b has c', 'c has a', 'c has b']);
    network.latePercent = 30;
    for (let i = 0; i < 50; i++) network.send(endpoints[0]!, 'b', Uint8Array.of(i));
    scheduler.runUntil(3000);
    assert.deepEqual(
      frames(seen),
      Array.from({ length: 50 }, (_, i) => `a>b ${i}`),
    );
  });

  it('loses what was under way when a channel breaks, and holds back what a cut stalls', () => {
    const outcomes = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const { scheduler, network, seen, endpoints } = make(['a', 'b'], `${i}`);
      scheduler.runUntil(1500 + i);
      network.send(endpoints[0]!, 'b', Uint8Array.of(1));
      const cut = network.cut([endpoints[0]!]);
      network.send(endpoints[0]!, 'b', Uint8Array.of(2));
      scheduler.runUntil(1990);
      assert.ok(!frames(seen).includes('a>b 2'));
      network.mend(cut);
      scheduler.runUntil(4000);
      network.send(endpoints[0]!, 'b', Uint8Array.of(3));
      scheduler.runUntil(5000);
      assert.equal(frames(seen).at(-1), 'a>b 3');
      outcomes.add(frames(seen).length);
    }
    assert.deepEqual(outcomes, new Set([1, 3]));
  });

  it('is silent with whoever is gone, or not admitted any more', () => {
    const { scheduler, network, seen, admitted, endpoints } = make(['a', 'b', 'c']);
    admitted.delete('c');
    network.send(endpoints[2]!, 'a', Uint8Array.of(1));
    network.send(endpoints[1]!, 'a', Uint8Array.of(2));
    network.remove(endpoints[1]!);
    scheduler.runUntil(3000);
    assert.deepEqual(frames(seen), []);
    assert.deepEqual(network.peers(endpoints[0]!), []);
  });
});

describe('a disk', () => {
  it('answers a sync later, and forgets what was not synced', () => {
    const scheduler = new Scheduler();
    const disk = new Disk(scheduler, new Random('disk'));
    const append = (sequence: number): void => {
      disk.ledger.append({ type: 1, sequence, payload: Uint8Array.of(sequence) });
    };
    const answered: number[] = [];
    append(1);
    disk.ledger.sync(() => answered.push(1));
    assert.equal(answered.length, 0);
    scheduler.runUntil(10);
    assert.deepEqual(answered, [1]);
    append(2);
    disk.ledger.sync(() => answered.push(2));
    for (let i = 3; i < 9; i++) append(i);
    disk.crash();
    scheduler.runUntil(50);
    assert.deepEqual(answered, [1]);
    const kept = [...disk.ledger.readFrom(0)].map(({ sequence }) => sequence);
    assert.deepEqual(kept, [1, 2, 3, 4, 5, 6, 7, 8].slice(0, kept.length));
    assert.ok(kept.length >= 1);
  });
});

describe('quick signatures', () => {
  it('verify under their key only, and not without the signer', () => {
    const { cryptography, signerOf } = quickProvider();
    const message = Uint8Array.of(1, 2, 3);
    const signer = signerOf(new Uint8Array(32).fill(7));
    const signature = signer.sign(message);
    assert.ok(cryptography.verify(signer.publicKey, message, signature));
    assert.ok(!cryptography.verify(signer.publicKey, Uint8Array.of(1, 2), signature));
    assert.ok(!cryptography.verify(signerOf(new Uint8Array(32).fill(8)).publicKey, message, signature));
    assert.ok(
      !cryptography.verify(
        signer.publicKey,
        message,
        signature.map((byte) => byte ^ 1),
      ),
    );
    assert.ok(!quickProvider().cryptography.verify(signer.publicKey, message, signature));
    assert.ok(cryptography.validPublicKey(signer.publicKey) && !cryptography.validPublicKey(new Uint8Array(32)));
  });

  it('leave other keys to Ed25519', () => {
    const message = Uint8Array.of(1);
    const real = realProvider().signerOf(new Uint8Array(32).fill(9));
    assert.ok(quickProvider().cryptography.verify(real.publicKey, message, real.sign(message)));
  });
});
