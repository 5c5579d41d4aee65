/**
 * Looks for bytes in what is too large to be read at once.
 */
import { readSync } from 'node:fs';

/** Whether any of the needles is in these places of a file. Looks no further than where it cannot be read. */
export function rangeHas(fd: number, start: number, end: number, needles: readonly Buffer[]): boolean {
  const chunk = Buffer.allocUnsafe(1 << 20);
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  for (let at = start; at < end;) {
    let read: number;
    try {
      read = readSync(fd, chunk, 0, Math.min(chunk.length, end - at), at);
    } catch {
      return false;
    }
    if (read <= 0) return false;
    const seen = chunk.subarray(0, read);
    if (needles.some((needle) => seen.includes(needle))) return true;
    at += read < chunk.length ? read : read - overlap;
  }
  return false;
}
