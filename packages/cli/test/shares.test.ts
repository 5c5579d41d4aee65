import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { rawPublicKey, sealingKeyFromSeed } from '@coppice/cryptography';
import { toHex } from '@coppice/wire';
import { combineShares, releaseShare, shareKey } from '../src/recovery/shares.ts';

const seed = new Uint8Array(randomBytes(32));
const members = ['ada', 'bo', 'cy'].map((name) => ({ name, ...sealingKeyFromSeed(new Uint8Array(randomBytes(32))) }));
const shared = await shareKey(
  seed,
  2,
  members.map(({ name, publicKey }) => ({ name, key: publicKey })),
);
const recoverer = sealingKeyFromSeed(new Uint8Array(randomBytes(32)));
const released = await Promise.all(members.map((own) => releaseShare(shared, own, recoverer.publicKey)));

it('any k members make the recovery key again, for whom they released their shares to', async () => {
  for (const two of [
    [0, 1],
    [2, 0],
    [1, 2],
  ]) {
    const key = await combineShares(
      two.map((i) => released[i]!),
      recoverer,
    );
    assert.deepEqual(rawPublicKey(key), sealingKeyFromSeed(seed).publicKey);
  }
  assert.equal(shared.key, toHex(sealingKeyFromSeed(seed).publicKey));
});

it('fewer do not, however often one is shown', async () => {
  await assert.rejects(combineShares([released[0]!], recoverer), /1 of 2 shares/);
  await assert.rejects(combineShares([released[0]!, released[0]!], recoverer), /1 of 2 shares/);
  await assert.rejects(combineShares([], recoverer), /no share/);
});

it('a share opens for nobody else, and a wrong one is noticed', async () => {
  const stranger = sealingKeyFromSeed(new Uint8Array(randomBytes(32)));
  await assert.rejects(releaseShare(shared, stranger, recoverer.publicKey), /no share is sealed/);
  await assert.rejects(combineShares(released, stranger), /not released to this key/);
  const other = await shareKey(
    new Uint8Array(randomBytes(32)),
    2,
    members.map(({ name, publicKey }) => ({ name, key: publicKey })),
  );
  const foreign = await releaseShare(other, members[1]!, recoverer.publicKey);
  await assert.rejects(combineShares([released[0]!, foreign], recoverer), /different recovery keys/);
  await assert.rejects(combineShares([released[0]!, { ...foreign, key: shared.key }], recoverer), /not released/);
  const swapped = { ...released[0]!, member: 'bo' };
  await assert.rejects(combineShares([released[0]!, swapped], recoverer), /one of them is wrong/);
  await assert.rejects(
    shareKey(
      seed,
      4,
      members.map(({ name, publicKey }) => ({ name, key: publicKey })),
    ),
    /2 to 3/,
  );
});
