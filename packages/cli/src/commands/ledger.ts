/**
 * `coppice ledger ls | show | verify | export`: what lies on an instance's disk, for people and programs.
 *
 * Sizes, positions, types and sequence numbers are in the clear; everything else of an encrypted ledger needs the key of an auditor.
 */
import { existsSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { decodeRecord, type LedgerRecord, recordTypes } from '@coppice/ledger';
import { historyFolders, type ReadItem, readSealedFolder, restoreSnapshot } from '@coppice/node';
import { decodeOperation } from '@coppice/service';
import {
  type FileKeys,
  type LedgerEnd,
  locate,
  readLedger,
  type SegmentKey,
  segmentKeyFiles,
  serviceOfLedger,
  Snapshots,
} from '@coppice/storage';
import {
  batchCodec,
  type CheckpointCertificate,
  decode,
  decodeResult,
  type Item,
  type Outcome,
  sameBytes,
  toHex,
} from '@coppice/wire';
import { archiveInstance } from '../archiving.ts';
import { serviceOf } from '../connect.ts';
import { counted, type Output, table } from '../output.ts';
import { publicRecords, verifyPublicLog, writePublicLog } from '../public-log-file.ts';
import type { KeyOpener } from '../recovery/shares.ts';
import { UserError } from '../service-folder.ts';
import { auditPublic } from './public-part.ts';
import { type KeyOptions, openerFor } from './shares.ts';
import { auditFolder, dataFolderOf } from './verify.ts';

export interface LedgerOptions extends KeyOptions {
  readonly folder: string;
  readonly folderNamed: boolean;
  readonly service?: string;
}

type Range = readonly [number, number];

interface Segment {
  /** Below the data folder. */
  readonly file: string;
  readonly bytes: number;
  positions: Range;
  sequences: Range;
  /** Public keys of whom it is encrypted to, none where its key file does not say; `null` where it is in the clear. */
  readonly encryptedTo: readonly string[] | null;
  /** Of its batches; `null` where they cannot be read. */
  epochs: Range | null;
}

const widened = (range: Range | null, value: number): Range =>
  range === null ? [value, value] : [Math.min(range[0], value), Math.max(range[1], value)];

/** The ledgers of a data folder, in the order of the log: what was fetched of the time before, then what was recorded. */
function ledgersIn(dataFolder: string): string[] {
  return [...historyFolders(dataFolder).map(({ folder }) => folder), join(dataFolder, 'ledger')];
}

function segmentPath(ledger: string, first: number): string {
  return locate(ledger, `ledger-${String(first).padStart(16, '0')}.seg`);
}

interface Listed {
  readonly segments: Segment[];
  /** What is wrong with their frames, and with their key files. */
  readonly problems: readonly string[];
  readonly keyProblems: readonly string[];
  /** That the last write was cut, which loses nothing. */
  readonly cut?: string;
}

/** The segments of a ledger, and how their frames end. */
function segmentsOf(dataFolder: string, ledger: string, keys: FileKeys): Listed {
  const segments = new Map<number, Segment>();
  const problems: string[] = [];
  let cut: string | undefined;
  const keyFiles = new Map([...segmentKeyFiles(ledger)].map(({ first, found }) => [first, found]));
  for (const item of readLedger(ledger, { keys: 'sealed' })) {
    if (item.kind !== 'record') {
      // What was fetched of the time before has its name since it was whole.
      const how = problemOf(item);
      if (item.kind === 'torn' && ledger === join(dataFolder, 'ledger')) cut = how;
      else if (how !== undefined) problems.push(how);
      break;
    }
    const { position, sequence } = item.record;
    const segment = segments.get(item.first);
    if (segment !== undefined) {
      segment.positions = widened(segment.positions, position);
      segment.sequences = widened(segment.sequences, sequence);
      continue;
    }
    const path = segmentPath(ledger, item.first);
    segments.set(item.first, {
      file: relative(dataFolder, path),
      bytes: statSync(path).size,
      positions: [position, position],
      sequences: [sequence, sequence],
      encryptedTo: readersIn(keyFiles.get(item.first)),
      epochs: null,
    });
  }
  for (const item of readLedger(ledger, { keys })) {
    const segment = item.kind === 'record' ? segments.get(item.first) : undefined;
    if (item.kind !== 'record' || segment === undefined) break;
    const record = decodeRecord(item.record.type, item.record.payload);
    if (record.ok && record.value.kind === 'batch') segment.epochs = widened(segment.epochs, record.value.header.epoch);
  }
  return {
    segments: [...segments.values()],
    problems,
    keyProblems: [...keyFiles.values()].flatMap((found) => ('reason' in found ? `${found.file}: ${found.reason}` : [])),
    ...(cut !== undefined && { cut }),
  };
}

/** Whom a segment's key file names. */
function readersIn(found: SegmentKey['found'] | undefined): string[] | null {
  if (found === undefined) return null;
  return 'reason' in found ? [] : found.slots.map(({ to }) => toHex(to));
}

function encryptedTo(readers: readonly string[] | null): string {
  if (readers === null) return 'nobody: in the clear';
  return readers.length === 0 ? '?' : readers.map((to) => to.slice(0, 8)).join(', ');
}

function problemOf(end: LedgerEnd): string | undefined {
  if (end.kind === 'clean') return undefined;
  if (end.kind === 'torn')
    return `${end.torn.segment}: the last write was cut, ${end.torn.bytesLost} bytes of it are left`;
  const { offset, position, reason, segment } = end.damage;
  return `${segment} at ${offset}, record ${position}: ${reason}`;
}

function cannotRead(end: Extract<LedgerEnd, { kind: 'corrupt' }>): UserError {
  const hint =
    end.damage.reason === 'key-missing'
      ? '\nit is encrypted, and none of the keys that were given opens it: --key FILE names one of an auditor, --share FILE what members released'
      : '';
  return new UserError(`the ledger cannot be read further: ${problemOf(end)}${hint}`);
}

export async function listLedger(folder: string, options: KeyOptions, output: Output): Promise<void> {
  const dataFolder = dataFolderOf(folder);
  const keys = await openerFor(dataFolder, options)(dataFolder);
  const parts = ledgersIn(dataFolder).map((ledger) => segmentsOf(dataFolder, ledger, keys));
  const segments = parts.flatMap((part) => part.segments);
  const problems = parts.flatMap((part) => [...part.problems, ...part.keyProblems]);
  const cut = parts.flatMap((part) => part.cut ?? []);
  const range = (of: Range | null): string => (of === null ? '?' : of[0] === of[1] ? `${of[0]}` : `${of[0]}–${of[1]}`);
  output.answer({ segments, problems, cut }, [
    ...table([
      ['segment', 'bytes', 'records', 'batches', 'epochs', 'encrypted to'],
      ...segments.map((one) => [
        one.file,
        String(one.bytes),
        range(one.positions),
        range(one.sequences),
        range(one.epochs),
        encryptedTo(one.encryptedTo),
      ]),
    ]),
    ...problems.map((problem) => `! ${problem}`),
    ...cut,
  ]);
}

/** The records at a sequence number, readable. */
export async function showRecords(
  folder: string,
  sequence: number,
  options: KeyOptions,
  output: Output,
): Promise<void> {
  const dataFolder = dataFolderOf(folder);
  const records: object[] = [];
  for await (const item of readSealedFolder(dataFolder, openerFor(dataFolder, options))) {
    if (item.kind === 'corrupt') throw cannotRead(item);
    if (item.kind !== 'record' || item.record.sequence !== sequence) continue;
    const { payload, position, type } = item.record;
    const decoded = decodeRecord(type, payload.slice());
    const content = decoded.ok ? readable(decoded.value) : { kind: 'malformed', reason: decoded.reason };
    records.push({ position, ...content });
  }
  if (records.length === 0) throw new UserError(`nothing in ${folder} is about batch ${sequence}`);
  const hexadecimal = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value);
  output.answer(records, JSON.stringify(records, hexadecimal, 2).split('\n'));
}

