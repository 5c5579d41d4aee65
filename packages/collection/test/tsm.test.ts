/**
 * Linux's folder of reports, with what its documentation says that reading and writing there does, and a real report of a Genoa host.
 */
import assert from 'node:assert/strict';
import { basename, dirname, join } from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';
import { type CborTable, decodeBundle, decodeSign1, verifyEvidence } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { fetchEndorsements, persist } from '../src/fetch.ts';
import { Fields } from '../src/fields.ts';
import type { Files } from '../src/files.ts';
import { hardwareCollector } from '../src/hardware.ts';
import { platformSettings } from '../src/settings.ts';
import { readTsmReport } from '../src/tsm.ts';
import { json, pathOf, read, skip } from './vectors.ts';

interface Request {
  generation: number;
  inblob: Uint8Array | undefined;
}

/** configfs-tsm: a folder is a request; every write counts; a report is there once there is something to report. */
class FakeTsm implements Files {
  readonly report: Uint8Array;
  readonly auxiliary: Uint8Array | undefined;
  readonly provider: string;
  readonly requests = new Map<string, Request>();
  readonly seen: Uint8Array[] = [];
  /** Called before each read of a report: may fail, or write as somebody else would. */
  interfere: (request: Request) => void = () => undefined;

  constructor(report: Uint8Array, auxiliary: Uint8Array | undefined, provider: string) {
    this.report = report;
    this.auxiliary = auxiliary;
    this.provider = provider;
  }

  async makeFolder(path: string): Promise<void> {
    if (dirname(path) !== '/tsm') throw errno('ENOENT');
    if (this.requests.has(path)) throw errno('EEXIST');
    this.requests.set(path, { generation: 0, inblob: undefined });
  }

  async removeFolder(path: string): Promise<void> {
    if (!this.requests.delete(path)) throw errno('ENOENT');
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const request = this.#request(path);
    if (basename(path) !== 'inblob') throw errno('EACCES');
    if (bytes.length === 0 || bytes.length > 64) throw errno('EINVAL');
    this.seen.push(bytes);
    request.inblob = bytes;
    request.generation++;
  }

  async read(path: string): Promise<Uint8Array> {
    const request = this.#request(path);
    switch (basename(path)) {
      case 'outblob':
        this.interfere(request);
        if (request.inblob === undefined) throw errno('EINVAL');
        return this.report;
      case 'auxblob':
        if (this.auxiliary === undefined) throw errno('ENOENT');
        return this.auxiliary;
      case 'provider':
        return Buffer.from(`${this.provider}\n`);
      case 'generation':
        return Buffer.from(`${request.generation}\n`);
      default:
        throw errno('EACCES');
    }
  }

