/**
 * An Azure machine: a real TPM in software with the paravisor's real report in it, and the two services of its host.
 *
 * The key that the real report names is on the real machine, so the quote cannot be its; everything else is as there.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { decodeBundle, decodeTpmQuote, verifyBundle } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { concatBytes, decodeCbor } from '@coppice/wire';
import { azureCollector } from '../src/azure.ts';
import { createAttestationKey, readIndex } from '../src/tpm/commands.ts';
import { TpmConnection } from '../src/tpm/connection.ts';
import { serve } from './server.ts';
import { pathOf, read, skip as noVectors } from './vectors.ts';

const there = spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0;
if (!there && process.env['COPPICE_REQUIRE_SWTPM'] === '1') throw new Error('no swtpm');
const skip = noVectors || (there ? false : 'no swtpm: install the package swtpm');

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const u32 = (value: number): Uint8Array => concatBytes(u16(value >>> 16), u16(value & 0xffff));
const nothing = u16(0);

const hostReportIndex = 0x0140_0001;
const [nvReadPublic, nvRead, outOfRange] = [0x169, 0x14e, 0x146];

function response(tag: number, code: number, body: Uint8Array): Uint8Array {
  return concatBytes(u16(tag), u32(10 + body.length), u32(code), body);
}

/** What Azure's TPM answers about its index, which is longer than one of libtpms can be; `undefined`: not about that. */
function indexAnswer(command: Buffer, hostReport: Uint8Array): Uint8Array | undefined {
  const code = command.readUInt32BE(6);
  if (code === nvReadPublic && command.readUInt32BE(10) === hostReportIndex) {
    const area = concatBytes(u32(hostReportIndex), u16(0x000b), u32(0x0206_0006), nothing, u16(hostReport.length));
    return response(0x8001, 0, concatBytes(u16(area.length), area, nothing));
  }
  if (code !== nvRead || command.readUInt32BE(14) !== hostReportIndex) return undefined;
  const [size, offset] = [command.readUInt16BE(command.length - 4), command.readUInt16BE(command.length - 2)];
  if (size > 1024 || offset + size > hostReport.length) return response(0x8001, outOfRange, new Uint8Array(0));
  const data = concatBytes(u16(size), hostReport.subarray(offset, offset + size));
  return response(0x8002, 0, concatBytes(u32(data.length), data, nothing, Uint8Array.of(1), nothing));
}

/** A TPM with this at the index of the paravisor's report, and a key at Azure's handle. */
async function machine(t: TestContext, hostReport: Uint8Array): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-azure-'));
  const [path, inner] = [join(folder, 'tpm'), join(folder, 'inner')];
  const child = spawn('swtpm', [
    ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--server', `type=unixio,path=${inner}`],
    ...['--flags', 'not-need-init,startup-clear'],
  ]);
  const server = createServer((outside) => {
    const inside = connect(inner);
    outside.on('data', (command: Buffer) => {
      const answer = indexAnswer(command, hostReport);
      if (answer === undefined) inside.write(command);
      else outside.write(answer);
    });
    inside.on('data', (answer: Buffer) => outside.write(answer));
    outside.on('close', () => inside.destroy());
    for (const socket of [inside, outside]) socket.on('error', () => socket.destroy());
  });
  t.after(() => {
    server.close();
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  while (!existsSync(inner)) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const tpm = await TpmConnection.open(path);
  await createAttestationKey(tpm, 0x8100_0003);
  assert.deepEqual(await readIndex(tpm, hostReportIndex), hostReport);
  await tpm.close();
  return path;
}

const request = {
  launch: new Uint8Array(32).fill(1),
  release: new Uint8Array(32).fill(2),
  reportData: new Uint8Array(32).fill(3),
  now: Date.parse('2026-02-06T01:04:33Z'),
};
const registers = [0, 4, 7, 8];

/** What was collected, checked as far as a TPM of another machine allows. */
function check(encoded: Uint8Array, hostReport: Uint8Array, domainQuote: Uint8Array | undefined): string {
  const bundle = decodeBundle(encoded);
  assert.ok(bundle.ok);
  const fields = decodeCbor(bundle.value.evidence.bytes);
  assert.ok(fields.ok);
  const parts = fields.value as Readonly<Record<string, Uint8Array | undefined>>;
  assert.deepEqual(parts['hostReport'], hostReport);
  assert.deepEqual(parts['domainQuote'], domainQuote);
  assert.deepEqual(parts['launch'], request.launch);
  const quote = decodeTpmQuote(parts['quote']!);
  assert.ok(quote.ok);
  assert.deepEqual([...quote.value.qualifyingData], [...request.reportData]);
  assert.deepEqual(quote.value.selections[0]?.registers, registers);
  const verification = verifyBundle(bundle.value, {
    ...{ cryptography: nodeCryptography, x509: nodeCryptography.x509, now: request.now },
  });
  return verification.ok ? 'verified' : `${verification.error}: ${verification.detail}`;
}

test('report, quote and the VCEK that the host’s service has', { skip }, async (t) => {
  const hostReport = read('azure-vtpm/snp/hcl-report.bin');
  const asked: string[] = [];
  const url = await serve(t, ({ url: path = '', headers }, response) => {
    asked.push(path);
    if (headers['metadata'] !== 'true') return void response.writeHead(400).end();
    const [vcekCert, certificateChain] = ['azure-vtpm/snp/vcek.pem', 'sev-snp/roots/ask_ark_milan.pem'].map((file) =>
      Buffer.from(read(file)).toString('latin1'),
    );
    response.end(JSON.stringify({ vcekCert, certificateChain, tcbm: '', cacheControl: '86400' }));
  });
  const bundle = await azureCollector({
    ...{ name: 'azure-snp', tpm: await machine(t, hostReport), registers, quotes: '' },
    endorsements: [`${url}/metadata/THIM/amd/certification`],
  })(request);
  assert.equal(check(bundle, hostReport, undefined), 'evidence-signature: by the attestation key');
  assert.deepEqual(asked, ['/metadata/THIM/amd/certification']);
});

test('the domain’s quote comes from the host, for the report in the TPM', { skip }, async (t) => {
  const hostReport = read('azure-vtpm/tdx/hcl-report.bin');
  const domainQuote = read('azure-vtpm/tdx/td-quote.bin');
  const url = await serve(t, ({ method }, response, body) => {
    const { report } = JSON.parse(body) as { report: string };
    const wanted = Buffer.from(hostReport.subarray(32, 32 + 1024)).toString('base64url');
    if (method !== 'POST' || report !== wanted) return void response.writeHead(400).end();
    response.end(JSON.stringify({ quote: Buffer.from(domainQuote).toString('base64url') }));
  });
  const settings = { name: 'azure-tdx', tpm: await machine(t, hostReport), registers, quotes: url } as const;
  // Collateral of another processor: it is put together, and its makers' word does not hold.
  const endorsements = [pathOf('tdx/phala-v4/collateral.json')];
  const bundle = await azureCollector({ ...settings, endorsements })(request);
  assert.match(check(bundle, hostReport, domainQuote), /^(expired|not-yet-valid|endorsement-mismatch)/);
  const refusing = azureCollector({ ...settings, quotes: `${url}0`, endorsements });
  await assert.rejects(refusing(request), /NO_EVIDENCE/);
  await assert.rejects(azureCollector({ ...settings, name: 'azure-snp', endorsements })(request), /is of tdx/);
});
