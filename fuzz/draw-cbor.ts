/** Values that have a CBOR encoding, drawn. */
import type { CborValue } from '@coppice/wire';
import type { Random } from '../packages/simulator/src/random.ts';

const texts = ['', 'a', 'name', 'é', '😀', '__proto__', 'constructor', 'x'.repeat(24), 'y'.repeat(300)];
const numbers = [
  0,
  1,
  23,
  24,
  255,
  256,
  65535,
  65536,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  -1,
  -24,
  -25,
  -(2 ** 53) + 1,
  0.5,
  1e300,
  -1.1,
  3.4e38,
];

export function drawnCbor(random: Random, depth = 0): CborValue {
  switch (random.below(depth > 4 ? 5 : 8)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
      return random.percent(70) ? random.pick(numbers) : random.below(2 ** 32);
    case 2:
      return random.pick(texts);
    case 3:
      return random.bytes(random.below(40));
    case 4:
      return random.pick([2n ** 53n, 2n ** 64n - 1n, -(2n ** 64n), -(2n ** 53n)]);
    case 5:
      return Array.from({ length: random.below(5) }, () => drawnCbor(random, depth + 1));
    case 6:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick(texts), drawnCbor(random, depth + 1)]),
      );
    default:
      return new Map(
        Array.from({ length: 1 + random.below(4) }, (): [number | string, CborValue] => [
          random.percent(80) ? random.below(300) : random.pick(texts),
          drawnCbor(random, depth + 1),
        ]),
      );
  }
}
