/**
 * A small ledger of three segments, damaged in every way there is. The reader must never call damage a clean end, nor
 * a torn tail: that would cut off records that were acknowledged.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type Damage, type LedgerRecord, openLedger } from '../src/index.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';

interface Frame {
  readonly offset: number;
  readonly end: number;
  readonly record: LedgerRecord;
}

let folder: string;
/** Names, bytes and frames of the segments, in order. */
const segments: { readonly name: string; readonly bytes: Uint8Array; readonly frames: Frame[] }[] = [];

// Payloads of all sizes modulo 8, one empty, some that end in zeros, and at the end one that is nothing but zeros.
const payloads = [0, 1, 7, 8, 9, 30, 64, 100, 3, 5, 40, 80].map((bytes, i) => {
  const payload = new Uint8Array(bytes).fill(i);
  return i === 7 ? payload.fill(0, 20) : i === 11 ? payload.fill(0) : payload;
});

before(async () => {
  folder = newFolder();
  const options = { service, segmentBytes: 500 };
  const { ledger } = openLedger(folder, options);
  for (const [i, payload] of payloads.entries()) ledger.append({ type: i + 1, sequence: 10 + i, payload });
  await synced(ledger);
  await closed(ledger);
  for (const name of segmentsOf(folder)) {
    segments.push({ name, bytes: new Uint8Array(fs.readFileSync(join(folder, name))), frames: [] });
  }
  let offset = 64;
  let segment = 0;
  for (const record of readAll(folder).records) {
    if (record.position === Number(segments[segment + 1]?.name.slice(7, 23))) {
      segment++;
      offset = 64;
    }
    const end = offset + 40 + 8 * Math.ceil(record.payload.length / 8);
    segments[segment]!.frames.push({ offset, end, record });
    offset = end;
  }
  assert.equal(segments.length, 3);
  // The last segment has zeros behind its records.
  assert.ok(segments[2]!.bytes.length > segments[2]!.frames.at(-1)!.end + 40);
});

function write(name: string, bytes: Uint8Array): void {
  fs.writeFileSync(join(folder, name), bytes);
}

function damageOf(): Damage {
  const { end } = readAll(folder);
  assert.equal(end.kind, 'corrupt', JSON.stringify(end));
  return (end as { damage: Damage }).damage;
}

test('the ledger is clean to begin with', () => {
  const { records, end } = readAll(folder);
  assert.deepEqual(end, { kind: 'clean', records: payloads.length });
  assert.deepEqual(
    records.map(({ payload }) => payload),
    payloads,
  );
});

// A bit, the top bit, all bits, and what a byte that is not zero becomes when its storage is wiped.
for (const [kind, alter] of [
  ['lowest bit', (byte: number) => byte ^ 1],
  ['highest bit', (byte: number) => byte ^ 128],
  ['every bit', (byte: number) => byte ^ 255],
  ['to zero', (byte: number) => (byte === 0 ? 1 : 0)],
] as const) {
  test(`flipping (${kind}) any single byte of any file is found, and named`, () => {
    for (const { name, bytes, frames } of segments) {
      const fd = fs.openSync(join(folder, name), 'r+');
      for (let at = 0; at < bytes.length; at++) {
        fs.writeSync(fd, Uint8Array.of(alter(bytes[at]!)), 0, 1, at);
        const damage = damageOf();
        fs.writeSync(fd, bytes, at, 1, at);

        const where = `byte ${at} of ${name}: ${JSON.stringify(damage)}`;
        const hit = frames.find(({ offset, end }) => at >= offset && at < end);
        const next = frames.at(-1)!;
        assert.equal(damage.segment, name, where);
        if (at < 64) {
          assert.deepEqual([damage.reason, damage.offset], ['segment-header', 0], where);
        } else if (hit === undefined) {
          // In the zeros behind the last record.
          assert.deepEqual([damage.reason, damage.offset], ['record-header', next.end], where);
          assert.equal(damage.position, next.record.position + 1, where);
        } else {
          assert.equal(damage.offset, hit.offset, where);
          assert.equal(damage.position, hit.record.position, where);
          const inHeader = at < hit.offset + 32;
          assert.equal(damage.reason, inHeader ? 'record-header' : 'record-payload', where);
          assert.equal(damage.sequence, inHeader ? undefined : hit.record.sequence, where);
          assert.equal(damage.type, inHeader ? undefined : hit.record.type, where);
        }
      }
      fs.closeSync(fd);
    }
  });
}

test('cutting the last segment anywhere is a torn tail, or a clean end where a record ends', () => {
  const { name, bytes, frames } = segments.at(-1)!;
  const first = frames[0]!.record.position;
  for (let size = bytes.length - 1; size >= 0; size--) {
    fs.truncateSync(join(folder, name), size);
    const { records, end } = readAll(folder);
    const whole = frames.filter((frame) => frame.end <= size).length;
    assert.equal(records.length, first + whole, `${size}`);
    const boundary = whole === 0 ? 64 : frames[whole - 1]!.end;
    if (size === boundary || size >= frames.at(-1)!.end) {
      assert.deepEqual(end, { kind: 'clean', records: first + whole }, `${size}`);
      continue;
    }
    assert.equal(end.kind, 'torn', `${size}`);
    if (end.kind !== 'torn') continue;
    assert.equal(end.torn.segment, name);
    assert.equal(end.torn.offset, size < 64 ? 0 : boundary);
    assert.equal(end.torn.position, first + whole);
    assert.ok(end.torn.bytesLost <= size - end.torn.offset);
  }
  write(name, bytes);
});

