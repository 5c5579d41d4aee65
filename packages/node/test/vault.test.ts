/** Keys of files, sealed to auditors, and a data folder read with an auditor's key alone. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { newSealingKey, newSigner, signerFromSeed } from '@coppice/cryptography';
import { recordTypes } from '@coppice/ledger';
import {
  decodeKeyFile,
  encodeKeyFile,
  keyContext,
  type Ledger,
  openLedger,
  segmentKeyFiles,
  Snapshots,
} from '@coppice/storage';
import { fromHex, type Signer, statement, toHex } from '@coppice/wire';
import { Journal } from '../src/journal.ts';
import { readSealedFolder } from '../src/sealed-folder.ts';
import type { Sharing } from '../src/shares.ts';
import { InstanceVault, openKeyFiles, writerOf, writersOf } from '../src/vault.ts';
import vectors from './vectors/key-file.json' with { type: 'json' };

const service = new Uint8Array(32).fill(7);
const payload = Buffer.from('what nobody else should read');
const auditor = newSealingKey();
const second = newSealingKey();
const stranger = newSealingKey();
const journal = new Journal({ write: () => undefined, clock: () => 0, fields: {} });

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-vault-'));
  folders.push(folder);
  return folder;
}

function closed(ledger: Ledger): Promise<void> {
  return new Promise((resolve) => ledger.close(() => resolve()));
}

/** A data folder with a ledger of records numbered from 1, a fill-in below it, and a snapshot. */
async function dataFolder(keys: readonly Uint8Array[], sharing?: Sharing, identity?: Signer): Promise<string> {
  const folder = newFolder();
  const vault = new InstanceVault({ readers: { keys, sharing }, journal, ...(identity && { identity }) });
  for (const [name, sequences] of [
    ['history/1-2', [1, 2]],
    ['ledger', [3, 4, 5]],
  ] as const) {
    const { ledger } = openLedger(join(folder, name), { service, vault });
    for (const sequence of sequences) {
      // A successor's ledger: it begins behind what it inherits.
      ledger.append({ type: sequence === 3 ? recordTypes.genesis : recordTypes.batch, sequence, payload });
      ledger.beginSegment();
    }
    await closed(ledger);
  }
  const snapshots = new Snapshots(join(folder, 'snapshots'), { service, vault });
  await new Promise<void>((resolve) => snapshots.write(4, payload, [payload], () => resolve()));
  return folder;
}

async function sequencesIn(folder: string, readers: Parameters<typeof readSealedFolder>[1]) {
  const sequences: number[] = [];
  for await (const item of readSealedFolder(folder, readers, { service })) {
    if (item.kind !== 'record') return { sequences, end: item };
    assert.deepEqual(Buffer.from(item.record.payload), payload);
    sequences.push(item.record.sequence);
  }
  assert.fail('no end');
}

test('each auditor opens every file, and nobody else any', async () => {
  const folder = await dataFolder([auditor.publicKey, second.publicKey]);
  for (const { privateKey } of [auditor, second]) {
    const { sequences, end } = await sequencesIn(folder, [stranger.privateKey, privateKey]);
    assert.deepEqual(sequences, [1, 2, 3, 4, 5]);
    assert.equal(end.kind, 'clean');
    const keys = await openKeyFiles(folder, [privateKey]);
    assert.deepEqual(
      Buffer.from(new Snapshots(join(folder, 'snapshots'), { service, keys }).latest()!.metadata),
      payload,
    );
    assert.equal(keys.size, 6);
  }
  const { sequences, end } = await sequencesIn(folder, [stranger.privateKey]);
  assert.deepEqual(sequences, []);
  assert.ok(end.kind === 'corrupt' && end.damage.reason === 'key-missing');
  assert.equal((await openKeyFiles(folder, [])).size, 0);
});

test('a key file opens nothing in the place of another, and one that is damaged nothing at all', async () => {
  const folder = await dataFolder([auditor.publicKey]);
  const ledger = join(folder, 'ledger');
  const [first, next, third] = readdirSync(ledger).filter((name) => name.endsWith('.key'));
  const original = readFileSync(join(ledger, first!));
  writeFileSync(join(ledger, next!), original);
  appendFileSync(join(ledger, third!), new Uint8Array(1));
  assert.equal((await openKeyFiles(folder, [auditor.privateKey])).size, 4);
  const { sequences, end } = await sequencesIn(folder, [auditor.privateKey]);
  assert.deepEqual(sequences, [1, 2, 3]);
  assert.ok(end.kind === 'corrupt');
  assert.deepEqual([end.damage.segment, end.damage.reason], [next, 'key-name']);
});

