import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeCryptography } from '@coppice/cryptography';
import { ProcessDriver } from '@coppice/host';
import { encode, type GenesisDocument, genesisDocumentCodec, serviceDigest, toHex } from '@coppice/wire';
import { stop } from '../src/commands/local.ts';
import { Output } from '../src/output.ts';
import { finish, noteFounding } from '../src/recovery/founding.ts';
import { objectToUnrelated } from '../src/recovery/siblings.ts';
import { type ServiceFile, ServiceFolder, UserError } from '../src/service-folder.ts';
import { requireNewDraft, writeDraft } from '../src/succession-file.ts';

function folderFor(t: TestContext): ServiceFolder {
  const path = mkdtempSync(join(tmpdir(), 'coppice-founding-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return new ServiceFolder(path);
}

const nothing = new Uint8Array(32);

/** Whoever reads it here asks for no more than which one it is. */
function documentOf(time: number): GenesisDocument {
  const genesis = { constitution: nothing, joinsRoot: nothing, time, configuration: { epoch: 0, slots: 4, seats: [] } };
  return { genesis, constitution: nothing, joins: [], signatures: [] };
}

const digestOf = ({ genesis }: GenesisDocument): string => toHex(serviceDigest(nodeCryptography, genesis));

const fileOf = (document: GenesisDocument, predecessors: readonly string[] = []): ServiceFile => ({
  ...{ service: digestOf(document), release: toHex(nothing), addresses: [], development: true },
  ...{ slots: 4, epochKeys: 8, predecessors },
});

const bytesOf = (document: GenesisDocument): Uint8Array => new Uint8Array(encode(genesisDocumentCodec, document));

for (const predecessors of [true, false])
  test(`the document before is kept by who publishes again (${predecessors ? 'a predecessor' : 'one given up'})`, async (t) => {
    const folder = folderFor(t);
    const [before, after] = [documentOf(1), documentOf(2)];
    folder.write('genesis.bin', bytesOf(before));
    folder.writeService(fileOf(before));
    const driver = new ProcessDriver({ folder: folder.path, programOf: () => '' });
    const file = fileOf(after, predecessors ? [digestOf(before)] : []);
    const founding = { stage: 'given', document: after, instances: [], file } as const;
    const kept = `${predecessors ? 'predecessors' : 'given-up'}/${digestOf(before)}.bin`;
    for (const cutShort of [false, true]) {
      // As if what is written last had not been written.
      if (cutShort) folder.writeService(fileOf(before));
      await finish(folder, driver, founding);
      assert.deepEqual(new Uint8Array(folder.read(kept)), bytesOf(before));
      assert.equal(folder.readService().service, digestOf(after));
      assert.deepEqual(new Uint8Array(folder.read('genesis.bin')), bytesOf(after));
    }
    assert.equal(existsSync(join(folder.path, 'founding.json')), false);
  });

test('one command at a time recovers in a folder', (t) => {
  const folder = folderFor(t);
  const lock = folder.lock();
  assert.throws(
    () => folder.lock(),
    (error) => error instanceof UserError && /: process \d+$/.test(error.message),
  );
  lock.release();
  folder.lock().release();
});

test('a service is not replaced by the successor of one that it has nothing in common with', (t) => {
  const [first, second, other] = [documentOf(1), documentOf(2), documentOf(3)];
  const source = { documents: [first, second] };
  const analysis = { adoption: { service: serviceDigest(nodeCryptography, second.genesis), source } };
  const judge = (folder: ServiceFolder): void =>
    objectToUnrelated(analysis as unknown as Parameters<typeof objectToUnrelated>[0], folder);
  const folder = folderFor(t);
  judge(folder);
  for (const document of [first, second]) {
    folder.writeService(fileOf(document));
    judge(folder);
  }
  folder.writeService(fileOf(other, [digestOf(first)]));
  judge(folder);
  folder.writeService(fileOf(other));
  assert.throws(() => judge(folder), /has nothing in common with/);
});

test('a draft is written over no other file', (t) => {
  const { path } = folderFor(t);
  const [key, draft] = ['auditor.key', 'draft.json'].map((name) => join(path, name)) as [string, string];
  writeFileSync(key, 'secret');
  for (const write of [requireNewDraft, (file: string) => writeDraft(file, documentOf(1))])
    assert.throws(() => write(key), /is there already: name another --draft/);
  assert.equal(readFileSync(key, 'utf8'), 'secret');
  assert.throws(() => requireNewDraft(join(path, 'nowhere', 'draft.json')), /cannot write/);
  requireNewDraft(draft);
  for (let i = 0; i < 2; i++) writeDraft(draft, documentOf(1));
  assert.throws(() => writeDraft(draft, documentOf(2)), /is there already/);
});

test('what waits for signatures is given up by who stops it, and what may have run is not', async (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder.path, 'instances'));
  const said: unknown[] = [];
  const output = Object.assign(Object.create(Output.prototype) as Output, {
    say: () => undefined,
    answer: (what: unknown) => void said.push(what),
  });
  const document = documentOf(1);
  const founding = { document, instances: [], file: fileOf(document) };
  noteFounding(folder, { ...founding, stage: 'drafted' });
  await stop({ folder: folder.path }, output);
  assert.deepEqual(said, [{ stopped: [], serviceEnded: false }]);
  noteFounding(folder, { ...founding, stage: 'given' });
  await assert.rejects(stop({ folder: folder.path }, output), /no such replica runs/);
  assert.equal(existsSync(join(folder.path, 'founding.json')), true);
});
