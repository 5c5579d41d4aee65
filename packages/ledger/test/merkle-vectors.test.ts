/** The proofs of transparency-dev/merkle, accepted and refused. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { verifyConsistency, verifyInclusion } from '@coppice/ledger';
import { testCryptography } from './fixtures.ts';

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../../../shared/vectors'),
  'merkle',
);
const required = process.env['COPPICE_REQUIRE_VECTORS'] === '1';
const skip = !existsSync(folder) && !required ? `no vectors in ${folder}` : false;

interface Case {
  leafIdx: number;
  treeSize: number;
  root: string | null;
  leafHash: string | null;
  size1: number;
  size2: number;
  root1: string | null;
  root2: string | null;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

const bytes = (base64: string | null): Uint8Array => Buffer.from(base64 ?? '', 'base64');

function cases(kind: string): Case[] {
  const files = globSync(join(folder, kind, '**/*.json'));
  assert.ok(files.length > 0, `no cases in ${join(folder, kind)}`);
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Case);
}

describe('Merkle proofs of transparency-dev', { skip }, () => {
  it('of inclusion', () => {
    for (const { leafIdx, treeSize, root, leafHash, proof, desc, wantErr } of cases('inclusion')) {
      const path = (proof ?? []).map(bytes);
      const holds = verifyInclusion(testCryptography, bytes(leafHash), leafIdx, treeSize, path, bytes(root));
      assert.equal(holds, !wantErr, `${desc}: leaf ${leafIdx} of ${treeSize}`);
    }
  });

  it('of consistency', () => {
    for (const { size1, size2, root1, root2, proof, desc, wantErr } of cases('consistency')) {
      const path = (proof ?? []).map(bytes);
      const holds = verifyConsistency(testCryptography, size1, size2, bytes(root1), bytes(root2), path);
      assert.equal(holds, !wantErr, `${desc}: ${size1} to ${size2}`);
    }
  });
});
