/**
 * What is TDX's own: the module and its identity, and what a domain is measured by.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeX509Cryptography as x509 } from '../../../cryptography/src/index.ts';
import { eventLogType, verifyBundle } from '../../src/index.ts';
import { decodeQuote } from '../../src/sgx/quote.ts';
import { readDomainReport } from '../../src/tdx/domain-report.ts';
import { decodeEventLog, replayEvents } from '../../src/tpm/event-log.ts';
import { sha384 } from '../../src/tpm/reader.ts';
import { now, pinOf } from '../certificates.ts';
import { cryptography } from '../fixtures.ts';
import { bundleOf, level, module, outcome, pckSvns, root, verdictOf } from '../intel.ts';
import { eventLog, extended } from '../tpm/quotes.ts';
import { read, skip } from '../vectors.ts';

test('a module that is out of date makes an up-to-date processor out of date', () => {
  assert.equal(outcome('TDX', { tcbInfo: { tdxModuleIdentities: [module('TDX_01', 5, 'OutOfDate')] } }), 'OutOfDate');
  assert.equal(outcome('TDX', { tcbInfo: { tdxModuleIdentities: [module('TDX_01', 5, 'Revoked')] } }), 'Revoked');
});

test('a module that the TCB info does not know, or that is too old for any level, is refused', () => {
  for (const identity of [module('TDX_03', 0, 'UpToDate'), module('TDX_01', 6, 'UpToDate')])
    assert.equal(outcome('TDX', { tcbInfo: { tdxModuleIdentities: [identity] } }), 'tcb-unmatched');
});

test('a module of another signer is refused, in 1.5 and in 1.0', () => {
  assert.equal(outcome('TDX', { body: (body) => body.fill(1, 64, 65) }), 'tcb-unmatched');
  assert.equal(outcome('TDX', { body: (body) => body.fill(1, 112, 113) }), 'tcb-unmatched');
  const first = (body: Buffer): Buffer => body.fill(0, 1, 2);
  assert.equal(outcome('TDX', { body: (body) => void first(body) }), 'UpToDate');
  assert.equal(outcome('TDX', { body: (body) => void first(body).fill(1, 64, 65) }), 'tcb-unmatched');
});

test('the first two components count only where the module has no identity', () => {
  const needs = (component: number): object => ({
    tcbLevels: [
      level(
        'UpToDate',
        pckSvns,
        Array.from({ length: 16 }, (_, i) => (i === component ? 9 : 0)),
      ),
    ],
  });
  assert.equal(outcome('TDX', { tcbInfo: needs(0) }), 'UpToDate');
  assert.equal(outcome('TDX', { tcbInfo: needs(2) }), 'tcb-unmatched');
  assert.equal(outcome('TDX', { tcbInfo: needs(0), body: (body) => body.fill(0, 1, 2) }), 'tcb-unmatched');
});

const opens: readonly (readonly [string, (body: Buffer) => void])[] = [
  ['debugging', (body) => body.writeUInt8(1, 120)],
  ['MIGRATABLE', (body) => body.writeUInt8(0x30, 123)],
  ['no SEPT_VE_DISABLE', (body) => body.writeUInt8(0, 123)],
];

test('a domain that its host can open counts as one that is debugged', () => {
  for (const [what, body] of opens) {
    const result = verdictOf('TDX', { body });
    assert.ok(result.ok, what);
    assert.equal(result.evidence.debug, true, what);
  }
  const closed = verdictOf('TDX');
  assert.ok(closed.ok);
  assert.equal(closed.evidence.debug, false);
});

test('a service domain opens the domain that it is bound to', { skip }, () => {
  const { bytes } = read('tdx/trustee/quote_5.bin');
  const quote = decodeQuote(bytes);
  assert.ok(quote.ok);
  const open = { debug: false, migratable: false, served: true, exceptions: false };
  assert.deepEqual(readDomainReport(quote.value.body).open, open);
});

test('attributes and features that nobody knows are refused, and so is a domain without those that all have', () => {
  const known = [0, 1, 2, 3, 4, 5, 6, 7, 27, 28, 29, 30, 31, 63];
  const features = [2, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18];
  const bit = (offset: number, i: number) => (body: Buffer) => void (body[offset + (i >> 3)]! ^= 1 << (i & 7));
  for (let i = 0; i < 64; i++) {
    assert.equal(outcome('TDX', { body: bit(120, i) }), known.includes(i) ? 'UpToDate' : 'malformed', `attribute ${i}`);
    assert.equal(
      outcome('TDX', { body: bit(128, i) }),
      features.includes(i) ? 'UpToDate' : 'malformed',
      `feature ${i}`,
    );
  }
});

test('a domain is measured by MRTD and three registers, launched by MRCONFIGID, and may be debugged', () => {
  const result = verdictOf('TDX', {
    body(body) {
      body.writeUInt8(1, 120);
      body.fill(0x11, 136, 184);
      body.fill(0x22, 184, 216);
      for (const i of [0, 1, 2, 3]) body.fill(0x30 + i, 328 + 48 * i, 376 + 48 * i);
    },
  });
  assert.ok(result.ok);
  const { debug, measurement, launchDigest } = result.evidence;
  assert.equal(debug, true);
  const registers = [0x11, 0x30, 0x31, 0x32].map((fill) => Buffer.alloc(48, fill));
  assert.deepEqual(Buffer.from(measurement), Buffer.concat(registers));
  assert.deepEqual(Buffer.from(launchDigest), Buffer.alloc(32, 0x22));
});

test('a log counts if it gives the registers that it has events of', () => {
  const value = extended('sha384', Buffer.from('kernel'));
  const fault = (log: Uint8Array): string | undefined => {
    const bundle = bundleOf('TDX', { body: (body) => body.set(value, 376) });
    const endorsements = [...bundle.endorsements, { mediaType: eventLogType, bytes: log }];
    const anchors = [{ platform: 'tdx', spki: pinOf(root) }];
    const result = verifyBundle({ ...bundle, endorsements }, { cryptography, x509, now, anchors });
    return result.ok ? undefined : result.error;
  };
  assert.equal(fault(eventLog([[2, 'kernel']], 'sha384')), undefined);
  assert.equal(fault(eventLog([[2, 'other']], 'sha384')), 'evidence-mismatch');
  assert.equal(fault(eventLog([[3, 'kernel']], 'sha384')), 'evidence-mismatch');
  assert.equal(fault(eventLog([[0, 'kernel']], 'sha384')), 'evidence-mismatch');
  assert.equal(fault(eventLog([[5, 'kernel']], 'sha384')), 'evidence-mismatch');
  assert.equal(fault(eventLog([[2, 'kernel']])), 'evidence-mismatch');
  assert.equal(fault(Buffer.from('none')), 'malformed');
});

test('a real log gives the registers of its quote', { skip }, () => {
  const quote = decodeQuote(read('tdx/google-ccel-cos113/quote.bin').bytes);
  const log = decodeEventLog(read('tdx/google-ccel-cos113/ccel_data.bin').bytes);
  assert.ok(quote.ok && log.ok);
  const replayed = replayEvents(log.value, sha384, x509)!;
  const { rtmr } = readDomainReport(quote.value.body);
  assert.ok(replayed.size > 0);
  for (const [register, bytes] of replayed) assert.deepEqual(Buffer.from(bytes), Buffer.from(rtmr[register - 1]!));
});
