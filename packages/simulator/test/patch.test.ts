/**
 * Patches that make mutants: what does not fit fails loudly.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { patched, PatchError } from '../src/mutants/patch.ts';
import { Thread } from '../src/threads.ts';

const file = 'protocol/src/x.ts';

it('replaces what stands there once, as it is written', () => {
  assert.equal(patched('a < b; c', [{ file, text: 'a < b', instead: 'a <= $&' }]), 'a <= $&; c');
});

it('refuses what stands there twice, or not at all', () => {
  assert.throws(() => patched('a; a', [{ file, text: 'a', instead: 'b' }]), PatchError);
  assert.throws(() => patched('a; a', [{ file, text: 'c', instead: 'b' }]), PatchError);
});

it('fails the thread whose file has moved on, or is never loaded', async () => {
  for (const patch of [
    { file: 'protocol/src/log.ts', text: 'this was there once', instead: '' },
    { file: 'protocol/src/gone.ts', text: 'x', instead: '' },
  ]) {
    await assert.rejects(new Thread([patch]).run({ seed: 1, options: {} }), /has this text 0 times|was never loaded/);
  }
});