function readable(record: LedgerRecord): object {
  if (record.kind !== 'batch') return record;
  const { batch, header, outcomes } = record;
  const decoded = decode(batchCodec, batch);
  let index = 0;
  const items = decoded.ok ? decoded.value.items.map((item) => readableItem(item, () => outcomes[index++])) : [];
  const own = outcomes.slice(index).map(({ writeSet }) => ({ writeSet }));
  return { kind: 'batch', header, items, own };
}

function readableItem(item: Item, next: () => Outcome | undefined): object {
  if (item.kind === 'system') return { kind: item.request.kind, request: item.request, ...answerOf(next()) };
  const { client, first, operations, time } = item.bundle;
  const requests = operations.map(({ payload, target }, i) => {
    const operation = target === 'service' ? decodeOperation(payload) : undefined;
    const asked = operation?.ok === true ? operation.value : { payload };
    return { number: first + i, target, ...asked, ...answerOf(next()) };
  });
  return { kind: 'bundle', client, time, requests };
}

function answerOf(outcome: Outcome | undefined): object {
  if (outcome === undefined) return {};
  const result = decodeResult(outcome.result);
  return { result: result.ok ? result.value : outcome.result, writeSet: outcome.writeSet };
}

/**
 * Of a file, whether it is a public part that holds; of a folder, whether its frames are whole, and with keys, or in the clear, whether all of
 * it holds.
 */
