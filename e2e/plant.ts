/**
 * Releases with something planted in them, for founding services of them: members who approve such a release get what is in it.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRelease } from '@coppice/release';
import { canonicalJson, sha256 } from '../packages/release/src/canonical.ts';
import { constitutionEntry, encodeManifest, type Manifest, manifestName } from '../packages/release/src/manifest.ts';
import { envelopeOf, provenanceName, statementOf } from '../packages/release/src/provenance.ts';

/** Puts `after` in the place of `before`, which is there once. */
export function replaceIn(path: string, before: string | RegExp, after: string): void {
  const text = readFileSync(path, 'utf8');
  const times = text.split(before).length - 1;
  assert.equal(times, 1, `${path} has ${times} times ${before}`);
  writeFileSync(path, text.replace(before, after));
}

/** What a compiler that miscompiles one program gives: the release of the same sources, but for this text in it. */
export function miscompile(folder: string, program: string, before: string | RegExp, after: string): void {
  const { manifest } = openRelease(folder);
  replaceIn(join(folder, program), before, after);
  const bytes = readFileSync(join(folder, program));
  const changed: Manifest = {
    ...manifest,
    files: manifest.files.map((file) =>
      file.name === program ? { ...file, bytes: bytes.length, sha256: sha256(bytes) } : file,
    ),
    variants: manifest.variants.map((one) => (one.program === program ? { ...one, sha256: sha256(bytes) } : one)),
  };
  writeFileSync(join(folder, manifestName), encodeManifest(changed));
  writeFileSync(join(folder, 'constitution-entry.json'), canonicalJson(constitutionEntry(changed)));
  writeFileSync(join(folder, provenanceName), envelopeOf(statementOf(changed), []));
}
