/**
 * What the disk shows of encrypted files, and what altering them does. What crashes leave is tested for encrypted ledgers as for
 * others, by the contract and in corruption.test.ts: frames are the same.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { decodeKeyFile, KnownKeys, openLedger, Snapshots, type StorageError } from '../src/index.ts';
import { encodeKeyFile } from '../src/file-key.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';
import { TestVault } from './vault.ts';

const secret = Buffer.from('the patient is called Blaise');

async function written(folder: string, vault: TestVault, count: number): Promise<void> {
  const { ledger } = openLedger(folder, { service, vault, segmentBytes: 1000 });
  for (let i = 0; i < count; i++) ledger.append({ type: 1, sequence: i, payload: secret });
  await synced(ledger);
  await closed(ledger);
}

/** Everything in a folder. */
function bytesIn(folder: string): Buffer {
  return Buffer.concat(fs.readdirSync(folder).map((name) => fs.readFileSync(join(folder, name))));
}

test('neither payloads nor keys are in the files, and with the keys the ledger is there', async () => {
  const folder = newFolder();
  const vault = new TestVault();
  await written(folder, vault, 30);
  const { end, records } = readAll(folder, vault);
  assert.deepEqual(end, { kind: 'clean', records: 30 });
  assert.ok(records.every(({ payload }) => Buffer.from(payload).equals(secret)));
  const bytes = bytesIn(folder);
  assert.ok(!bytes.includes(secret));
  assert.equal(vault.made.length, segmentsOf(folder).length);
  for (const { key } of vault.made) assert.ok(!bytes.includes(key));
  // Equal payloads look alike nowhere.
  const sealed = readAll(folder, 'sealed').records.map(({ payload }) => Buffer.from(payload).toString('hex'));
  assert.equal(new Set(sealed).size, 30);
  assert.ok(sealed.every((one) => one.length === 2 * (secret.length + 16)));
});

test('without its key, a segment is named, and those before it are read', async () => {
  const folder = newFolder();
  const vault = new TestVault();
  await written(folder, vault, 30);
  const names = segmentsOf(folder);
  const known = new KnownKeys();
  for (const key of vault.made.slice(0, -1)) known.add(key);
  const { end, records } = readAll(folder, known);
  assert.ok(end.kind === 'corrupt');
  assert.deepEqual([end.damage.reason, end.damage.segment], ['key-missing', names.at(-1)]);
  assert.equal(records.length, Number(names.at(-1)!.slice(7, 23)));
  assert.equal(readAll(folder).records.length, 0);
});

/** Alters a payload in a segment's first record, and makes its checksums right again. */
function forge(path: string, alter: (record: Uint8Array) => void): void {
  const bytes = fs.readFileSync(path);
  const record = bytes.subarray(64, 64 + 32 + 8 * Math.ceil((secret.length + 16) / 8) + 8);
  alter(record);
  record.writeUInt32BE(crc32(record.subarray(0, 28)), 28);
  const trailer = record.length - 8;
  const checksum = crc32(record.subarray(32, trailer), record.readUInt32BE(28));
  record.writeUInt32BE(checksum, trailer);
  record.writeUInt32BE(~checksum >>> 0, trailer + 4);
  fs.writeFileSync(path, bytes);
}

test('whoever mends the checksums of what it altered is found by the key, and only by it', async () => {
  const alterations: Record<string, (record: Uint8Array) => void> = {
    'a byte of the payload': (record) => (record[40]! ^= 1),
    'a byte of the tag': (record) => (record[32 + secret.length]! ^= 1),
    'the sequence number': (record) => (record[23]! ^= 1),
    'the type': (record) => (record[27]! ^= 2),
  };
  for (const [what, alter] of Object.entries(alterations)) {
    const folder = newFolder();
    const vault = new TestVault();
    await written(folder, vault, 3);
    forge(join(folder, segmentsOf(folder)[0]!), alter);
    assert.equal(readAll(folder, 'sealed').end.kind, 'clean', what);
    const { end } = readAll(folder, vault);
    assert.ok(end.kind === 'corrupt', what);
    assert.deepEqual(
      [end.damage.reason, end.damage.offset, end.damage.position],
      ['record-authentication', 64, 0],
      what,
    );
  }
});

