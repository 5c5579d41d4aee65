/**
 * Targets, and the inputs kept for them: corpus/<target>/ has a file for each input that once broke something.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Target } from './target.ts';

export const corpusFolder = join(import.meta.dirname, 'corpus');
export const targetsFolder = join(import.meta.dirname, 'targets');

/** The targets that the files of a folder export, by name. */
export async function loadTargets(folder: string): Promise<Target[]> {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(
    files.map(async (file) => (await import(join(folder, file))) as { targets: readonly Target[] }),
  );
  return modules.flatMap(({ targets }) => targets);
}

export function keptInputs(target: string): { file: string; input: Uint8Array }[] {
  const folder = join(corpusFolder, target);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).sort();
  return files.map((file) => ({ file: join(folder, file), input: new Uint8Array(readFileSync(join(folder, file))) }));
}

/** Keeps an input that broke something; the file's path. */
export function keep(target: string, kind: string, input: Uint8Array): string {
  const folder = join(corpusFolder, target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${kind}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`);
  writeFileSync(file, input);
  return file;
}
