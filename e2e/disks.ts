/**
 * What the disks of dead replicas hold: a view change whose voters are disks (spec/invariants.md, 9).
 *
 * Of any quorum of the epoch's disks, the highest prepared certificate, by view and then sequence, leads to a log that
 * holds everything that was ever acknowledged.
 */
import assert from 'node:assert/strict';
import { nodeCryptography } from '@coppice/cryptography';
import { decodeRecord, MerkleTree } from '@coppice/ledger';
import { auditorKeys } from '@coppice/cli';
import { readSealedFolder } from '@coppice/node';
import {
  type Configuration,
  type Header,
  headerDigest,
  type PreparedCertificate,
  quorumOf,
  sameBytes,
  toHex,
  validPreparedCertificate,
} from '@coppice/wire';

export interface Disk {
  readonly headers: ReadonlyMap<string, Header>;
  /** By sequence number: of several, the last recorded. */
  readonly log: readonly Header[];
  readonly prepared: readonly PreparedCertificate[];
}

/** The records of one epoch that an instance left. */
export async function readDisk(dataFolder: string, epoch: number): Promise<Disk> {
  const headers = new Map<string, Header>();
  const log: Header[] = [];
  const prepared: PreparedCertificate[] = [];
  for await (const item of readSealedFolder(dataFolder, auditorKeys(dataFolder))) {
    if (item.kind !== 'record') {
      assert.notEqual(item.kind, 'corrupt', JSON.stringify(item));
      continue;
    }
    const record = decodeRecord(item.record.type, item.record.payload.slice());
    assert.ok(record.ok);
    if (record.value.kind === 'batch') {
      const { header } = record.value;
      headers.set(toHex(headerDigest(nodeCryptography, header)), header);
      log[header.sequence] = header;
    } else if (record.value.kind === 'prepared' && record.value.certificate.subject.epoch === epoch) {
      prepared.push(record.value.certificate);
    }
  }
  return { headers, log, prepared };
}

/** The digests of the headers, by sequence number, of the log that these disks together vote for. */
export function votedLog(disks: readonly Disk[], service: Uint8Array, configuration: Configuration): string[] {
  let best: PreparedCertificate | undefined;
  for (const { prepared } of disks) {
    for (const certificate of prepared) {
      const [a, b] = [certificate.subject, best?.subject];
      if (b !== undefined && (a.view < b.view || (a.view === b.view && a.sequence <= b.sequence))) continue;
      assert.ok(validPreparedCertificate(nodeCryptography, service, configuration, certificate));
      best = certificate;
    }
  }
  assert.ok(best, 'something was prepared');
  const { headerDigest: adopted, sequence } = best.subject;
  for (const { headers, log } of disks) {
    const header = headers.get(toHex(adopted));
    if (header === undefined) continue;
    const tree = new MerkleTree(nodeCryptography);
    const digests = ['genesis'];
    for (let i = 1; i < sequence && log[i] !== undefined; i++) {
      const digest = headerDigest(nodeCryptography, log[i]!);
      tree.append(digest, log[i]!.rehashed);
      digests.push(toHex(digest));
    }
    if (tree.size === sequence - 1 && sameBytes(tree.root(), header.previousRoot)) return [...digests, toHex(adopted)];
  }
  assert.fail(`no disk has what leads to the prepared header ${sequence}`);
}

/** Every choice of a quorum. */
export function quorums<T>(all: readonly T[], slots: number): T[][] {
  const choose = (from: readonly T[], count: number): T[][] =>
    count === 0 ? [[]] : from.flatMap((one, i) => choose(from.slice(i + 1), count - 1).map((rest) => [one, ...rest]));
  return choose(all, quorumOf(slots));
}