  #request(path: string): Request {
    const request = this.requests.get(dirname(path));
    if (request === undefined) throw errno('ENOENT');
    return request;
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const real = (): FakeTsm => {
  const { auxblob, outblob } = json('sev-snp/veraison-tsm/tsm-report.json');
  return new FakeTsm(Buffer.from(outblob!, 'base64'), Buffer.from(auxblob!, 'base64'), 'sev_guest');
};
const data = new Uint8Array(32).fill(7);
const request = { launch: data, release: data, reportData: data, now: Date.parse('2026-02-06T01:04:33Z') };
const settings = { name: 'sev-snp', from: 'configfs', at: '/tsm', endorsements: [] as string[] } as const;
const context = { cryptography: nodeCryptography, x509: nodeCryptography.x509, now: request.now };

test('a report of SEV-SNP with the host’s certificates is evidence that verifies', { skip }, async () => {
  const tsm = real();
  const verification = verifyEvidence(await hardwareCollector(settings, tsm)(request), context);
  assert.ok(verification.ok, JSON.stringify(verification));
  assert.equal(verification.evidence.generation, 'Genoa');
  assert.deepEqual([...tsm.seen[0]!], [...data, ...new Uint8Array(32)]);
  assert.equal(tsm.requests.size, 0, 'the request is removed');
});

test('a busy interface is asked again', { skip }, async () => {
  const tsm = real();
  const faults = ['EBUSY', 'EAGAIN', 'EINTR'];
  tsm.interfere = () => {
    const code = faults.shift();
    if (code !== undefined) throw errno(code);
  };
  const { report } = await readTsmReport('/tsm', data, tsm);
  assert.deepEqual(report, tsm.report);
  assert.deepEqual([tsm.seen.length, tsm.requests.size], [4, 0]);
});

test('a report that may be over somebody else’s data is not taken', { skip }, async () => {
  const tsm = real();
  let times = 2;
  tsm.interfere = (one) => {
    if (times-- <= 0) return;
    one.inblob = new Uint8Array(64);
    one.generation++;
  };
  await readTsmReport('/tsm', data, tsm);
  assert.equal(tsm.seen.length, 3);
});

test('an interface that is never free is an error', { skip }, async () => {
  const tsm = real();
  tsm.interfere = (one) => one.generation++;
  await assert.rejects(readTsmReport('/tsm', data, tsm), /BUSY/);
  assert.equal(tsm.requests.size, 0);
});

test('no interface, another one’s reports, and missing certificates are errors', { skip }, async () => {
  const collect = hardwareCollector(settings, real());
  await assert.rejects(hardwareCollector({ ...settings, at: '/elsewhere' }, real())(request), /NO_EVIDENCE/);
  await assert.rejects(hardwareCollector({ ...settings, name: 'tdx' }, real())(request), /reports are of sev_guest/);
  const { report } = real();
  const without = new FakeTsm(report, undefined, 'sev_guest');
  await assert.rejects(hardwareCollector(settings, without)(request), /NO_ENDORSEMENTS/);
  const elsewhere = { ...settings, endorsements: ['/nowhere/vcek.der'] };
  await assert.rejects(hardwareCollector(elsewhere, without)(request), /NO_ENDORSEMENTS: \/nowhere\/vcek.der/);
  assert.ok(decodeBundle(await collect(request)).ok);
});

test('what the host does not give along comes from the settings', { skip }, async () => {
  const milan = new FakeTsm(read('sev-snp/milan-google-v2/report.bin'), undefined, 'sev_guest');
  const endorsements = ['sev-snp/milan-google-v2/vcek.der', 'sev-snp/roots/ask_ark_milan.pem'].map(pathOf);
  const bundle = await hardwareCollector({ ...settings, endorsements }, milan)(request);
  const verification = verifyEvidence(bundle, context);
  assert.ok(verification.ok, JSON.stringify(verification));
});

/** A real confidential container of Azure's: its report, its chip's certificates, and the endorsement of its firmware. */
function container() {
  const message = decodeSign1(read('sev-snp/scitt-css-attested/css-attested-20250925.cose'), ['attestedsvc']);
  assert.ok(message.ok);
  const service = message.value.protectedHeader.get('attestedsvc') as CborTable;
  const part = (name: string): Buffer => Buffer.from(service.get(name) as Uint8Array);
  return {
    report: new Uint8Array(part('attestation')),
    chain: part('snp_endorsements').toString(),
    firmware: part('uvm_endorsements'),
  };
}

const securityContext = (t: TestContext, files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-context-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
};

test('a confidential container of Azure’s finds its endorsements in its security context', { skip }, async (t) => {
  const { chain, firmware, report } = container();
  const [vcekCert, ...others] = chain.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g)!;
  const host = { cacheControl: '86400', tcbm: '', vcekCert, certificateChain: others.join('') };
  const base64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString('base64');
  const files = { 'host-amd-cert-base64': base64(JSON.stringify(host)), 'reference-info-base64': base64(firmware) };
  const now = Date.UTC(2025, 8, 26);
  const collected = async (settingsOf: object): Promise<readonly string[]> => {
    const collect = hardwareCollector({ ...settings, ...settingsOf }, new FakeTsm(report, undefined, 'sev_guest'));
    const verification = verifyEvidence(await collect({ ...request, now }), { ...context, now });
    assert.ok(verification.ok, JSON.stringify(verification));
    return verification.evidence.tcb.components.map(({ component }) => component);
  };
  const folder = securityContext(t, files);
  assert.ok((await collected({ securityContext: folder })).includes('ContainerPlat-AMD-UVM'));
  // From the settings it may come as well, beside that of another firmware, which is left out.
  const endorsements = [pathOf('sev-snp/uvm-endorsements/ccf_int_svn.cose'), join(folder, 'reference-info-base64')];
  const certificates = securityContext(t, { 'host-amd-cert-base64': files['host-amd-cert-base64'] });
  const components = await collected({ securityContext: certificates, endorsements });
  assert.ok(components.includes('ContainerPlat-AMD-UVM'));
  assert.ok(!(await collected({ securityContext: certificates })).includes('ContainerPlat-AMD-UVM'));
});

test('where the security context is, the environment says', () => {
  process.env['UVM_SECURITY_CONTEXT_DIR'] = '/security-context';
  const settingsOf = (fields: object): unknown => platformSettings(new Fields(fields, ''));
  const named = (fields: object): unknown =>
    (settingsOf({ name: 'sev-snp', ...fields }) as { securityContext?: string }).securityContext;
  assert.equal(named({}), '/security-context');
  assert.equal(named({ securityContext: '/elsewhere' }), '/elsewhere');
  delete process.env['UVM_SECURITY_CONTEXT_DIR'];
  assert.equal(named({}), undefined);
});

test('a place that is no file, or too large, gives no endorsements', async (t) => {
  const folder = securityContext(t, { large: 'x'.repeat(1024 * 1024 + 1) });
  for (const [place, reason] of [
    ['/dev/zero', /not a file/],
    [folder, /not a file|EISDIR/],
    [join(folder, 'large'), /more than 1048576 bytes/],
  ] as const)
    await assert.rejects(fetchEndorsements([place]), reason);
});

test('what fails is tried again after a pause, which grows', async () => {
  const pauses: number[] = [];
  let tried = 0;
  const fails = (): Promise<never> => Promise.reject(new Error(`attempt ${++tried}`));
  await assert.rejects(
    persist(4, fails, (ms) => Promise.resolve(pauses.push(ms))),
    /attempt 4/,
  );
  assert.deepEqual(pauses, [200, 400, 800]);
});