export async function verifyLedger(path: string, options: LedgerOptions, output: Output): Promise<void> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new UserError(`there is no ${path}`);
  const service = options.service === undefined && !options.folderNamed ? undefined : serviceOf(options);
  if (stats.isFile()) return auditPublic(path, service, output);
  const dataFolder = dataFolderOf(path);
  const open = openerFor(dataFolder, options);
  const keys = await open(dataFolder);
  const parts = ledgersIn(dataFolder).map((ledger) => segmentsOf(dataFolder, ledger, keys));
  const frames = parts.flatMap(({ problems }) => problems);
  const keyFiles = parts.flatMap(({ keyProblems }) => keyProblems);
  const cut = parts.flatMap((part) => part.cut ?? []);
  const unread = parts
    .flatMap(({ segments }) => segments)
    .filter((one) => one.encryptedTo !== null && one.epochs === null);
  const given = keys.size > 0 || options.key !== undefined || options.share !== undefined;
  const read = unread.length === 0 || given;
  // Members are asked for what the log takes, and not for snapshots.
  const restored = read && options.share === undefined ? await newestSnapshot(dataFolder, open) : undefined;
  // The ledger is long: the audit, which verifies its checkpoints, is not the only one to look for them while it is read.
  let isCertified: boolean | undefined;
  const onItem = (item: ReadItem): void => {
    if (restored?.certificate !== undefined) isCertified ??= certifies(item, restored.certificate);
  };
  const report = read ? await auditFolder(path, service, { onItem, keys: options }) : undefined;
  const problem = restored?.problem ?? (isCertified === true ? undefined : 'the ledger has no such checkpoint');
  const snapshot = restored && { sequence: restored.sequence, ...(problem !== undefined && { problem }) };
  const ok = frames.length === 0 && keyFiles.length === 0 && report?.ok !== false && snapshot?.problem === undefined;
  output.answer({ ok, frames, keyFiles, cut, audit: report ?? null, snapshot: snapshot ?? null }, [
    frames.length === 0 ? 'every frame is whole' : 'FRAMES ARE DAMAGED',
    ...frames.map((problem) => `  ! ${problem}`),
    ...(keyFiles.length === 0 ? [] : ['KEY FILES ARE MISSING OR ALTERED: nobody reads what they are of']),
    ...keyFiles.map((problem) => `  ! ${problem}`),
    ...cut.map((what) => `  ${what}: nothing that was reported durable is missing`),
    report === undefined
      ? 'what is in them was not read: no key that opens it was given'
      : `${report.ok ? 'what is in them holds' : 'WHAT IS IN THEM DOES NOT HOLD'}: ${counted(report.batches, 'batch', 'batches')}, ${counted(report.transactions, 'transaction')}, ${counted(report.epochs.length, 'epoch')}`,
    ...(snapshot === undefined
      ? []
      : [
          snapshot.problem === undefined
            ? `the newest snapshot makes the state after batch ${snapshot.sequence}`
            : `THE NEWEST SNAPSHOT DOES NOT MAKE THE STATE AFTER BATCH ${snapshot.sequence}: ${snapshot.problem}`,
        ]),
    ...(report?.problems ?? [])
      .slice(0, 10)
      .map(({ code, message, sequence }) => `  ! ${code} at batch ${sequence}: ${message}`),
  ]);
  if (!ok) process.exitCode = 1;
}

