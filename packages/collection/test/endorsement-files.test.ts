/**
 * Endorsements as makers and clouds really serve them: every form is read to the same bytes.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fromHex } from '@coppice/wire';
import { mergeEndorsements, readEndorsements } from '../src/index.ts';

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../../../shared/vectors'),
  'attestation',
);
const present = existsSync(join(folder, 'EXPECTED.json'));
if (!present && process.env['COPPICE_REQUIRE_VECTORS'] === '1') throw new Error(`no vectors in ${folder}`);
const skip = present ? false : 'there is no real evidence here: COPPICE_VECTORS names its folder';

const collateral = (): Record<string, string> =>
  JSON.parse(readFileSync(join(folder, 'tdx/phala-v4/collateral.json'), 'utf8')) as Record<string, string>;
const counts = (bytes: Uint8Array): number[] | undefined => {
  const found = readEndorsements(bytes);
  return found && [found.certificates.length, found.lists.length, found.documents.length];
};
const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;

test('DCAP’s collateral is the single files of Intel’s server', { skip }, () => {
  const fields = collateral();
  const whole = readEndorsements(Buffer.from(JSON.stringify(fields)));
  assert.deepEqual(counts(Buffer.from(JSON.stringify(fields))), [3, 2, 2]);
  const document = `{"tcbInfo":${fields['tcb_info']},"signature":"${fields['tcb_info_signature']}"}`;
  const single = [
    Buffer.from(`${document}\n`),
    Buffer.from(`{"enclaveIdentity":${fields['qe_identity']},"signature":"${fields['qe_identity_signature']}"}`),
    fromHex(fields['root_ca_crl']!)!,
    Buffer.from(pem('X509 CRL', fromHex(fields['pck_crl']!)!)),
    Buffer.from(fields['pck_crl_issuer_chain']!),
    // The header in which Intel's server has the chain.
    Buffer.from(encodeURIComponent(fields['tcb_info_issuer_chain']!)),
  ].map((bytes) => readEndorsements(new Uint8Array(bytes)));
  const merged = mergeEndorsements(single.map((one) => one!));
  const text = (all: readonly Uint8Array[]): string[] => all.map((one) => Buffer.from(one).toString('base64')).sort();
  for (const kind of ['certificates', 'lists', 'documents'] as const)
    assert.deepEqual(text(merged[kind]), text(whole![kind]));
  assert.equal(Buffer.from(merged.documents[0]!).toString(), document);
});

test('Azure’s answer and a host’s table are certificates', { skip }, () => {
  const chain = readFileSync(join(folder, 'sev-snp/roots/ask_ark_milan.pem'), 'latin1');
  const vcek = pem('CERTIFICATE', new Uint8Array(readFileSync(join(folder, 'sev-snp/milan-google-v2/vcek.der'))));
  const thim = { vcekCert: vcek, tcbm: 'D315000000000008', certificateChain: chain, cacheControl: '86400' };
  assert.deepEqual(counts(Buffer.from(JSON.stringify(thim))), [3, 0, 0]);
  const { auxblob } = JSON.parse(readFileSync(join(folder, 'sev-snp/veraison-tsm/tsm-report.json'), 'utf8')) as {
    auxblob: string;
  };
  assert.deepEqual(counts(new Uint8Array(Buffer.from(auxblob, 'base64'))), [3, 0, 0]);
});

test('endorsements of firmware are known, and all of it in base64 too', { skip }, () => {
  const firmware = new Uint8Array(readFileSync(join(folder, 'sev-snp/uvm-endorsements/ccf_int_svn.cose')));
  assert.equal(readEndorsements(firmware)?.firmware.length, 1);
  const vcek = new Uint8Array(readFileSync(join(folder, 'sev-snp/milan-google-v2/vcek.der')));
  for (const [bytes, kind] of [
    [firmware, 'firmware'],
    [vcek, 'certificates'],
  ] as const) {
    const found = readEndorsements(Buffer.from(`${Buffer.from(bytes).toString('base64')}\n`));
    assert.deepEqual(
      found?.[kind].map((one) => [...one]),
      [[...bytes]],
    );
  }
  const twice = Buffer.from(Buffer.from(firmware).toString('base64')).toString('base64');
  assert.equal(readEndorsements(Buffer.from(twice)), undefined);
});

test('what is no endorsement is none', () => {
  for (const text of ['', '{', '{}', '{"tcb_info":"{}"}', '{"vcekCert":"x"}', '-----BEGIN%20%E0%A4%A', 'null'])
    assert.equal(readEndorsements(Buffer.from(text)), undefined, text);
  assert.equal(readEndorsements(new Uint8Array(4096)), undefined);
});
