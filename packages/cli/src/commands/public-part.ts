/**
 * What an exported public part tells, in the place of a ledger that nobody has any more: who sat where, what is in which place, and that it is
 * one history. What was asked, answered and written is not in it. spec/confidentiality.md, lines 30-34.
 */
import { statSync } from 'node:fs';
import { nodeCryptography } from '@coppice/cryptography';
import type { PublicRecord } from '@coppice/ledger';
import {
  type Configuration,
  type Digest,
  type Header,
  headerDigest,
  sameBytes,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import { serviceOf } from '../connect.ts';
import { counted, type Output, table } from '../output.ts';
import { type PublicLogReport, verifyPublicLog } from '../public-log-file.ts';
import { UserError } from '../service-folder.ts';
import type { LedgerOptions } from './ledger.ts';

/** Of it there is a file, and of a ledger a folder. */
export function isExport(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** What only a ledger has. */
const untold =
  'not told by a public part: requests, results, write sets and the state, other than of instances and in public maps; so neither that executing the requests gives these results';

function namedService({ folderNamed, ...options }: LedgerOptions): Digest | undefined {
  return options.service === undefined && !folderNamed ? undefined : serviceOf(options);
}

/** Throws UserError where it does not hold: what is in it is shown only if all of it does. */
function read(path: string, service: Digest | undefined, onRecord: (record: PublicRecord) => void): PublicLogReport {
  const report = verifyPublicLog(path, service, onRecord);
  if (!report.ok) throw new UserError(`the public part does not hold: ${report.reason}`);
  return report;
}

export function auditPublic(path: string, service: Digest | undefined, output: Output): void {
  const report = verifyPublicLog(path, service);
  output.answer(report, [
    report.ok ? 'the public part holds' : `IT DOES NOT HOLD: ${report.reason}`,
    `  service       ${report.service ?? 'not known'}${service === undefined ? ', by its own genesis' : ''}`,
    ...report.predecessors.map((before) => `  goes on from  ${before}`),
    `  batches       ${report.batches}, in ${counted(report.epochs, 'epoch')}`,
    `  transactions  ${report.transactions}: ${report.system} of instances are shown, and what ${report.written} wrote to public maps`,
    untold,
  ]);
  if (!report.ok) process.exitCode = 1;
}

interface Epoch {
  readonly service: string;
  readonly epoch: number;
  readonly seats: Configuration['seats'];
  from: number;
  to: number;
}

/** Its epochs: batches, and who sat where. */
export function listPublic(path: string, options: LedgerOptions, output: Output): void {
  const epochs: Epoch[] = [];
  let service = '';
  let last = 0;
  const begin = ({ epoch, seats }: Configuration): void => {
    epochs.push({ service, epoch, seats, from: last + 1, to: last });
  };
  const report = read(path, namedService(options), (record) => {
    if (record.kind === 'genesis') {
      service = toHex(serviceDigest(nodeCryptography, record.document.genesis));
      begin(record.document.genesis.configuration);
    } else if (record.kind === 'epoch') begin(record.certificate.next);
    else if (record.kind === 'batch') {
      last = record.header.sequence;
      epochs.at(-1)!.to = last;
    }
  });
  const rows = epochs.map(({ epoch, from, seats, service: of, to }) => [
    of.slice(0, 8),
    String(epoch),
    to < from ? '-' : `${from}–${to}`,
    seats.map(({ instance, slot }) => `${slot}:${toHex(instance).slice(0, 8)}`).join(' '),
  ]);
  output.answer({ ...report, list: epochs }, [
    ...table([['service', 'epoch', 'batches', 'instances, by slot'], ...rows]),
    untold,
  ]);
}

/** What is in it about a batch. */
export function showPublic(path: string, sequence: number, options: LedgerOptions, output: Output): void {
  const records: object[] = [];
  let committed = 0;
  read(path, namedService(options), (record) => {
    if (record.kind === 'genesis') return;
    const at =
      record.kind === 'batch'
        ? record.header.sequence
        : record.kind === 'commit'
          ? record.certificate.subject.sequence
          : record.certificate.header.sequence;
    // The first certificate above it speaks for it, too.
    if (at === sequence || (record.kind === 'commit' && committed < sequence && sequence < at)) records.push(record);
    if (record.kind === 'commit') committed = at;
  });
  if (records.length === 0) throw new UserError(`nothing in ${path} is about batch ${sequence}`);
  const hexadecimal = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value);
  output.answer(records, [...JSON.stringify(records, hexadecimal, 2).split('\n'), untold]);
}

/** Why a certified header is not of the history that a public part proves; `undefined`: it is. */
export function whyNotIn(path: string, header: Header): string | undefined {
  let there: Digest | undefined;
  const report = verifyPublicLog(path, header.service, (record) => {
    if (record.kind === 'batch' && record.header.sequence === header.sequence)
      there = headerDigest(nodeCryptography, record.header);
  });
  if (!report.ok) return `the public part does not hold: ${report.reason}`;
  if (there === undefined) return `the public part ends with batch ${report.batches}`;
  return sameBytes(there, headerDigest(nodeCryptography, header))
    ? undefined
    : 'the public part has another batch in that place';
}
