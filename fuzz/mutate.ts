/**
 * Changes to inputs: of their bytes, and of their structure where the dialect has one.
 */
import type { Random } from '../packages/simulator/src/random.ts';
import { mutateCbor } from './mutate-cbor.ts';
import { mutateDer } from './mutate-der.ts';
import { mutateJson } from './mutate-json.ts';
import type { Dialect } from './target.ts';

const bytesMax = 128 * 1024;

/** Values at which integers of one, two, four and eight bytes turn over. */
const boundaries = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x100,
  0x7fff,
  0x8000,
  0xffff,
  0x1_0000,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
];

const splice = (bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array => {
  const result = new Uint8Array(bytes.length - removed + inserted.length);
  result.set(bytes.subarray(0, at));
  result.set(inserted, at);
  result.set(bytes.subarray(at + removed), at + inserted.length);
  return result;
};

/** One change of bytes; `other` is another input of the same target. */
function mutateBytes(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const length = bytes.length;
  const at = random.below(length + 1);
  const span = Math.min(
    length - at,
    random.percent(70) ? 1 + random.below(8) : 1 + random.below(Math.max(1, length >> 1)),
  );
  switch (random.below(10)) {
    case 0: {
      // A bit.
      if (length === 0) return random.bytes(1);
      const changed = bytes.slice();
      const i = random.below(length);
      changed[i] = changed[i]! ^ (1 << random.below(8));
      return changed;
    }
    case 1: {
      // A byte: another, or one more or less, as lengths and alternatives go.
      if (length === 0) return random.bytes(1);
      const changed = bytes.slice();
      const i = random.below(length);
      changed[i] = random.percent(50) ? random.below(256) : changed[i]! + (random.percent(50) ? 1 : -1);
      return changed;
    }
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return splice(bytes, at, span, new Uint8Array(0));
    case 4:
      return splice(bytes, at, 0, random.bytes(1 + random.below(random.percent(90) ? 8 : 200)));
    case 5:
      // Doubled: a field, an item, a whole document.
      return splice(bytes, at, 0, bytes.slice(at, at + span));
    case 6: {
      // A number at a boundary, big- or little-endian.
      const width = random.pick([1, 2, 4, 8]);
      if (length < width) return bytes;
      const changed = bytes.slice();
      const view = new DataView(changed.buffer);
      const place = random.below(length - width + 1);
      const value = random.pick(boundaries);
      const little = random.percent(30);
      if (width === 8) view.setBigUint64(place, BigInt(value), little);
      else if (width === 4) view.setUint32(place, value, little);
      else if (width === 2) view.setUint16(place, value, little);
      else changed[place] = value;
      return changed;
    }
    case 7: {
      // The beginning of one, the end of another.
      const from = random.below(other.length + 1);
      return splice(bytes, at, length - at, other.subarray(from));
    }
    case 8: {
      // A piece of another, in place or between.
      const from = random.below(other.length + 1);
      const piece = other.slice(from, from + 1 + random.below(64));
      return splice(bytes, at, random.percent(50) ? Math.min(piece.length, length - at) : 0, piece);
    }
    default: {
      // Nested: a piece within itself, again and again.
      const piece = bytes.slice(at, at + Math.min(span, 16));
      const times = 1 + random.below(random.percent(90) ? 8 : 2000);
      const nested = new Uint8Array(piece.length * times);
      for (let i = 0; i < times; i++) nested.set(piece, i * piece.length);
      return splice(bytes, at, 0, nested);
    }
  }
}

/** One to four changes of `input`. */
export function mutate(dialect: Dialect, input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = input;
  const times = random.percent(60) ? 1 : 1 + random.below(4);
  for (let i = 0; i < times; i++) {
    if (dialect === 'json' && random.percent(70)) bytes = mutateJson(bytes, other, random);
    else if (dialect === 'der' && random.percent(60)) bytes = mutateDer(bytes, other, random);
    else if (dialect === 'cbor' && random.percent(60)) bytes = mutateCbor(bytes, other, random);
    else bytes = mutateBytes(bytes, other, random);
  }
  return bytes.length > bytesMax ? bytes.subarray(0, bytesMax) : bytes;
}
