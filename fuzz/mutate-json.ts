/** Changes to JSON documents that leave them JSON documents. */
import type { Random } from '../packages/simulator/src/random.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** What JSON can hold and readers may not expect. */
const odd: readonly Json[] = [
  null,
  true,
  0,
  -0,
  -1,
  1.5,
  1e308,
  -1e-308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  '',
  '0',
  'null',
  '\u0000',
  '\ud800',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  [],
  {},
  [[]],
  [{}],
  'f'.repeat(64),
  '00',
  'F0',
  '1e3',
  ' ',
  '2026-01-01T00:00:00Z',
];

/** Of a document, every place that holds a value. */
function places(root: Json): { holder: Json[] | { [name: string]: Json }; key: string }[] {
  const found: ReturnType<typeof places> = [];
  const walk = (value: Json, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > 40 || found.length > 2000) return;
    for (const key of Object.keys(value)) {
      found.push({ holder: value, key });
      walk((value as { [name: string]: Json })[key]!, depth + 1);
    }
  };
  walk(root, 0);
  return found;
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

/** A property of its own, also where the prototype has one of that name. */
function define(fields: { [name: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}

export function mutateJson(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const root = parsed(bytes);
  if (root === undefined) return bytes;
  const all = places(root);
  if (all.length === 0) return new Uint8Array(Buffer.from(JSON.stringify(random.pick(odd))));
  const { holder, key } = random.pick(all);
  const fields = holder as { [name: string]: Json };
  const value = fields[key]!;
  let text: string | undefined;
  switch (random.below(9)) {
    case 0:
    case 1:
      fields[key] = random.pick(odd);
      break;
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete fields[key];
      break;
    case 3:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, value);
      else define(fields, random.pick(['x', '__proto__', 'constructor', '', key.toUpperCase(), `${key} `]), value);
      break;
    case 4: {
      // From another document.
      const theirs = parsed(other);
      const from = theirs === undefined ? [] : places(theirs);
      if (from.length === 0) break;
      const taken = random.pick(from);
      fields[key] = (taken.holder as { [name: string]: Json })[taken.key]!;
      break;
    }
    case 5:
      fields[key] =
        typeof value === 'string'
          ? mutateText(value, random)
          : typeof value === 'number'
            ? value + random.pick([1, -1, 0.5, 2 ** 53])
            : [value];
      break;
    case 6: {
      // Deep, or long.
      const depth = random.percent(80) ? random.below(10) : random.below(5000);
      const marker = '"\u0001nested\u0001"';
      fields[key] = '\u0001nested\u0001';
      text = JSON.stringify(root)
        .replace(JSON.stringify('\u0001nested\u0001'), '['.repeat(depth) + ']'.repeat(depth))
        .replace(marker, '0');
      break;
    }
    case 7: {
      // The same name twice: parsers differ in which one they take.
      const name = JSON.stringify(key);
      text = JSON.stringify(root).replace(`${name}:`, `${name}:${JSON.stringify(random.pick(odd))},${name}:`);
      break;
    }
    default:
      // White space, and numbers written otherwise.
      text = random.percent(50)
        ? JSON.stringify(root, null, 1 + random.below(4))
        : JSON.stringify(root).replace(/:(\d+)/, ':$1.0');
  }
  return new Uint8Array(Buffer.from(text ?? JSON.stringify(root)));
}

function mutateText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return (
        text.slice(0, at) +
        random.pick(['0', 'g', 'F', ' ', '\n', '\u0000', '.', '-', '😀', '\ud800']) +
        text.slice(at + 1)
      );
    case 2:
      return text + text;
    default:
      return text.repeat(1 + random.below(random.percent(95) ? 3 : 300));
  }
}
