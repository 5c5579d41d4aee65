/**
 * Founders of a successor take over a log that their host hands them: what members did not sign for is refused. Of services before the last, nothing is asked again
 * that their digests and the members' word for the last one settle. spec/recovery.md, line 34.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nodeCryptography } from '@coppice/cryptography';
import { buildGenesis } from '@coppice/governance';
import { encodeRecord, MerkleTree, TransactionsTree } from '@coppice/ledger';
import { KnownKeys, openLedger } from '@coppice/storage';
import {
  batchCodec,
  encode,
  type GenesisDocument,
  type Header,
  headerDigest,
  serviceDigest,
  voteStatement,
} from '@coppice/wire';
import {
  bytesOf,
  constitutionOf,
  joinOf,
  members,
  signedBy,
  signerNamed,
  time,
  weakKey,
} from '../../governance/test/fixtures.ts';
import { inherit, replayLog } from '../src/inheritance.ts';
import type { ReadItem } from '../src/records.ts';

const root = mkdtempSync(join(tmpdir(), 'coppice-inheritance-'));
after(() => rmSync(root, { recursive: true }));

const constitution = constitutionOf();
const seatSigner = (epoch: number, slot: number) => signerNamed(`signer ${slot} of epoch ${epoch}`);
/** For which a key that is none is one. */
const lenient = { ...nodeCryptography, validPublicKey: () => true };

const emptyRoot = new MerkleTree(nodeCryptography).root();

type Stored = ReturnType<typeof encodeRecord> & { readonly sequence: number };
type Succession = NonNullable<Parameters<typeof buildGenesis>[1]['succession']>;

/** A genesis that members signed, whether the founders' last keys are keys or not. */
function genesisFrom(epoch: number, spare: Uint8Array | undefined, succession?: Succession): GenesisDocument {
  const joins = Array.from({ length: 4 }, (_, slot) => {
    const keys = Array.from({ length: constitution.policy.epochKeys }, (_, i) => ({
      signingKey: seatSigner(epoch + i, slot).publicKey,
      sealingKey: bytesOf(`sealing key ${slot} ${epoch + i}`),
    }));
    if (spare !== undefined && slot === 0) keys[keys.length - 1] = { ...keys.at(-1)!, signingKey: spare };
    return joinOf(constitution, slot, { claims: { firstEpoch: epoch, keys } });
  });
  const built = buildGenesis(lenient, { constitution, joins, time, ...(succession && { succession }) });
  assert.ok(built.ok, JSON.stringify(built));
  return signedBy(built.document, members);
}

/** A batch without requests, after this log. */
function batchAfter(
  { genesis }: GenesisDocument,
  sequence: number,
  previousRoot: Uint8Array,
): { readonly header: Header; readonly stored: Stored } {
  const header: Header = {
    ...{ protocolVersion: 1, service: serviceDigest(nodeCryptography, genesis), epoch: genesis.configuration.epoch },
    ...{ sequence, time, proposer: 0, transactions: 0, previousRoot, configuration: bytesOf('configuration') },
    transactionsRoot: new TransactionsTree(nodeCryptography, []).root,
  };
  const batch = encode(batchCodec, { items: [] });
  return { header, stored: { ...encodeRecord({ kind: 'batch', header, batch, outcomes: [] }), sequence } };
}

const storedGenesis = (document: GenesisDocument, sequence: number): Stored => ({
  ...encodeRecord({ kind: 'genesis', document }),
  sequence,
});

function* items(records: readonly Stored[]): Generator<ReadItem> {
  for (const [position, record] of records.entries())
    yield { kind: 'record', first: 0, offset: 0, frameBytes: 0, record: { ...record, position } };
  yield { kind: 'clean', records: records.length };
}

