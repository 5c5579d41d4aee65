/**
 * The documents that the demo streams: those of a folder, or the built-in sample, told again and again with fresh ids.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { feed, type Json } from '@coppice/example-supply-chain/feed';
import { sample } from '@coppice/example-supply-chain/sample';
import { UserError } from '../service-folder.ts';

/** An endless stream of documents like those in `folder`. Files that hold no EPCIS document or event are left out. */
export function documents(folder: string | undefined): Iterator<unknown> {
  const story = folder === undefined ? (sample as readonly Json[]) : storyIn(folder);
  if (story.length === 0) throw new UserError(`there is no EPCIS document in ${folder ?? 'the sample'}`);
  return feed(story, { seed: Math.floor(Math.random() * 1000) });
}

function storyIn(folder: string): Json[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /\.json(ld)?$/.test(name));
  } catch {
    throw new UserError(`cannot read the folder of events ${folder}`);
  }
  return names.sort().flatMap((name): Json[] => {
    const document = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Json;
    return isEpcis(document) ? [document] : [];
  });
}

function isEpcis(document: Json): boolean {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return false;
  const { type } = document as { type?: unknown };
  return typeof type === 'string' && (type.startsWith('EPCIS') || type.endsWith('Event'));
}
