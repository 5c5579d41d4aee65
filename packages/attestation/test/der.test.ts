import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boolean, decodeDer, type Der, type DerReader, oid, smallInteger, tags, time } from '../src/der.ts';

const value =
  <T>(tag: number, read: (value: Der) => T) =>
  (hex: string) =>
    decodeDer(Buffer.from(hex, 'hex'), (reader: DerReader) => read(reader.next(tag)));

const refused = (read: (hex: string) => { ok: boolean }, ...all: readonly string[]): void => {
  for (const hex of all) assert.equal(read(hex).ok, false, hex);
};

test('lengths are definite, minimal, and within the bytes', () => {
  const read = value(tags.octetString, ({ content }) => content.length);
  assert.deepEqual(read('0400'), { ok: true, value: 0 });
  assert.deepEqual(read(`048180${'00'.repeat(128)}`), { ok: true, value: 128 });
  assert.deepEqual(read(`04820100${'00'.repeat(256)}`), { ok: true, value: 256 });
  refused(read, '', '04', '0401', '0481', '04800000', '048100', '04817f', `0482007f${'00'.repeat(127)}`, '040000');
  refused(read, `048200ff${'00'.repeat(255)}`, '0484000000010000', '1f0400', '0500');
});

test('integers are minimal and within their range', () => {
  const read = value(tags.integer, smallInteger);
  assert.deepEqual(read('020100'), { ok: true, value: 0 });
  assert.deepEqual(read('02020080'), { ok: true, value: 128 });
  assert.deepEqual(read('020500ffffffff'), { ok: true, value: 0xffff_ffff });
  refused(read, '0200', '02020001', '0202ff80', '0201ff', '02050100000000', '0206000100000000');
});

test('booleans and object identifiers have one form', () => {
  refused(value(tags.boolean, boolean), '010101', '0100', '01020000');
  const read = value(tags.oid, oid);
  assert.deepEqual(read('06092a864886f70d01010a'), { ok: true, value: '1.2.840.113549.1.1.10' });
  assert.deepEqual(read('0603550403'), { ok: true, value: '2.5.4.3' });
  refused(read, '0600', '06022a80', '06032a8001', '06072a9fffffffff7f');
});

test('times exist, are in UTC, and have seconds', () => {
  const at = (tag: number, text: string): { ok: boolean } =>
    decodeDer(Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)]), (reader) => time(reader.any()));
  const { utcTime, generalizedTime } = tags;
  assert.deepEqual(at(utcTime, '241210221421Z'), { ok: true, value: Date.UTC(2024, 11, 10, 22, 14, 21) });
  assert.deepEqual(at(utcTime, '500101000000Z'), { ok: true, value: Date.UTC(1950, 0) });
  assert.deepEqual(at(generalizedTime, '20000229235959Z'), { ok: true, value: Date.UTC(2000, 1, 29, 23, 59, 59) });
  for (const text of ['210229000000Z', '211301000000Z', '210001000000Z', '210100000000Z', '210101240000Z'])
    assert.equal(at(utcTime, text).ok, false, text);
  for (const text of ['2101010000Z', '210101000000', '210101000000+0000', '20210101000000Z'])
    assert.equal(at(utcTime, text).ok, false, text);
  for (const text of ['20210101000000.5Z', '210101000000Z', '21000229000000Z'])
    assert.equal(at(generalizedTime, text).ok, false, text);
});

test('every day from 1960 to 2110 is where the calendar has it', () => {
  for (let day = Date.UTC(1960, 0); day < Date.UTC(2110, 0); day += 86_400_000) {
    const text = `${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}000000Z`;
    const bytes = Buffer.concat([Buffer.of(tags.generalizedTime, text.length), Buffer.from(text)]);
    assert.deepEqual(
      decodeDer(bytes, (reader) => time(reader.any())),
      { ok: true, value: day },
    );
  }
});