/** What goes on from the log of these records, the last of which is of this batch: as members find it who verified all of it. */
async function successionOf(records: readonly Stored[], header: Header): Promise<Succession> {
  const { sequence, service, epoch } = header;
  const { tree, state } = await replayLog(items(records), sequence, { service });
  const subject = {
    ...{ epoch, view: 0, sequence, newView: new Uint8Array(32) },
    headerDigest: headerDigest(nodeCryptography, header),
  };
  const votes = [0, 1, 2].map((slot) => {
    const commitment = bytesOf(`nonce ${slot}`);
    return { slot, commitment, signature: seatSigner(epoch, slot).sign(voteStatement(service, subject, commitment)) };
  });
  const recent = Array.from({ length: sequence }, (_, i) => tree.leaf(i)!);
  return {
    predecessor: {
      ...{ service, header, certificate: { subject, votes } },
      ...{ ledgerRoot: tree.root(), stateDigest: state.digest() },
    },
    inheritance: { peaks: tree.frontier(0), recent, standing: undefined },
  };
}

/** The log of a service and of its successor, a batch each, and the genesis of a third that goes on with it. */
async function lineage(
  spares: { readonly first?: Uint8Array; readonly second?: Uint8Array } = {},
): Promise<{ documents: GenesisDocument[]; records: Stored[]; document: GenesisDocument }> {
  const records: Stored[] = [];
  const documents: GenesisDocument[] = [];
  let document = genesisFrom(0, spares.first);
  for (const [i, spare] of [spares.second, undefined].entries()) {
    documents.push(document);
    records.push(storedGenesis(document, i === 0 ? 0 : i + 1));
    const before = i === 0 ? undefined : document.genesis.predecessor!.ledgerRoot;
    const { header, stored } = batchAfter(document, i + 1, before ?? emptyRoot);
    records.push(stored);
    document = genesisFrom(i + 1, spare, await successionOf(records, header));
  }
  return { documents, records, document };
}

let folders = 0;

/** What a founder of the service of `document` makes of these records. */
async function founderOf(document: GenesisDocument, records: readonly Stored[]): ReturnType<typeof inherit> {
  const service = serviceDigest(nodeCryptography, document.genesis);
  const folder = join(root, String(folders++));
  const { ledger } = openLedger(folder, { service, vault: undefined });
  for (const record of records) ledger.append(record);
  await new Promise<void>((resolve, reject) => ledger.close((error) => (error ? reject(error) : resolve())));
  return inherit(folder, new KnownKeys(), service, document, undefined);
}

test('a founder takes over the log that members signed for', async () => {
  const { document, documents, records } = await lineage();
  const log = await founderOf(document, records);
  const services = (of: readonly GenesisDocument[]) =>
    of.map(({ genesis }) => serviceDigest(nodeCryptography, genesis));
  assert.deepEqual(services(log.ancestors.map((one) => one.document)), services(documents));
  assert.deepEqual(log.state.digest(), document.genesis.predecessor?.stateDigest);
});

test('a founder refuses the log of other services than those that lead to what members signed for', async () => {
  const { document, documents, records } = await lineage();
  const other = await lineage({ first: signerNamed('another spare').publicKey });
  await assert.rejects(founderOf(document, other.records), /of another service/);
  await assert.rejects(founderOf(document, [other.records[0]!, ...records.slice(1)]), /does not go on from the one/);
  const [signed] = documents as [GenesisDocument];
  const [first, ...others] = signed.signatures;
  const forged = { ...signed, signatures: [{ ...first!, signature: others[0]!.signature }, ...others] };
  await assert.rejects(founderOf(document, [storedGenesis(forged, 0), ...records.slice(1)]), /signature is not valid/);
});

test('keys of the last service are looked at again, those of services before it by whoever has only the log', async () => {
  const second = await lineage({ second: weakKey });
  await assert.rejects(founderOf(second.document, second.records), /the last genesis does not hold: keys/);
  const first = await lineage({ first: weakKey });
  const log = await founderOf(first.document, first.records);
  assert.equal(log.ancestors.length, 2);
  await assert.rejects(replayLog(items(first.records), 2), /a genesis that does not hold: keys/);
});
