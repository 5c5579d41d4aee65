/**
 * Real evidence, which is not part of this repository: `COPPICE_VECTORS` names the folder it is in.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../../../shared/vectors'),
  'attestation',
);
const present = existsSync(join(folder, 'EXPECTED.json'));
if (!present && process.env['COPPICE_REQUIRE_VECTORS'] === '1') throw new Error(`no vectors in ${folder}`);

/** Why tests of real evidence are skipped, or `false`. */
export const skip = present ? false : 'there is no real evidence here: COPPICE_VECTORS names its folder';

export interface Case {
  readonly id: string;
  readonly platform: string;
  /** Evidence first. */
  readonly files: Readonly<Record<string, string>>;
  readonly verificationTime: string;
  readonly expect: string;
  readonly reasons: readonly string[];
  readonly tcbStatus?: string;
  readonly advisories?: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export function casesOf(platform: string): Case[] {
  if (!present) return [];
  const { vectors } = JSON.parse(readFileSync(join(folder, 'EXPECTED.json'), 'utf8')) as { vectors: Case[] };
  return vectors.filter((one) => one.platform === platform);
}

export function pathOf(file: string): string {
  return join(folder, file);
}

export function read(file: string): { name: string; bytes: Uint8Array } {
  return { name: basename(file), bytes: new Uint8Array(readFileSync(pathOf(file))) };
}

/** The evidence of a case, and its other files. */
export function filesOf(one: Case): [ReturnType<typeof read>, ...ReturnType<typeof read>[]] {
  const [first, ...others] = Object.values(one.files).map(read);
  return [first!, ...others];
}
