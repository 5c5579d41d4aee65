/**
 * The one way in which the documents of a release are written: JSON, keys in the order of their UTF-16 units, indented by two
 * spaces, with a line feed at the end. Equal values have equal bytes, and people can read them.
 */
import { hash } from 'node:crypto';

export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), undefined, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

/** In hexadecimal. */
export function sha256(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