test('a key file that was altered is named, and what of it does not hold', async () => {
  const folder = await dataFolder([auditor.publicKey]);
  const ledger = join(folder, 'ledger');
  const [, name] = readdirSync(ledger).filter((each) => each.endsWith('.key'));
  const path = join(ledger, name!);
  const original = readFileSync(path);
  const endWith = async (content: Uint8Array): Promise<readonly unknown[]> => {
    writeFileSync(path, content);
    const { end, sequences } = await sequencesIn(folder, [auditor.privateKey]);
    assert.deepEqual(sequences, [1, 2, 3]);
    assert.ok(end.kind === 'corrupt');
    return [end.damage.segment, end.damage.reason];
  };
  const altered = Buffer.from(original);
  altered[altered.length - 10]! ^= 1;
  assert.deepEqual(await endWith(altered), [name, 'key-checksum']);
  assert.deepEqual(await endWith(original.subarray(0, 30)), [name, 'key-checksum']);
  // By somebody who mended the checksum.
  altered.writeUInt32BE(crc32(altered.subarray(0, -4)), altered.length - 4);
  assert.deepEqual(await endWith(altered), [name, 'key-authentication']);
  rmSync(path);
  const { end } = await sequencesIn(folder, [auditor.privateKey]);
  assert.ok(end.kind === 'corrupt');
  assert.deepEqual([end.damage.segment, end.damage.reason], [name, 'key-file-missing']);
  // Whoever has no key sees that, too.
  const problems = [...segmentKeyFiles(ledger)].filter(({ found }) => 'reason' in found);
  assert.deepEqual(problems, [{ first: 1, found: { reason: 'key-file-missing', file: name } }]);

  const snapshots = join(folder, 'snapshots');
  const [key] = readdirSync(snapshots).filter((each) => each.endsWith('.key'));
  appendFileSync(join(snapshots, key!), new Uint8Array(1));
  const keys = await openKeyFiles(folder, [auditor.privateKey]);
  assert.throws(() => new Snapshots(snapshots, { service, keys }).latest(), new RegExp(`${key!}.*key-checksum`));
});

test('what members listed as a key, and is none, keeps no auditor from reading', async () => {
  const folder = await dataFolder([new Uint8Array(32), auditor.publicKey]);
  assert.deepEqual((await sequencesIn(folder, [auditor.privateKey])).sequences, [1, 2, 3, 4, 5]);
});

test('whoever meets a segment without a key looks for keys once more', async () => {
  const folder = await dataFolder([auditor.publicKey]);
  const ledger = join(folder, 'ledger');
  const last = readdirSync(ledger).findLast((name) => name.endsWith('.key'))!;
  // As it is when the writer begins this segment only after the reader has collected the keys.
  renameSync(join(ledger, last), join(folder, last));
  const read: number[] = [];
  for await (const item of readSealedFolder(folder, [auditor.privateKey], { service })) {
    if (item.kind === 'record') read.push(item.record.sequence);
    else assert.equal(item.kind, 'clean');
    if (read.length === 4) renameSync(join(folder, last), join(ledger, last));
  }
  assert.deepEqual(read, [1, 2, 3, 4, 5]);
});

describe('whose a ledger is', () => {
  const identity = signerFromSeed(new Uint8Array(32).fill(9));
  const of = (instance: Uint8Array | undefined): Set<string | undefined> => new Set([instance && toHex(instance)]);

  it('says what is signed in its key files, wherever it is copied', async () => {
    const signed = await dataFolder([auditor.publicKey], undefined, identity);
    const copy = newFolder();
    cpSync(signed, copy, { recursive: true });
    for (const folder of [signed, copy]) assert.deepEqual(writersOf(join(folder, 'ledger')), of(identity.publicKey));
    const unsigned = await dataFolder([auditor.publicKey]);
    assert.deepEqual(writersOf(join(unsigned, 'ledger')), of(undefined));
    assert.deepEqual(writersOf(newFolder()), new Set());
  });

  it('is not one instance’s where a segment, or a signature, is another’s, or gone', async () => {
    const folder = await dataFolder([auditor.publicKey], undefined, identity);
    const other = await dataFolder([auditor.publicKey], undefined, newSigner());
    const ledger = join(folder, 'ledger');
    const name = readdirSync(ledger).find((each) => each.endsWith('.key'))!;
    const original = readFileSync(join(ledger, name));
    const file = decodeKeyFile(original)!;
    const { signature } = file.writer!;
    for (const writer of [
      undefined,
      { instance: newSigner().publicKey, signature },
      { instance: identity.publicKey, signature: signature.toReversed() },
    ]) {
      writeFileSync(join(ledger, name), encodeKeyFile({ ...file, writer }));
      assert.deepEqual(writersOf(ledger), new Set([undefined, toHex(identity.publicKey)]));
    }
    // The key file of another's segment is none of this one.
    cpSync(join(other, 'ledger', name), join(ledger, name));
    assert.deepEqual(writersOf(ledger), of(identity.publicKey));
    const segment = name.replace('.key', '.seg');
    cpSync(join(other, 'ledger', segment), join(ledger, segment));
    assert.equal(writersOf(ledger).size, 2);
  });

  it('is signed as it always was', () => {
    const content = fromHex(vectors.keyFile)!;
    const file = decodeKeyFile(content)!;
    assert.equal(writerOf(file), toHex(identity.publicKey));
    const { id, kind, number } = file;
    const signature = identity.sign(statement('key-file', keyContext({ kind, number, service }, id)));
    const writer = { instance: identity.publicKey, signature };
    assert.deepEqual(encodeKeyFile({ ...file, writer }), content);
  });
});
