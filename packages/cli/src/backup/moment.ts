/**
 * As of when a restored folder is to be asked: a file in it. What is beyond is there, too, since it certifies what is not.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Moment } from '../archive.ts';
import { UserError } from '../service-folder.ts';

const fileName = 'as-of.json';

export function writeMoment(folder: string, at: Moment): void {
  writeFileSync(join(folder, fileName), `${JSON.stringify(at)}\n`);
}

/** `undefined`: the end. */
export function readMoment(folder: string): Moment | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, fileName), 'utf8');
  } catch {
    return undefined;
  }
  const [, kind, digits] = /^\{"(sequence|time)":(\d{1,15})\}\s*$/.exec(text) ?? [];
  if (digits === undefined)
    throw new UserError(`${join(folder, fileName)} says nothing that can be read: name a moment with --at`);
  return kind === 'time' ? { time: Number(digits) } : { sequence: Number(digits) };
}