test('a segment of another ledger is not one of this, though both have its key', async () => {
  const [here, there] = [newFolder(), newFolder()];
  const vault = new TestVault();
  const other = openLedger(there, { service: new Uint8Array(32).fill(9), vault });
  other.ledger.append({ type: 1, sequence: 0, payload: secret });
  await closed(other.ledger);
  const name = segmentsOf(there)[0]!;
  const bytes = fs.readFileSync(join(there, name));
  service.forEach((byte, i) => (bytes[12 + i] = byte));
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  fs.writeFileSync(join(here, name), bytes);
  const { end } = readAll(here, vault);
  assert.ok(end.kind === 'corrupt' && end.damage.reason === 'record-authentication');
});

test('a ledger that is opened again goes on under another key; a segment begins where it is told to', async () => {
  const folder = newFolder();
  const vault = new TestVault();
  const first = openLedger(folder, { service, vault }).ledger;
  first.append({ type: 1, sequence: 0, payload: secret });
  first.beginSegment();
  first.beginSegment();
  first.append({ type: 1, sequence: 1, payload: secret });
  first.append({ type: 1, sequence: 2, payload: secret });
  await closed(first);
  assert.deepEqual(
    segmentsOf(folder).map((name) => Number(name.slice(7, 23))),
    [0, 1],
  );

  const path = join(folder, segmentsOf(folder)[1]!);
  fs.truncateSync(path, fs.statSync(path).size - 4);
  const second = openLedger(folder, { service, vault });
  assert.equal(second.torn?.position, 2);
  second.ledger.append({ type: 1, sequence: 2, payload: secret });
  await synced(second.ledger);
  assert.deepEqual(
    [...second.ledger.readFrom(0)].map(({ sequence }) => sequence),
    [0, 1, 2],
  );
  await closed(second.ledger);
  assert.deepEqual(
    segmentsOf(folder).map((name) => Number(name.slice(7, 23))),
    [0, 1, 2],
  );
  assert.equal(new Set(vault.made.map(({ id }) => Buffer.from(id).toString('hex'))).size, 3);
  assert.deepEqual(readAll(folder, vault).end, { kind: 'clean', records: 3 });
});

test('snapshots are encrypted likewise', async () => {
  const folder = newFolder();
  const vault = new TestVault();
  const snapshots = new Snapshots(folder, { service, vault });
  await new Promise<void>((resolve, reject) =>
    snapshots.write(64, secret, [secret, new Uint8Array(0)], (error) =>
      error === undefined ? resolve() : reject(error),
    ),
  );
  assert.ok(!bytesIn(folder).includes(secret));
  const read = snapshots.latest()!;
  assert.deepEqual(Buffer.from(read.metadata), secret);
  assert.deepEqual(
    [...read.chunks()].map(({ length }) => length),
    [secret.length, 0],
  );
  const stranger = new Snapshots(folder, { service });
  assert.throws(
    () => stranger.latest(),
    (error: StorageError) => error.detail.code === 'CORRUPT_SNAPSHOT' && error.detail.reason === 'key-missing',
  );
  snapshots.prune(65);
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('key files: every byte counts, and what is none is refused', () => {
  const id = new Uint8Array(8).fill(3);
  const slots = [{ to: new Uint8Array(32).fill(4), sealed: Uint8Array.of(5) }] as const;
  for (const kind of ['segment', 'snapshot'] as const) {
    const writer = { instance: new Uint8Array(32).fill(6), signature: new Uint8Array(64).fill(7) };
    const signed = { kind, service, number: 7, id, slots, writer };
    const unsigned = { ...signed, writer: undefined };
    assert.deepEqual(decodeKeyFile(encodeKeyFile(unsigned)), unsigned);
    const encoded = encodeKeyFile(signed);
    assert.deepEqual(decodeKeyFile(encoded), signed);
    for (let at = 0; at < encoded.length; at++) {
      const altered = Uint8Array.from(encoded);
      altered[at]! ^= 1;
      assert.equal(decodeKeyFile(altered), undefined, `byte ${at}`);
    }
    for (let length = 0; length < encoded.length; length++)
      assert.equal(decodeKeyFile(encoded.subarray(0, length)), undefined);
  }
});
