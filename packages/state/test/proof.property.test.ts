import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '@coppice/wire';
import { proofCodec, State, verifyProof } from '@coppice/state';
import { colliding, cryptography, key, mapName, value, write } from './model.ts';

for (const [name, provider] of Object.entries({ cryptography, colliding, rehashed: cryptography.of(4) })) {
  test(`a proof shows what is there, and nothing else, with ${name}`, () => {
    const claims = fc.array(fc.record({ map: mapName, key, other: value }), { minLength: 1, maxLength: 20 });
    const writes = fc.array(write, { maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(writes, claims, fc.nat(), fc.nat(7), (all, asked, at, bit) => {
        const state = new State(provider);
        const transaction = state.begin().transaction();
        for (const one of all) {
          if (one.value === undefined) transaction.delete(one.map, one.key);
          else transaction.set(one.map, one.key, one.value);
        }
        transaction.commit();
        state.fold();
        const source = state.snapshot();
        for (const { map, key: k, other } of asked) {
          const truth = source.view.get(map, k);
          const encoded = encode(proofCodec, source.prove(map, k));
          const proof = decode(proofCodec, encoded);
          assert.ok(proof.ok);
          assert.deepEqual(verifyProof(provider, source.digest, { map, key: k, value: truth }, proof.value), {
            ok: true,
          });

          const falsehoods = [truth === undefined ? other : undefined];
          if (truth !== undefined && Buffer.compare(truth, other) !== 0) falsehoods.push(other);
          const bent = encoded.slice();
          bent[at % bent.length]! ^= 1 << bit;
          const mutated = decode(proofCodec, bent);
          const proofs = [
            proof.value,
            ...(mutated.ok ? [mutated.value] : []),
            [],
            proof.value.slice(0, -1),
            proof.value.slice(1),
          ];
          for (const falsehood of falsehoods) {
            for (const one of proofs) {
              const verdict = verifyProof(provider, source.digest, { map, key: k, value: falsehood }, one);
              assert.equal(verdict.ok, false);
            }
          }
          if (mutated.ok) {
            const claim = { map, key: k, value: truth };
            assert.equal(verifyProof(provider, source.digest, claim, mutated.value).ok, false);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
}

test('names the check that failed', () => {
  const state = new State(cryptography);
  const empty = state.snapshot();
  const claim = { map: 'm', key: 'k', value: undefined };
  assert.deepEqual(verifyProof(cryptography, empty.digest, claim, empty.prove('m', 'k')), { ok: true });
  const transaction = state.begin().transaction();
  for (let i = 0; i < 100; i++) transaction.set('m', `${i}`, new Uint8Array(0));
  transaction.commit();
  state.fold();
  const snapshot = state.snapshot();
  const { digest } = snapshot;
  const proof = snapshot.prove('m', '5');
  const there = { map: 'm', key: '5', value: new Uint8Array(0) };
  assert.deepEqual(verifyProof(cryptography, digest, there, proof), { ok: true });
  assert.deepEqual(verifyProof(cryptography, empty.digest, there, proof), { ok: false, reason: 'wrong-digest' });
  assert.deepEqual(verifyProof(cryptography, digest, claim, []), { ok: false, reason: 'malformed' });
  assert.deepEqual(verifyProof(cryptography, digest, there, proof.slice(0, 1)), { ok: false, reason: 'malformed' });
  const longer = [...proof, proof[0]!];
  assert.deepEqual(verifyProof(cryptography, digest, there, longer), { ok: false, reason: 'malformed' });
  assert.deepEqual(verifyProof(cryptography, digest, { ...there, value: undefined }, proof), {
    ok: false,
    reason: 'wrong-claim',
  });
  assert.deepEqual(verifyProof(cryptography, digest, { ...there, map: 'no map' }, proof), {
    ok: false,
    reason: 'malformed',
  });
});

test('of a state that is hashed anew shows what it has, and of the state before nothing', () => {
  const state = new State(cryptography);
  const transaction = state.begin().transaction();
  for (let i = 0; i < 100; i++) transaction.set('m', `${i}`, Uint8Array.of(i));
  transaction.commit();
  state.fold();
  const before = state.snapshot();
  state.hashBy(cryptography.of(4));
  const after = state.snapshot();
  const verdict = (of: typeof before, proof: typeof before, since?: number): boolean => {
    const claim = { map: 'm', key: '7', value: Uint8Array.of(7) };
    return verifyProof(cryptography, of.digest, claim, proof.prove('m', '7'), since).ok;
  };
  assert.deepEqual([verdict(before, before), verdict(after, after)], [true, true]);
  assert.deepEqual([verdict(before, after), verdict(after, before)], [false, false]);
  // To whoever knows that version 4 was active, nothing is of the hash before.
  assert.deepEqual([verdict(before, before, 4), verdict(after, after, 4)], [false, true]);
});
