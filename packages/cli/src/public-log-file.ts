/**
 * The public part of a ledger as a file: `COPPICEX`, a version in four bytes, then records, each after its length in four bytes.
 *
 * Batches wait until a certificate commits them; what is never certified is not written.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { nodeCryptography } from '@coppice/cryptography';
import { constitutionProven, successionObjection, verifyGenesis } from '@coppice/governance';
import {
  decodeRecord,
  type LedgerRecord,
  privateWriteSetDigest,
  type PublicRecord,
  publicRecordCodec,
  PublicLogVerifier,
  splitWriteSet,
  TransactionsTree,
} from '@coppice/ledger';
import { syncFolderNow } from '@coppice/storage';
import {
  batchCodec,
  decode,
  type Digest,
  encode,
  type GenesisDocument,
  headerDigest,
  resultDigest,
  sameBytes,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import { UserError } from './service-folder.ts';

const magic = Buffer.from('COPPICEX');
const version = 1;
const headBytes = magic.length + 4;
/** No record is longer: a genesis document of as many joins as there can be slots. */
const recordBytesMax = 64 * 1024 * 1024;

type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;
type PublicBatch = Extract<PublicRecord, { kind: 'batch' }>;

/** What a file has already. */
interface Known {
  /** Genesis documents. */
  readonly services: number;
  /** Of the last of them, the epoch that has not ended. */
  readonly epoch: number;
  readonly sequence: number;
}

/** Batches that one commit certificate is shown for: each speaks for all before it, and takes the time to verify a quorum of signatures. */
const batchesPerCertificate = 64;

/** The public records of a ledger's records, as they are committed: those that are not known. */
export async function* publicRecords(
  records: AsyncIterable<{ readonly type: number; readonly payload: Uint8Array }>,
  known: Known = { services: 0, epoch: 0, sequence: 0 },
): AsyncGenerator<PublicRecord> {
  const waiting = new Map<number, BatchRecord>();
  /** The last certificate, while another may speak for its batch, too. */
  let held: Extract<PublicRecord, { kind: 'commit' }> | undefined;
  let shown = known.sequence;
  let committed = 0;
  let epochs = 0;
  let services = 0;
  function* upTo(last: number): Generator<PublicRecord> {
    for (; committed < last; committed++) {
      const batch = waiting.get(committed + 1);
      if (batch === undefined) throw new UserError(`the ledger has no batch ${committed + 1}`);
      waiting.delete(committed + 1);
      if (committed + 1 > known.sequence) yield publicBatch(batch);
    }
  }
  function* certificate(): Generator<PublicRecord> {
    if (held === undefined || committed <= shown) return;
    shown = committed;
    yield held;
    held = undefined;
  }
  for await (const { payload, type } of records) {
    const decoded = decodeRecord(type, payload.slice());
    if (!decoded.ok) throw new UserError(`the ledger does not hold: ${decoded.reason}`);
    const record = decoded.value;
    if (record.kind === 'genesis') {
      const { configuration, predecessor } = record.document.genesis;
      yield* certificate();
      held = undefined;
      // What a service goes on from was prepared, and need not have been committed.
      yield* upTo(predecessor?.header.sequence ?? 0);
      waiting.clear();
      epochs = configuration.epoch;
      services += 1;
      if (services > known.services) yield record;
    } else if (record.kind === 'batch') {
      if (record.header.sequence > committed) waiting.set(record.header.sequence, record);
    } else if (record.kind === 'commit') {
      const { headerDigest: certified, sequence } = record.certificate.subject;
      const last = waiting.get(sequence);
      if (last === undefined || !sameBytes(headerDigest(nodeCryptography, last.header), certified)) continue;
      yield* upTo(sequence);
      held = record;
      if (committed - shown >= batchesPerCertificate) yield* certificate();
    } else if (record.kind === 'epoch' && record.certificate.header.epoch === epochs) {
      if (record.certificate.header.sequence !== committed) continue;
      yield* certificate();
      const news = services > known.services || (services === known.services && epochs >= known.epoch);
      epochs += 1;
      if (news) yield record;
    }
  }
  yield* certificate();
}

