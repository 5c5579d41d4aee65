/** Changes to deterministic CBOR that leave it deterministic CBOR, byte strings that hold some included. */
import { type CborValue, decodeCbor, encodeCbor } from '@coppice/wire';
import type { Random } from '../packages/simulator/src/random.ts';
import { drawnCbor } from './draw-cbor.ts';

/** A value whose insides can be changed: maps of any kind are `Map`s. */
type Loose = CborValue | Loose[] | Map<number | string, Loose>;

function loosened(value: CborValue): Loose {
  if (Array.isArray(value)) return (value as readonly CborValue[]).map(loosened);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const entries: Iterable<[number | string, CborValue]> =
    value instanceof Map ? value : (Object.entries(value) as [string, CborValue][]);
  return new Map([...entries].map(([key, inner]) => [key, loosened(inner)]));
}

interface Place {
  readonly value: Loose;
  set(value: Loose): void;
  remove(): void;
  double(): void;
}

function places(holder: Loose): Place[] {
  if (holder instanceof Map) {
    return [...holder].flatMap(([key, value]) => [
      {
        value,
        set: (other: Loose) => void holder.set(key, other),
        remove: () => void holder.delete(key),
        double: () => void holder.set(typeof key === 'number' ? key + 1 : `${key}2`, value),
      },
      ...places(value),
    ]);
  }
  if (!Array.isArray(holder)) return [];
  const list: Loose[] = holder;
  return list.flatMap((value, i) => [
    {
      value,
      set: (other: Loose) => void (list[i] = other),
      remove: () => void list.splice(i, 1),
      double: () => void list.splice(i, 0, value),
    },
    ...places(value),
  ]);
}

export function mutateCbor(bytes: Uint8Array, other: Uint8Array, random: Random, depth = 0): Uint8Array {
  const decoded = decodeCbor(bytes);
  const root = decoded.ok ? loosened(decoded.value) : undefined;
  const all = root === undefined ? [] : places(root);
  if (all.length === 0) return bytes;
  const place = random.pick(all);
  switch (random.below(6)) {
    case 0:
      place.set(drawnCbor(random, 3));
      break;
    case 1:
      place.remove();
      break;
    case 2:
      place.double();
      break;
    case 3: {
      const theirs = decodeCbor(other);
      const from = theirs.ok ? places(loosened(theirs.value)) : [];
      if (from.length > 0) place.set(random.pick(from).value);
      break;
    }
    case 4:
      place.set(changed(place.value, other, random, depth));
      break;
    default:
      place.set(random.percent(50) ? [place.value] : new Map([[random.below(3), place.value]]));
  }
  try {
    return encodeCbor(root as CborValue);
  } catch {
    return bytes; // Too deep, or a number that has no encoding.
  }
}

function changed(value: Loose, other: Uint8Array, random: Random, depth: number): Loose {
  if (typeof value === 'number') return value + random.pick([1, -1, 256, 2 ** 32]);
  if (typeof value === 'string')
    return value.slice(0, random.below(value.length + 1)) + random.pick(['', 'x', '\0', '😀']);
  if (!(value instanceof Uint8Array)) return drawnCbor(random, 3);
  if (depth < 3 && random.percent(50)) return mutateCbor(value, other, random, depth + 1);
  const bytes = random.percent(50) ? value.slice(0, random.below(value.length + 1)) : value.slice();
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}
