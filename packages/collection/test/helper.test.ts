/**
 * The helper of platforms that no file or socket speaks for: a real document of a Nitro enclave, from an executable.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifyEvidence } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { toHex } from '@coppice/wire';
import { helperCollector } from '../src/hardware.ts';
import { pathOf, skip } from './vectors.ts';

const request = {
  launch: new Uint8Array(32).fill(1),
  release: new Uint8Array(32).fill(2),
  reportData: new Uint8Array(32).fill(3),
  now: 0,
};

/** Asks an executable with this script. */
function helper(t: TestContext, script: string): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-helper-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'helper.mjs');
  writeFileSync(path, `#!${process.execPath}\n${script}`, { mode: 0o755 });
  return helperCollector({ name: 'nitro', helper: path })(request);
}

const answering = (answer: string): string => `process.stdin.resume().on('end', () => process.stdout.write(${answer}))`;

test('a document from a helper is evidence that verifies', { skip }, async (t) => {
  const file = pathOf('nitro/anjuna-attester-prod/doc.bin');
  const bundle = await helper(
    t,
    `
    import { readFileSync } from 'node:fs';
    const asked = JSON.parse(readFileSync(0, 'utf8'));
    if (asked.launchDigest !== '${toHex(request.launch)}' || asked.reportData !== '${toHex(request.reportData)}') process.exit(9);
    const evidence = readFileSync(${JSON.stringify(file)}).toString('base64');
    console.log(JSON.stringify({ mediaType: 'application/vnd.coppice.nitro-document', evidence }));
  `,
  );
  const now = Date.parse('2023-09-21T23:09:57.673Z');
  const verification = verifyEvidence(bundle, { cryptography: nodeCryptography, x509: nodeCryptography.x509, now });
  assert.ok(verification.ok, JSON.stringify(verification));
});

const faults: [string, string, RegExp][] = [
  ['fails', 'console.error("no device"); process.exit(3)', /NO_EVIDENCE.*ended with 3: no device/],
  ['says nothing', '', /not answer in the form/],
  ['says something else', answering("'{}'"), /not answer in the form/],
  ['says what is not base64', answering(`'{"mediaType":"a","evidence":"%"}'`), /not answer in the form/],
  ['does not stop talking', "setInterval(() => process.stdout.write('x'.repeat(65536)))", /SIGKILL/],
];
for (const [name, script, expected] of faults) {
  test(`a helper that ${name} is an error`, async (t) => {
    await assert.rejects(helper(t, script), expected);
  });
}

test('a helper that is not there is an error', async () => {
  await assert.rejects(helperCollector({ name: 'nitro', helper: '/nowhere/helper' })(request), /ENOENT/);
});