test('zeros from any sector on, or any trailer on, are a torn tail', () => {
  const { name, bytes, frames } = segments.at(-1)!;
  const first = frames[0]!.record.position;
  for (let from = 0; from < frames.at(-1)!.end; from += 8) {
    const altered = bytes.slice().fill(0, from);
    if (from > 0 && from < 64) continue; // The file header is in one sector.
    write(name, altered);
    const { records, end } = readAll(folder);
    const whole = frames.filter((frame) => frame.end <= from).length;
    assert.equal(records.length, first + whole, `${from}`);
    const boundary = from === 64 || frames.some((frame) => frame.end === from);
    assert.equal(end.kind, boundary ? 'clean' : 'torn', `${from}`);
  }
  write(name, bytes);
});

test('cutting an earlier segment loses records, and is damage wherever it is cut', () => {
  for (const { name, bytes, frames } of segments.slice(0, -1)) {
    for (let size = frames.at(-1)!.end - 1; size >= 0; size--) {
      fs.truncateSync(join(folder, name), size);
      const damage = damageOf();
      const whole = frames.filter((frame) => frame.end <= size).length;
      const boundary = whole === 0 ? 64 : frames[whole - 1]!.end;
      const expected = size < 64 ? 'segment-header' : size === boundary ? 'records-missing' : 'record-cut';
      assert.equal(damage.reason, expected, `${name} cut to ${size}`);
      assert.equal(damage.segment, name);
      assert.equal(damage.position, frames[0]!.record.position + whole);
    }
    write(name, bytes);
  }
});

test('missing segments are named by the records that are missing', () => {
  for (const [i, { name, bytes }] of segments.slice(0, -1).entries()) {
    fs.rmSync(join(folder, name));
    const damage = damageOf();
    assert.equal(damage.reason, 'records-missing');
    assert.equal(damage.position, Number(name.slice(7, 23)));
    assert.equal(damage.nextPosition, Number(segments[i + 1]!.name.slice(7, 23)));
    write(name, bytes);
  }
});

test('without its last segment the ledger ends clean: this is a rollback, which no file can show', () => {
  const { name, bytes, frames } = segments.at(-1)!;
  fs.rmSync(join(folder, name));
  assert.deepEqual(readAll(folder).end, { kind: 'clean', records: frames[0]!.record.position });
  write(name, bytes);
});

test('swapped and duplicated segments are named', () => {
  const [a, b, c] = segments as [(typeof segments)[0], (typeof segments)[0], (typeof segments)[0]];
  for (const [to, from] of [
    [a, b],
    [b, a],
    [b, c],
    [c, a],
    [c, b],
  ] as const) {
    write(to.name, from.bytes);
    const damage = damageOf();
    assert.deepEqual([damage.reason, damage.segment], ['segment-name', to.name]);
    write(to.name, to.bytes);
  }
  write(a.name, b.bytes);
  write(b.name, a.bytes);
  assert.deepEqual([damageOf().reason, damageOf().segment], ['segment-name', a.name]);
  write(a.name, a.bytes);
  write(b.name, b.bytes);

  // A copy of a segment under the name of a position that is inside it, and one behind the end.
  const inside = 'ledger-0000000000000001.seg';
  write(inside, a.bytes);
  assert.deepEqual([damageOf().reason, damageOf().segment], ['records-repeated', inside]);
  fs.rmSync(join(folder, inside));
  const behind = `ledger-${String(payloads.length).padStart(16, '0')}.seg`;
  write(behind, a.bytes);
  assert.deepEqual([damageOf().reason, damageOf().segment], ['segment-name', behind]);
  fs.rmSync(join(folder, behind));
});

test('records in another order, repeated or left out are named', () => {
  const { name, bytes, frames } = segments[0]!;
  const frame = (i: number): Uint8Array => bytes.subarray(frames[i]!.offset, frames[i]!.end);
  const rest = (i: number): Uint8Array => bytes.subarray(frames[i]!.offset);
  const head = bytes.subarray(0, 64);
  for (const [at, ...parts] of [
    [0, frame(1), frame(0), rest(2)],
    [1, frame(0), frame(0), rest(1)],
    [1, frame(0), rest(2)],
  ] as const) {
    write(name, Buffer.concat([head, ...parts]));
    const damage = damageOf();
    assert.deepEqual([damage.reason, damage.position], ['record-position', at]);
  }
  write(name, bytes);
});

test('payload and trailer of another record of the same length are damage', () => {
  const { name, bytes, frames } = segments[0]!;
  const altered = bytes.slice();
  // Records 2 and 3 have payloads of 7 and 8 bytes: both take 8.
  altered.set(bytes.subarray(frames[3]!.offset + 32, frames[3]!.end), frames[2]!.offset + 32);
  write(name, altered);
  assert.deepEqual([damageOf().reason, damageOf().position], ['record-payload', 2]);
  write(name, bytes);
});

test('a segment of another service is named', async () => {
  const other = newFolder();
  const { ledger } = openLedger(other, { service: new Uint8Array(32).fill(8) });
  ledger.append({ type: 0, sequence: 0, payload: new Uint8Array(0) });
  await closed(ledger);
  write(segments[0]!.name, fs.readFileSync(join(other, segments[0]!.name)));
  assert.deepEqual([damageOf().reason, damageOf().segment], ['other-service', segments[0]!.name]);
  write(segments[0]!.name, segments[0]!.bytes);
});

test('reading leaves the folder as it is', () => {
  const stat = (): unknown => fs.readdirSync(folder).map((name) => [name, fs.statSync(join(folder, name)).mtimeMs]);
  const { name, bytes } = segments.at(-1)!;
  write(name, bytes.subarray(0, 100));
  const before = stat();
  assert.equal(readAll(folder).end.kind, 'torn');
  assert.deepEqual(stat(), before);
  write(name, bytes);
});
