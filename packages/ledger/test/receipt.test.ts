import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { configurationCodec, decode, encode } from '@coppice/wire';
import { type EpochStart, readReceipt, receiptFromJson, receiptToJson, verifyReceipt } from '@coppice/ledger';
import { testCryptography as cryptography } from './fixtures.ts';
import { type ReceiptCase, receiptCases } from './receipt-cases.ts';

const cases: Record<string, ReceiptCase> = receiptCases();
const names = Object.keys(cases);
const { 'valid-in-epoch-1': direct, 'valid-via-a-later-header': via } = cases;

function trustOf({ service, known }: Pick<ReceiptCase, 'service' | 'known'>): Parameters<typeof verifyReceipt>[2] {
  return known === undefined ? { service } : { service, known };
}

function checkOf(receipt: Uint8Array | string | object, trust: Pick<ReceiptCase, 'service' | 'known'>): string {
  const verdict = verifyReceipt(cryptography, receipt, trustOf(trust));
  return verdict.ok ? 'ok' : verdict.check;
}

describe('receipts', () => {
  for (const name of names) {
    it(name.replaceAll('-', ' '), () => {
      const { receipt, check } = cases[name]!;
      assert.equal(checkOf(receipt, cases[name]!), check);
      const read = readReceipt(receipt);
      if (!read.ok) return;
      const json = receiptToJson(read.value);
      assert.equal(checkOf(json, cases[name]!), check, 'parsed JSON');
      assert.equal(checkOf(JSON.stringify(json, undefined, 2), cases[name]!), check, 'text');
    });
  }

  it('show what they prove', () => {
    const verdict = verifyReceipt(cryptography, via!.receipt, trustOf(via!));
    assert.ok(verdict.ok);
    const { header, index, request, result, signers, start } = verdict.facts;
    assert.equal(header.sequence, 4);
    assert.equal(index, 0);
    assert.equal(request.kind === 'client' && request.number, 10);
    assert.deepEqual(result, Uint8Array.of(111, 107));
    assert.deepEqual(
      signers.map(({ slot, turn }) => [slot, turn]),
      [
        [0, 0],
        [1, 1],
        [2, 0],
      ],
    );
    assert.deepEqual([start.configuration.epoch, start.sequence], [1, 3]);
    // What one receipt teaches is enough for the next.
    const short = cases['valid-from-a-known-epoch']!.receipt;
    assert.equal(checkOf(short, { service: via!.service, known: start }), 'ok');
    assert.equal(checkOf(short, { service: via!.service }), 'epoch-chain');
  });

  it('with any byte changed are no receipts', () => {
    for (const { receipt, service } of [direct!, via!]) {
      const changed = receipt.slice();
      for (let at = 0; at < receipt.length; at++) {
        changed[at] = receipt[at]! ^ (1 << (at % 8));
        assert.notEqual(checkOf(changed, { service }), 'ok', `byte ${at}`);
        changed[at] = receipt[at]!;
      }
      for (const length of [0, 1, 2, receipt.length >> 1, receipt.length - 1]) {
        assert.equal(checkOf(receipt.subarray(0, length), { service }), 'format');
      }
    }
  });

  it('with any value of their JSON form changed, missing or added are no receipts', () => {
    const read = readReceipt(via!.receipt);
    assert.ok(read.ok);
    let changes = 0;
    const refused = (json: object): void => {
      changes++;
      assert.notEqual(checkOf(json, via!), 'ok', JSON.stringify(json));
    };
    const whole = (): any => receiptToJson(read.value);
    /** Visits every value; `at` finds the object that holds it in a fresh copy. */
    const visit = (value: unknown, at: (root: any) => any, key: string): void => {
      const change = (to: unknown): void => {
        const root = whole();
        at(root)[key] = to;
        refused(root);
      };
      if (typeof value === 'string') {
        change(value === '' ? 'x' : (value[0] === '0' ? '1' : '0') + value.slice(1));
        if (/^[0-9a-f]*[a-f]/.test(value) && value.length >= 64) change(value.toUpperCase());
      } else if (typeof value === 'number') {
        for (const to of [value + 1, -1, value + 0.5, 2 ** 53, String(value)]) change(to);
      } else if (value !== null) {
        const holder = value as Record<string, unknown>;
        for (const name of Object.keys(holder)) {
          visit(holder[name], (root) => at(root)[key], name);
          if (Array.isArray(holder)) continue;
          const root = whole();
          delete at(root)[key][name];
          refused(root);
        }
        const root = whole();
        if (Array.isArray(holder)) at(root)[key].pop();
        else at(root)[key].more = null;
        if (!Array.isArray(holder) || holder.length > 0) refused(root);
      }
    };
    for (const key of Object.keys(whole())) visit(whole()[key], (root) => root, key);
    assert.ok(changes > 300);
  });

  it('as text have their fields once, in their order', () => {
    const read = readReceipt(direct!.receipt);
    assert.ok(read.ok);
    const text = JSON.stringify(receiptToJson(read.value));
    assert.equal(checkOf(text, direct!), 'ok');
    assert.equal(checkOf(`  ${text.replaceAll(':', ' :\n\t')}  `, direct!), 'ok');
    assert.equal(checkOf(text.replace('{', '{"version":1,'), direct!), 'format');
    assert.equal(checkOf(text.replace('"version":1', '"version":1e0'), direct!), 'format');
    assert.equal(checkOf(text.replace('service', '\\u0073ervice'), direct!), 'format');
    assert.equal(checkOf(text.slice(0, -1), direct!), 'format');
  });

  it('are refused, whatever arrives', () => {
    const hostile = [
      '',
      '{',
      'null',
      '[]',
      '1',
      '{"version":1}',
      [],
      {},
      null,
      { version: 1, genesis: null },
      new Uint8Array(0),
      new Uint8Array(100_000).fill(255),
    ];
    for (const each of hostile) assert.equal(checkOf(each as object, direct!), 'format');
    const read = readReceipt(direct!.receipt);
    assert.ok(read.ok);
    const text = JSON.stringify(receiptToJson(read.value));
    assert.equal(checkOf(text.replace('"version":1', '"version":2'), direct!), 'format');
    const long = { ...(receiptToJson(read.value) as Record<string, any>) };
    long['genesis'].configuration.seats[0].address = 'x'.repeat(1000);
    assert.equal(receiptFromJson(long).ok, false);
    long['genesis'].configuration.seats[0].address = '\ud800';
    assert.equal(receiptFromJson(long).ok, false);
  });
});

