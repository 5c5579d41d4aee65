import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Caps, checkCaps, type Diversity } from '../src/index.ts';
import { bytesOf } from './fixtures.ts';

const strict: Caps = { platform: 1, provider: 1, engineFamily: 1, variant: 1, chip: 1 };
const none = new Uint8Array(0);

function seat(slot: number, over: Partial<Diversity> = {}): Diversity {
  const own = `of ${slot}`;
  return { slot, platform: own, provider: own, engineFamily: own, variant: own, chip: bytesOf(own), ...over };
}

/** Caps that do not hold, with their verdicts. */
function failed(caps: Caps, others: Diversity[], candidate: Diversity, slots = 4): string[] {
  return checkCaps(slots, caps, others, candidate)
    .filter(({ verdict }) => verdict !== 'affirming')
    .map(({ claim, verdict }) => `${claim} ${verdict}`);
}

const seats = [seat(0), seat(1), seat(2), seat(3)];

test('a candidate that shares nothing is fine', () => {
  assert.deepEqual(failed(strict, seats, seat(3, { variant: 'new' })), []);
});

test('whoever is in the candidate’s own slot does not count', () => {
  assert.deepEqual(failed(strict, seats, seat(3)), []);
});

const shared: [keyof Caps, Partial<Diversity>][] = [
  ['platform', { platform: 'of 1' }],
  ['provider', { provider: 'of 1' }],
  ['engineFamily', { engineFamily: 'of 1' }],
  ['variant', { variant: 'of 1' }],
  ['chip', { chip: bytesOf('of 1') }],
];

for (const [dimension, over] of shared) {
  test(`${dimension}: refuses one slot too many, and not one fewer`, () => {
    assert.deepEqual(failed(strict, seats, seat(3, over)), [`cap:${dimension} contraindicated`]);
    assert.deepEqual(failed({ ...strict, [dimension]: 2 }, seats, seat(3, over)), []);
    const crowded = [seat(0), seat(1), seat(2, over), seat(3)];
    assert.deepEqual(failed({ ...strict, [dimension]: 2 }, crowded, seat(3, over)), [
      `cap:${dimension} contraindicated`,
    ]);
    assert.deepEqual(failed({ ...strict, [dimension]: 3 }, crowded, seat(3, over)), []);
  });
}

test('a value that is not shown fails, unless the cap asks for nothing', () => {
  const masked = seat(3, { chip: none, provider: '' });
  assert.deepEqual(failed(strict, seats, masked), ['cap:provider missing', 'cap:chip missing']);
  assert.deepEqual(failed({ ...strict, provider: 3, chip: 3 }, seats, masked), [
    'cap:provider missing',
    'cap:chip missing',
  ]);
  assert.deepEqual(failed({ ...strict, provider: 4, chip: 4 }, seats, masked), []);
});

test('chips of seats that show none are not the candidate’s', () => {
  const others = [seat(0, { chip: none }), seat(1, { chip: none }), seat(2)];
  assert.deepEqual(failed(strict, others, seat(3)), []);
});
