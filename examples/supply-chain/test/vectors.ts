/**
 * GS1's own example documents and schema, where there are any: a folder that COPPICE_VECTORS names, with `epcis/` in it.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const shared = fileURLToPath(new URL('../../../../shared/vectors', import.meta.url));
const folder = join(process.env['COPPICE_VECTORS'] ?? shared, 'epcis');
const required = process.env['COPPICE_REQUIRE_VECTORS'] === '1';

/** Why tests that need the vectors cannot run, or `false` where they can: what `node:test` takes as `skip`. */
export const vectorsAbsent = existsSync(folder) || required ? false : `no vectors in ${folder}`;

export interface Vector {
  readonly name: string;
  readonly document: Json;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function documents(): Vector[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonld'));
  if (names.length === 0) throw new Error(`no documents in ${folder}`);
  return names.sort().map((name) => ({ name, document: read(name) as Json }));
}

export function schema(): Record<string, unknown> {
  return read('EPCIS-JSON-Schema.json') as Record<string, unknown>;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}
