/**
 * Filling in the ledger's past: an instance that began with a snapshot fetches what was recorded before it, so that every
 * instance comes to hold the whole log and the log outlives those who wrote it.
 *
 * Nothing that comes is believed: the headers must lead to the ledger root that the snapshot's checkpoint certifies, each
 * batch must give its header's transactions root, and only then does the folder get its final name.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DoorConnection } from '@coppice/client';
import { decodeRecord, type LedgerRecord, type MerkleTree, TransactionsTree } from '@coppice/ledger';
import { type Ledger, openLedger, type Vault } from '@coppice/storage';
import {
  batchCodec,
  type CallerProof,
  type Cryptography,
  decode,
  type Digest,
  headerDigest,
  requestDigests,
  sameBytes,
  type Seat,
  type Signer,
  systemRequestDigest,
} from '@coppice/wire';

interface Gap {
  readonly from: number;
  readonly to: number;
  /** Frontier of the tree of headers below `from`, and the root that it must grow to at `to`. */
  readonly tree: MerkleTree;
  readonly ledgerRoot: Digest;
}

type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;

/** Fetches the gap from the replica in this seat, which is shown `identity`. Throws where it did not give all of it, well. */
export async function fillGap(
  cryptography: Cryptography,
  service: Digest,
  vault: Vault | undefined,
  dataFolder: string,
  gap: Gap,
  seat: Pick<Seat, 'clientAddress' | 'instance'>,
  identity: Signer,
): Promise<void> {
  const partial = join(dataFolder, 'history', 'partial');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const { ledger } = openLedger(partial, { service, vault });
  const connection = await DoorConnection.open(seat.clientAddress, seat.instance);
  try {
    await copyRecords(cryptography, connection, connection.callerProof(service, identity), ledger, gap);
  } finally {
    connection.close();
    await new Promise<void>((resolve) => ledger.close(() => resolve()));
  }
  renameSync(partial, join(dataFolder, 'history', `${gap.from}-${gap.to}`));
}

async function copyRecords(
  cryptography: Cryptography,
  connection: DoorConnection,
  as: CallerProof,
  ledger: Ledger,
  gap: Gap,
): Promise<void> {
  const tree = gap.tree.clone();
  let from = gap.from;
  for (;;) {
    const answer = await connection.ask({ kind: 'ledger', from, as }, 'ledger', 30_000);
    if (answer.records.length === 0) break;
    for (const { type, sequence, payload } of answer.records) {
      if (sequence > gap.to) continue;
      const record = decodeRecord(type, payload);
      if (!record.ok) throw new Error(`malformed record at ${sequence}: ${record.reason}`);
      if (record.value.kind === 'genesis' && sequence === 0) continue;
      if (record.value.kind === 'batch') take(cryptography, tree, record.value);
      ledger.append({ type, sequence, payload });
    }
    from = Math.max(...answer.records.map((record) => record.sequence)) + 1;
    if (!answer.more || from > gap.to) break;
    await new Promise<void>((resolve, reject) =>
      ledger.sync((error) => (error === undefined ? resolve() : reject(error))),
    );
  }
  if (tree.size !== gap.to || !sameBytes(tree.root(), gap.ledgerRoot))
    throw new Error('the records do not lead to the certified ledger root');
}

/** Committed batches alone are served, so each header is the next one. Records of `from` … `to` alone are asked for. */
function take(cryptography: Cryptography, tree: MerkleTree, record: BatchRecord): void {
  const { header } = record;
  if (header.sequence !== tree.size + 1) throw new Error(`batch ${header.sequence} where ${tree.size + 1} was due`);
  checkBatch(cryptography, record);
  tree.append(headerDigest(cryptography, header));
}

/** Throws where the outcomes are not those of the batch's requests, or not those that its header names. */
export function checkBatch(cryptography: Cryptography, record: BatchRecord): void {
  const { header, outcomes } = record;
  const batch = decode(batchCodec, record.batch);
  if (!batch.ok) throw new Error(`malformed batch ${header.sequence}`);
  const requests = batch.value.items.flatMap((item) =>
    item.kind === 'bundle'
      ? requestDigests(cryptography, item.bundle)
      : [systemRequestDigest(cryptography, item.request)],
  );
  const root = new TransactionsTree(cryptography, outcomes).root;
  const named =
    outcomes.length >= requests.length && requests.every((request, i) => sameBytes(request, outcomes[i]!.request));
  if (!sameBytes(root, header.transactionsRoot) || !named)
    throw new Error(`batch ${header.sequence} is not what its header names`);
}
