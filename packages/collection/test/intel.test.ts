/**
 * Quotes of Gramine and of Confidential Containers, with collateral as Intel's server has it.
 */
import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import { decodeBundle, initDataType, showBundle, verifyEvidence } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { fromHex } from '@coppice/wire';
import type { Files } from '../src/files.ts';
import { hardwareCollector } from '../src/hardware.ts';
import { serve } from './server.ts';
import { json, pathOf, read, skip } from './vectors.ts';

const data = new Uint8Array(32).fill(9);
const at = (time: string) => {
  const now = Date.parse(time);
  return {
    request: { launch: data, release: data, reportData: data, now },
    context: { cryptography: nodeCryptography, x509: nodeCryptography.x509, now },
  };
};

/** Gramine's files: what was written last is what a quote is over, for the whole process. */
class FakeGramine implements Files {
  readonly quote: Uint8Array;
  type = 'dcap';
  readonly order: string[] = [];

  constructor(quote: Uint8Array) {
    this.quote = quote;
  }

  makeFolder = (): Promise<void> => Promise.reject(new Error('EPERM'));
  removeFolder = (): Promise<void> => Promise.reject(new Error('EPERM'));

  async write(path: string, bytes: Uint8Array): Promise<void> {
    assert.deepEqual([dirname(path), basename(path), bytes.length], ['/att', 'user_report_data', 64]);
    this.order.push(`write ${bytes[0]}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async read(path: string): Promise<Uint8Array> {
    if (basename(path) === 'attestation_type') return Buffer.from(this.type);
    assert.equal(path, '/att/quote');
    this.order.push('quote');
    await new Promise((resolve) => setTimeout(resolve, 5));
    return this.quote;
  }
}

/** Intel's server: each document at its path, the chain of its issuer in a header. */
async function pcs(t: TestContext, file: string): Promise<string[]> {
  const fields = json(file);
  const document = (name: string, of: string): string =>
    `{"${name}":${fields[of]},"signature":"${fields[`${of}_signature`]}"}`;
  const asked: string[] = [];
  const url = await serve(t, ({ url: path = '' }, response) => {
    asked.push(path);
    const header = (name: string, field: string): void =>
      void response.setHeader(name, encodeURIComponent(fields[field]!));
    if (path.startsWith('/tcb?fmspc=')) {
      header('TCB-Info-Issuer-Chain', 'tcb_info_issuer_chain');
      response.end(document('tcbInfo', 'tcb_info'));
    } else if (path === '/qe/identity') {
      header('SGX-Enclave-Identity-Issuer-Chain', 'qe_identity_issuer_chain');
      response.end(document('enclaveIdentity', 'qe_identity'));
    } else if (path === '/pckcrl') {
      header('SGX-PCK-CRL-Issuer-Chain', 'pck_crl_issuer_chain');
      response.end(fromHex(fields['pck_crl']!));
    } else if (path === '/rootcacrl') response.end(fromHex(fields['root_ca_crl']!));
    else response.writeHead(404).end();
  });
  return ['/tcb?fmspc={fmspc}', '/qe/identity', '/pckcrl', '/rootcacrl'].map((path) => url + path);
}

const sgx = { name: 'sgx', from: 'gramine', at: '/att' } as const;

test(
  'a quote of Gramine, with collateral fetched for its processor, is evidence that verifies',
  { skip },
  async (t) => {
    const { context, request } = at('2025-06-19T10:57:11Z');
    const endorsements = await pcs(t, 'sgx/phala-v3/collateral.json');
    const files = new FakeGramine(read('sgx/phala-v3/quote.bin'));
    const bundle = await hardwareCollector({ ...sgx, endorsements }, files)(request);
    const verification = verifyEvidence(bundle, context);
    assert.ok(verification.ok, JSON.stringify(verification));
    assert.equal(verification.evidence.generation, '00a067110000');
  },
);

test('two askers of Gramine do not get each other’s quote', { skip }, async (t) => {
  const { request } = at('2025-06-19T10:57:11Z');
  const endorsements = await pcs(t, 'sgx/phala-v3/collateral.json');
  const files = new FakeGramine(read('sgx/phala-v3/quote.bin'));
  const collect = hardwareCollector({ ...sgx, endorsements }, files);
  await Promise.all([collect(request), collect({ ...request, reportData: new Uint8Array(32).fill(1) })]);
  assert.deepEqual(files.order, ['write 9', 'quote', 'write 1', 'quote']);
});

test('an enclave without remote attestation says so', { skip }, async () => {
  const files = new FakeGramine(read('sgx/phala-v3/quote.bin'));
  files.type = 'none';
  const { request } = at('2025-06-19T10:57:11Z');
  await assert.rejects(hardwareCollector({ ...sgx, endorsements: [] }, files)(request), /NO_EVIDENCE.*must be "dcap"/);
});

test('a server that fails is asked again, and named in the end', { skip }, async (t) => {
  const { request } = at('2025-06-19T10:57:11Z');
  let asked = 0;
  const url = await serve(t, (_, response) => void response.writeHead(++asked < 9 ? 503 : 200).end('nothing known'));
  const files = new FakeGramine(read('sgx/phala-v3/quote.bin'));
  const collect = hardwareCollector({ ...sgx, endorsements: [`${url}/tcb`] }, files);
  await assert.rejects(collect(request), /NO_ENDORSEMENTS: http:\/\/127.0.0.1:\d+\/tcb: status 503/);
  assert.equal(asked, 3);
});

test('an answer without end is cut off', { skip }, async (t) => {
  const { request } = at('2025-06-19T10:57:11Z');
  const url = await serve(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  });
  const collect = hardwareCollector({ ...sgx, endorsements: [url] }, new FakeGramine(read('sgx/phala-v3/quote.bin')));
  await assert.rejects(collect(request), /more than 1048576 bytes/);
});

/** The attestation agent of a pod. */
async function agent(t: TestContext, answer: string): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const url = await serve(t, ({ method, url: path = '' }, response) => {
    const { pathname, searchParams } = new URL(path, 'http://pod');
    if (method !== 'GET' || pathname !== '/aa/evidence' || searchParams.get('encoding') !== 'base64')
      return void response.writeHead(400).end();
    asked.push(searchParams.get('runtime_data')!);
    response.end(answer);
  });
  return { url, asked };
}

test('a quote of a confidential container is evidence that verifies', { skip }, async (t) => {
  const { context, request } = at('2025-06-19T10:33:27Z');
  const quote = Buffer.from(read('tdx/phala-v4/quote.bin')).toString('base64');
  const { url, asked } = await agent(t, JSON.stringify({ cc_eventlog: null, quote }));
  const endorsements = await pcs(t, 'tdx/phala-v4/collateral.json');
  const bundle = await hardwareCollector({ name: 'tdx', from: 'attestation-agent', at: url, endorsements })(request);
  const verification = verifyEvidence(bundle, context);
  assert.ok(verification.ok, JSON.stringify(verification));
  assert.deepEqual(asked, [Buffer.from(data).toString('base64')]);
});

test('a report of a confidential container is put together again', { skip }, async (t) => {
  const { request } = at('2026-02-06T01:04:33Z');
  const evidence = Buffer.from(read('sev-snp/coco-e2e/evidence.json')).toString('utf8');
  const { url } = await agent(t, evidence);
  const endorsements = [pathOf('sev-snp/roots/ask_ark_genoa.pem')];
  const initData = pathOf('EXPECTED.json');
  const settings = { name: 'sev-snp', from: 'attestation-agent', at: url, endorsements, initData } as const;
  const bundle = decodeBundle(
    await hardwareCollector(settings)(request).catch((error: unknown) => assert.fail(String(error))),
  );
  assert.ok(bundle.ok);
  const last = bundle.value.endorsements.at(-1)!;
  assert.equal(last.mediaType, initDataType);
  assert.deepEqual(last.bytes, read('EXPECTED.json'));
  const { attestation_report: report } = JSON.parse(evidence) as { attestation_report: { measurement: number[] } };
  assert.equal(showBundle(bundle.value)!['measurement'], Buffer.from(report.measurement).toString('hex'));
});

test('an agent of other hardware, or that fails, is an error', { skip }, async (t) => {
  const { request } = at('2026-02-06T01:04:33Z');
  const settings = (url: string) => ({ name: 'tdx', from: 'attestation-agent', at: url, endorsements: [] }) as const;
  const { url } = await agent(t, Buffer.from(read('sev-snp/coco-e2e/evidence.json')).toString('utf8'));
  await assert.rejects(hardwareCollector(settings(url))(request), /evidence of sev-snp/);
  const other = await agent(t, '{"svn":"1","report_data":"…"}');
  await assert.rejects(hardwareCollector(settings(other.url))(request), /evidence of another form/);
  const broken = await agent(t, 'null');
  await assert.rejects(hardwareCollector(settings(broken.url))(request), /NO_EVIDENCE/);
});