describe('receipt vectors', () => {
  const folder = join(import.meta.dirname, 'vectors', 'receipts');
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  interface Vector {
    check: string;
    service: string;
    known: { configuration: string; sequence: number; time: number } | null;
    receipt: string;
  }

  if (process.env['COPPICE_UPDATE_VECTORS'] === '1') {
    mkdirSync(folder, { recursive: true });
    for (const [name, { check, service, known, receipt }] of Object.entries(cases)) {
      const shown = known && { ...known, configuration: hex(encode(configurationCodec, known.configuration)) };
      const vector: Vector = { check, service: hex(service), known: shown ?? null, receipt: hex(receipt) };
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, undefined, 2)}\n`);
    }
  }

  it('are all here', () => {
    assert.deepEqual(readdirSync(folder).sort(), names.map((name) => `${name}.json`).sort());
  });

  it('have the bytes and the verdicts that they had', () => {
    for (const name of names) {
      const vector = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Vector;
      const receipt = Buffer.from(vector.receipt, 'hex');
      assert.equal(vector.receipt, hex(cases[name]!.receipt), name);
      const service = Buffer.from(vector.service, 'hex');
      let known: EpochStart | undefined;
      if (vector.known !== null) {
        const configuration = decode(configurationCodec, Buffer.from(vector.known.configuration, 'hex'));
        assert.ok(configuration.ok);
        known = { ...vector.known, configuration: configuration.value };
      }
      assert.equal(checkOf(receipt, known === undefined ? { service } : { service, known }), vector.check, name);
    }
  });
});
