import type { NewRecord } from '../src/index.ts';

/** The record that tests write at this position: up to 10 kB, and no two alike. */
export function recordAt(position: number): NewRecord {
  const payload = new Uint8Array((position * 7919) % 10_000);
  for (let i = 0; i < payload.length; i++) payload[i] = (position * 31 + i * i) & 255;
  return { type: position % 256, sequence: position + 1, payload };
}
