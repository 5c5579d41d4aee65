/** Where keys lie follows from the process's secret seed; what they do does not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { newSigner, signerFromSeed } from '../src/index.ts';
import { Layout } from '../src/layout.ts';
import { generate } from '../src/sodium.ts';
import { secretLayout } from '../src/secret.ts';

const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const places = (layout: Layout): number[] => Array.from({ length: 8 }, () => layout.place().byteOffset);

test('keys lie where the seed says, and elsewhere with another', () => {
  assert.deepEqual(places(new Layout(seedOf(1))), places(new Layout(seedOf(1))));
  assert.notDeepEqual(places(new Layout(seedOf(1))), places(new Layout(seedOf(2))));
  assert.notDeepEqual(places(new Layout()), places(new Layout()));
});

test('no two keys share a place, however many there are', () => {
  const layout = new Layout(seedOf(3));
  const taken = Array.from({ length: 2000 }, () => layout.place());
  const ranges = taken.map(({ buffer, byteOffset, length }) => ({ buffer, byteOffset, length }));
  assert.ok(ranges.every(({ length }) => length === secretLayout.bytes));
  const byBuffer = Map.groupBy(ranges, ({ buffer }) => buffer);
  assert.ok(byBuffer.size > 1);
  for (const of of byBuffer.values()) {
    const offsets = of.map(({ byteOffset }) => byteOffset).sort((a, b) => a - b);
    assert.ok(offsets.every((offset, i) => i === 0 || offset - offsets[i - 1]! >= secretLayout.bytes));
  }
});

test('what was a key is a decoy, like all places that never held one', () => {
  const layout = new Layout(seedOf(4));
  const place = layout.place();
  generate(place);
  const form = place.slice(0, secretLayout.seed);
  const key = Buffer.from(place.subarray(secretLayout.seed));
  layout.clear(place);
  assert.deepEqual(place.slice(0, secretLayout.seed), form);
  assert.ok(!Buffer.from(place.buffer).includes(key));
  assert.ok(!Buffer.from(place.buffer).includes(key.subarray(0, 32)));
  // Hundreds of them in one array.
  const all = Buffer.from(place.buffer);
  let count = 0;
  for (let at = all.indexOf(form); at >= 0; at = all.indexOf(form, at + 1)) count += 1;
  assert.ok(count >= 512, String(count));
});

test('the engine neither moves nor copies a key', () => {
  const layout = new Layout(seedOf(5));
  const place = layout.place();
  const { buffer } = place;
  layout.stir();
  assert.equal(place.buffer, buffer);
  assert.ok(buffer.byteLength > 4096, 'an array of this size lies outside of the heap');
});

test('processes of one program have their keys in different places, and sign alike', () => {
  const program = `
    import { newSigner, signerFromSeed } from ${JSON.stringify(import.meta.resolve('../src/index.ts'))};
    import { Layout, layout } from ${JSON.stringify(import.meta.resolve('../src/layout.ts'))};
    const offsets = Array.from({ length: 4 }, () => layout().place().byteOffset);
    const signature = signerFromSeed(new Uint8Array(32).fill(7)).sign(new Uint8Array(3));
    console.log(JSON.stringify({ offsets, signature: [...signature] }));`;
  const runs = [1, 2, 3].map(() => {
    const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    return JSON.parse(stdout) as { offsets: number[]; signature: number[] };
  });
  assert.equal(new Set(runs.map(({ offsets }) => offsets.join())).size, 3);
  assert.equal(new Set(runs.map(({ signature }) => signature.join())).size, 1);
  const here = signerFromSeed(seedOf(7)).sign(new Uint8Array(3));
  assert.deepEqual([...here], runs[0]!.signature);
});

test('an erased signer signs nothing, and its place may be another’s', () => {
  const signer = newSigner();
  signer.erase();
  signer.erase();
  assert.throws(() => signer.sign(new Uint8Array(1)), /erased/);
  const others = Array.from({ length: 600 }, () => newSigner());
  assert.throws(() => signer.privateKey, /erased/);
  assert.equal(new Set(others.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size, 600);
});