interface NewestSnapshot {
  readonly sequence: number;
  readonly certificate?: CheckpointCertificate;
  readonly problem?: string;
}

/** The newest snapshot, and the checkpoint the state of which it makes; `undefined`: there is none. */
async function newestSnapshot(dataFolder: string, open: KeyOpener): Promise<NewestSnapshot | undefined> {
  const folder = join(dataFolder, 'snapshots');
  if (!existsSync(folder)) return undefined;
  const service = serviceOfLedger(join(dataFolder, 'ledger'));
  if (service === undefined) return undefined;
  const newest = (): number | undefined => new Snapshots(folder, { service, readOnly: true }).list().at(-1);
  for (let sequence = newest(); sequence !== undefined;) {
    // After its name was seen: its key file was durable before. An instance that runs may write the next one meanwhile, and remove this one.
    const keys = await open(dataFolder);
    try {
      const snapshots = new Snapshots(folder, { service, keys, readOnly: true });
      return { sequence, certificate: restoreSnapshot(snapshots, sequence).certificate };
    } catch (error) {
      const later = newest();
      if (later === sequence) return { sequence, problem: error instanceof Error ? error.message : String(error) };
      sequence = later;
    }
  }
  return undefined;
}

/** Whether this is a checkpoint of the same state in the same place; `undefined`: of another place, or none. */
function certifies(item: ReadItem, { sequence, stateDigest }: CheckpointCertificate): boolean | undefined {
  if (item.kind !== 'record' || item.record.type !== recordTypes.checkpoint || item.record.sequence !== sequence)
    return undefined;
  const record = decodeRecord(item.record.type, item.record.payload);
  if (!record.ok || record.value.kind !== 'checkpoint') return undefined;
  return sameBytes(record.value.certificate.stateDigest, stateDigest);
}

/** Writes the public part of a ledger, and checks it as anyone would. */
export async function exportLedger(
  folder: string,
  options: LedgerOptions & { readonly out: string },
  output: Output,
): Promise<void> {
  const dataFolder = dataFolderOf(folder);
  const open = openerFor(dataFolder, options);
  async function* records(): AsyncGenerator<{ readonly type: number; readonly payload: Uint8Array }> {
    for await (const item of readSealedFolder(dataFolder, open)) {
      if (item.kind === 'record') yield item.record;
      else if (item.kind === 'corrupt') throw cannotRead(item);
    }
  }
  await writePublicLog(options.out, publicRecords(records()));
  const report = verifyPublicLog(options.out, undefined);
  output.answer({ ...report, file: options.out }, [
    report.ok
      ? `${options.out}: ${counted(report.batches, 'batch', 'batches')}, ${counted(report.epochs, 'epoch')}, ${report.system} of ${report.transactions} transactions in full`
      : `${options.out} was written, and does not hold: ${report.reason}`,
  ]);
  if (!report.ok) process.exitCode = 1;
}

/** Moves closed segments to another folder, one below it for each ledger; they are read from there. */
export async function archiveLedger(folder: string, options: { readonly to: string }, output: Output): Promise<void> {
  const moved = await archiveInstance(dataFolderOf(folder), options.to);
  output.answer({ moved, to: options.to }, [
    `${counted(moved.length, 'segment')} moved to ${options.to}; each ledger’s last one stays`,
    ...moved.map((segment) => `  ${segment}`),
  ]);
}