function publicBatch({ batch, header, outcomes }: BatchRecord): PublicBatch {
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) throw new UserError(`batch ${header.sequence} is malformed: ${decoded.reason}`);
  const hash = nodeCryptography.of(header.protocolVersion);
  const tree = TransactionsTree.of(hash, outcomes);
  const system: PublicBatch['system'][number][] = [];
  let index = 0;
  for (const item of decoded.value.items) {
    if (item.kind === 'bundle') {
      index += item.bundle.operations.length;
      continue;
    }
    const { result } = outcomes[index]!;
    const { request } = item;
    system.push({ index, request, result, writeSetDigest: tree.writeSetDigest(index), path: tree.path(index) });
    index += 1;
  }
  const written = outcomes.flatMap(({ request, result, salt, writeSet }, at) => {
    const parts = splitWriteSet(writeSet);
    if (parts === undefined) return [];
    const rest = privateWriteSetDigest(hash, salt, parts.rest);
    const digestOfResult = resultDigest(hash, result);
    return [{ index: at, request, result: digestOfResult, writes: parts.shown, rest, path: tree.path(at) }];
  });
  return { kind: 'batch', header, system, written };
}

/** Writes a file of these records, which must not be there, and gets its name when it has all of them: a beginning holds, too. */
export async function writePublicLog(path: string, records: AsyncIterable<PublicRecord>): Promise<void> {
  if (existsSync(path)) throw new UserError(`${path} is there already`);
  const partial = `${path}.partial`;
  try {
    await writeRecords(partial, records);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

async function writeRecords(path: string, records: AsyncIterable<PublicRecord>): Promise<void> {
  const fd = openSync(path, 'w');
  try {
    const head = Buffer.alloc(headBytes);
    magic.copy(head);
    head.writeUInt32BE(version, magic.length);
    writeSync(fd, head);
    await append(fd, records);
  } finally {
    closeSync(fd);
  }
}

async function append(fd: number, records: AsyncIterable<PublicRecord>): Promise<void> {
  for await (const record of records) {
    const encoded = encode(publicRecordCodec, record, 1024);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(encoded.length);
    writeSync(fd, length);
    writeSync(fd, encoded);
  }
  fsyncSync(fd);
}

/**
 * Goes on with a file, or begins one, by what a ledger has beyond it; the whole of it is verified before it takes the place of the one before,
 * and is durable then. `dry`: there is no such file afterwards. Throws UserError where it does not hold.
 */
export async function keepPublicLog(
  path: string,
  ledger: AsyncIterable<{ readonly type: number; readonly payload: Uint8Array }>,
  { dry = false, onRecord }: { readonly dry?: boolean; readonly onRecord?: (record: PublicRecord) => void } = {},
): Promise<PublicLogReport> {
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  try {
    if (existsSync(path)) {
      const before = verifyPublicLog(path, undefined);
      if (!before.ok) throw new UserError(`${path} does not hold: ${before.reason}`);
      const { batches: sequence, epochs, predecessors } = before;
      copyFileSync(path, temporary, constants.COPYFILE_FICLONE);
      const fd = openSync(temporary, 'a');
      const known = { services: predecessors.length + 1, epoch: epochs - 1, sequence };
      await append(fd, publicRecords(ledger, known)).finally(() => closeSync(fd));
    } else {
      await writeRecords(temporary, publicRecords(ledger));
    }
    const report = verifyPublicLog(temporary, undefined, onRecord);
    if (!report.ok)
      throw new UserError(
        `with what the ledger has beyond it, ${path} does not hold: ${report.reason}. If it is of another history, move it away, and a new one is begun`,
      );
    if (!dry) {
      renameSync(temporary, path);
      syncFolderNow(dirname(path));
    }
    return report;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The bytes of a file, from its beginning on. */
class Input {
  #at = 0;
  readonly #fd: number;
  readonly #size: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  get ended(): boolean {
    return this.#at >= this.#size;
  }

  /** The next so many bytes; `undefined` where there are not so many. */
  take(bytes: number): Buffer | undefined {
    if (bytes > this.#size - this.#at) return undefined;
    const part = Buffer.alloc(bytes);
    for (let done = 0; done < bytes;) {
      const read = readSync(this.#fd, part, done, bytes - done, this.#at + done);
      if (read === 0) return undefined;
      done += read;
    }
    this.#at += bytes;
    return part;
  }
}

/** The records of a file; then why it cannot be read to its end, if it cannot. */
function* readPublicLog(path: string): Generator<PublicRecord, string | undefined> {
  const fd = openSync(path, 'r');
  try {
    const input = new Input(fd);
    const head = input.take(headBytes);
    if (head === undefined || !head.subarray(0, magic.length).equals(magic)) return 'it is no public part of a ledger';
    if (head.readUInt32BE(magic.length) !== version) return 'it is of another version';
    while (!input.ended) {
      const length = input.take(4)?.readUInt32BE();
      const encoded = length === undefined || length > recordBytesMax ? undefined : input.take(length);
      if (encoded === undefined) return 'it is cut';
      const record = decode(publicRecordCodec, new Uint8Array(encoded));
      if (!record.ok) return `a record is malformed: ${record.reason}`;
      yield record.value;
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

export interface PublicLogReport {
  readonly ok: boolean;
  /** What does not hold, if anything. */
  readonly reason: string | undefined;
  readonly service: string | undefined;
  /** Those that it goes on from, the oldest first. */
  readonly predecessors: readonly string[];
  readonly batches: number;
  readonly epochs: number;
  readonly transactions: number;
  /** Of them, those of instances: shown in full; and those of which writes to public maps are shown. */
  readonly system: number;
  readonly written: number;
}

/**
 * Checks a file from genesis on, and hands over what is in it: it holds if all of it does. `service`: what it must be of, or have been of; else
 * it is judged by its own genesis.
 */
export function verifyPublicLog(
  path: string,
  service: Digest | undefined,
  onRecord: (record: PublicRecord) => void = () => undefined,
): PublicLogReport {
  const verifier = new PublicLogVerifier(nodeCryptography);
  const documents: GenesisDocument[] = [];
  let reason: string | undefined;
  const records = readPublicLog(path);
  for (let next = records.next(); reason === undefined; next = records.next()) {
    if (next.done === true) {
      reason = next.value;
      break;
    }
    const record = next.value;
    if (record.kind === 'genesis') {
      reason = founded(verifier, documents.at(-1), record.document);
      documents.push(record.document);
    } else {
      reason = verifier.add(record);
      if (reason !== undefined) reason = `after batch ${verifier.committed?.sequence ?? 0}: ${record.kind}: ${reason}`;
    }
    if (reason === undefined) onRecord(record);
  }
  records.return(undefined);
  const services = documents.map(({ genesis }) => toHex(serviceDigest(nodeCryptography, genesis)));
  reason ??= verifier.uncertified > 0 ? `${verifier.uncertified} batches at its end are not certified` : undefined;
  reason ??= verifier.committed === undefined ? 'nothing is in it' : undefined;
  reason ??= service === undefined || services.includes(toHex(service)) ? undefined : 'genesis: of another service';
  return {
    ok: reason === undefined,
    reason,
    service: services.at(-1),
    predecessors: services.slice(0, -1),
    batches: verifier.committed?.sequence ?? 0,
    epochs: verifier.epoch + 1,
    ...verifier.shown,
  };
}

/** Begins with a service, or goes on to the one that its members founded in its place; why not, if not. */
function founded(
  verifier: PublicLogVerifier,
  before: GenesisDocument | undefined,
  document: GenesisDocument,
): string | undefined {
  const genesis = verifyGenesis(nodeCryptography, document, {});
  if (!genesis.ok) return `genesis: ${genesis.check}: ${genesis.reason}`;
  if (before === undefined) return verifier.begin(serviceDigest(nodeCryptography, document.genesis), document);
  const configurationOf = (epoch: number) => verifier.configurationOf(epoch);
  const inForce = constitutionProven(nodeCryptography, before, configurationOf, document);
  const reason =
    typeof inForce === 'string'
      ? inForce
      : (successionObjection(nodeCryptography, document, inForce) ?? verifier.succeed(document));
  return reason === undefined ? undefined : `succession: ${reason}`;
}
