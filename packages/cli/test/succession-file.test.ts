/** What members signed of a draft of a succession, as a file says it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newSigner } from '@coppice/cryptography';
import { genesisStatement, sameBytes, toHex } from '@coppice/wire';
import { readSigned } from '../src/succession-file.ts';

test('what a member signed can be read without its draft, and its signature is verified', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-succession-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [file, service, signer] = [join(folder, 'signed.json'), new Uint8Array(32).fill(4), newSigner()];
  const write = (of: Uint8Array): void => {
    const [member, signature] = [signer.publicKey, signer.sign(genesisStatement(service))].map(toHex);
    writeFileSync(file, JSON.stringify({ kind: 'signed-succession', service: toHex(of), member, signature }));
  };
  write(service);
  const signed = readSigned(file)!;
  assert.ok(sameBytes(signed.member, signer.publicKey) && sameBytes(signed.service, service));
  write(service.with(0, 5));
  assert.throws(() => readSigned(file), /the signature in .*signed\.json is not valid/);
  assert.throws(() => readSigned(join(folder, 'nothing.json')), /nothing\.json cannot be read/);
  writeFileSync(file, '{"kind":"succession"}');
  assert.equal(readSigned(file), undefined);
});
