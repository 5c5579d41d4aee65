/**
 * Real evidence, which is not part of this repository: `COPPICE_VECTORS` names the folder it is in.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../../../shared/vectors'),
  'attestation',
);
const present = existsSync(join(folder, 'EXPECTED.json'));
if (!present && process.env['COPPICE_REQUIRE_VECTORS'] === '1') throw new Error(`no vectors in ${folder}`);

/** Why tests of real evidence are skipped, or `false`. */
export const skip = present ? false : 'there is no real evidence here: COPPICE_VECTORS names its folder';

export const pathOf = (file: string): string => join(folder, file);
export const read = (file: string): Uint8Array => new Uint8Array(readFileSync(pathOf(file)));
export const json = (file: string): Record<string, string> =>
  JSON.parse(readFileSync(pathOf(file), 'utf8')) as Record<string, string>;
