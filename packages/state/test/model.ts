/** What the state should do, written as plainly as can be: a `Map` and a sort, and a digest computed from nothing. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type Cryptography, ofAllVersions } from '@coppice/wire';
import type { Key, PageStore, Range } from '@coppice/state';

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

export const sha3 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha3-256').update(bytes).digest());

export const cryptography: Cryptography = ofAllVersions(
  {
    hash: sha256,
    verify: () => false,
    validPublicKey: () => false,
  },
  sha3,
);

const sharedPlace = Uint8Array.of(0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78, 0x87, 0x96, 0xa5);

/** As an attacker would like SHA-256 to be: the places of all keys of the map "c" share their first ten bytes. */
export const colliding: Cryptography = ofAllVersions(
  {
    ...cryptography,
    hash(bytes) {
      const digest = sha256(bytes);
      if (bytes[0] === 'c'.charCodeAt(0) && bytes[1] === 0) digest.set(sharedPlace);
      return digest;
    },
  },
  sha3,
);

/** Keeps pages elsewhere, as a disk does, and notices where somebody changes what was kept or read. */
export function elsewhere(): PageStore {
  const keepOne = (page: Uint8Array): (() => Uint8Array) => {
    const digest = sha256(page);
    const bytes = page.slice();
    const given: Uint8Array[] = [page];
    return () => {
      for (const one of given)
        if (Buffer.compare(sha256(one), digest) !== 0) throw new Error('a kept page was changed');
      given[1] = bytes.slice();
      return given[1];
    };
  };
  return {
    keep(pages) {
      const all = pages.map((page) => {
        if (page === undefined) return () => undefined;
        return page instanceof Uint8Array ? keepOne(page) : () => page.pages.read(page.index, false);
      });
      return { read: (index) => all[index]!() };
    },
  };
}

/** Where the pages of a state are. */
export const pageStores: Readonly<Record<string, () => PageStore | undefined>> = { memory: () => undefined, elsewhere };

/** `map ‖ 00 ‖ key` to value. */
export type Content = ReadonlyMap<string, Uint8Array>;

export function range(content: Content, map: string, { from, to, prefix, reverse, limit }: Range): [Key, Uint8Array][] {
  const entries = [...content]
    .filter(([address]) => address.startsWith(`${map}\0`))
    .map(([address, value]): [Key, Uint8Array] => [address.slice(map.length + 1), value])
    .filter(([key]) => (from === undefined || key >= from) && (to === undefined || key < to))
    .filter(([key]) => key.startsWith(prefix ?? ''))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (reverse === true) entries.reverse();
  return entries.slice(0, limit ?? entries.length);
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value);
const u32 = (value: number): Uint8Array => Uint8Array.of(value >> 24, value >> 16, value >> 8, value);

/** The state digest by spec/state.md, in one piece. */
export function digestOfContent(content: Content, provider = cryptography): Uint8Array {
  const hash = (bytes: Uint8Array): Uint8Array => provider.hash(bytes);
  const entries = [...content].map(([address, value]) => {
    const bytes = join(Buffer.from('E'), u16(address.length), latin1(address), u32(value.length), value);
    return { place: provider.of(1).hash(latin1(address)), bytes };
  });
  entries.sort((a, b) => Buffer.compare(a.place, b.place));

  const preimage = (below: typeof entries, depth: number): Uint8Array => {
    const size = below.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (below.length === 1 || (below.length <= 32 && size <= 16_384)) {
      return join(Buffer.from('L'), Uint8Array.of(below.length), ...below.flatMap((e) => [e.place, hash(e.bytes)]));
    }
    const digests = Array.from({ length: 16 }, (_, digit) => {
      const child = below.filter(({ place }) => Buffer.from(place).toString('hex')[depth] === digit.toString(16));
      return child.length === 0 ? new Uint8Array(32) : hash(preimage(child, depth + 1));
    });
    return join(Buffer.from('N'), ...digests);
  };

  const root = entries.length === 0 ? new Uint8Array(0) : preimage(entries, 0);
  return hash(join(Uint8Array.of(13), Buffer.from('coppice/state'), root));
}

/** Few keys, so that they meet; some of them awkward. */
export const keys: readonly Key[] = [
  ...Array.from({ length: 41 }, (_, n) => `k${n}`),
  ...['', '\0', '\xff', '\xff\xff', 'k', 'k\0', 'kk', 'k\xff'],
];
export const maps: readonly string[] = ['a', 'b', 'c', 'a!', '$clients'];

export const key = fc.constantFrom(...keys);
export const mapName = fc.constantFrom(...maps, 'c', 'c');

export const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(40_000).map((length) => new Uint8Array(length).fill(length)) },
);

const bound = fc.option(key, { nil: undefined });
export const anyRange: fc.Arbitrary<Range> = fc.record({
  from: bound,
  to: bound,
  prefix: fc.option(fc.constantFrom('', 'k', 'k1', '\xff'), { nil: undefined }),
  reverse: fc.option(fc.boolean(), { nil: undefined }),
  limit: fc.option(fc.nat(6), { nil: undefined }),
});

/** A change of one key; `undefined` deletes. */
export interface Write {
  map: string;
  key: Key;
  value: Uint8Array | undefined;
}

export const write: fc.Arbitrary<Write> = fc.record({
  map: mapName,
  key,
  value: fc.option(value, { nil: undefined, freq: 3 }),
});
