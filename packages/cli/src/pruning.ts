/**
 * Disks of instances that no recovery can need any more, which are removed once what they prove is elsewhere. spec/recovery.md, lines 70-77.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Disk, readDisk } from '@coppice/audit';
import { nodeCryptography } from '@coppice/cryptography';
import {
  historyFolders,
  openKeyFiles,
  partialHistory,
  readDataFolder,
  readSealedFolder,
  writersOf,
} from '@coppice/node';
import { archiveOf, removeArchive, syncFolderNow } from '@coppice/storage';
import { type Configuration, type Digest, quorumOf, sameBytes, serviceDigest, toHex } from '@coppice/wire';
import { fleetStatus, type FleetStatus } from './commands/status.ts';
import { connect } from './connect.ts';
import { keepPublicLog, type PublicLogReport } from './public-log-file.ts';
import { diskFolders, launchOf, runs } from './recovery/disks.ts';
import { auditorKeys, UserError } from './service-folder.ts';

export interface PruneOptions {
  /** Of the service. */
  readonly folder: string;
  /** The file of the public part; default: `public.ledger` in the folder. */
  readonly proofs?: string;
  /** Key files of auditors. */
  readonly key?: readonly string[];
  /** Only say what would be removed. */
  readonly dryRun: boolean;
}

export interface Pruned {
  /** With bytes of their files, archives included. */
  readonly removed: readonly { readonly folder: string; readonly bytes: number }[];
  /** Of instances that neither run nor sit. */
  readonly kept: readonly { readonly folder: string; readonly reason: string }[];
  /** `null`: nothing was to be removed. */
  readonly proofs: (PublicLogReport & { readonly file: string }) | null;
}

/** Beside `instances/`: what is in it is about to be removed, and no recovery looks there. */
const trash = 'removed';

/** What a seated instance shows of the log: a checkpoint, and the epoch of its certificate where its disk is here and was read. */
interface Witness {
  readonly sequence: number;
  readonly epoch: number | undefined;
}

/** The epoch in which an instance sat last, and in which service, hexadecimal. */
type Seats = Map<string, { readonly service: string; readonly epoch: number }>;

interface Standing {
  readonly service: Digest;
  readonly configuration: Configuration;
  readonly fleet: FleetStatus;
}

/** Removes what may be removed. Throws UserError where nothing can be judged. */
export async function prune(options: PruneOptions): Promise<Pruned> {
  const folder = resolve(options.folder);
  const { dryRun, key, proofs: file = join(folder, 'public.ledger') } = options;
  if (!dryRun) for (const name of namesIn(join(folder, trash))) empty(join(folder, trash, name));
  const standing = await standingOf(folder);
  const { configuration, service } = standing;
  const seated = new Set(configuration.seats.map(({ instance }) => toHex(instance)));
  const disks = diskFolders([folder]);
  const ended = disks.filter((disk) => ending(disk, seated));
  if (ended.length === 0) return { removed: [], kept: [], proofs: null };

  const { source, witnesses } = await witnessesOf(disks, standing, key);
  if (source === undefined)
    throw new UserError(
      'nothing is removed: no disk of a seated instance here has a whole log, and a checkpoint of this service',
    );
  const seats: Seats = new Map();
  let of = '';
  const seat = ({ epoch, seats: all }: Configuration): void => {
    for (const { instance } of all) seats.set(toHex(instance), { service: of, epoch });
  };
  const proofs = await keepPublicLog(file, recordsOf(source.folder, key), {
    dry: dryRun,
    onRecord(record) {
      if (record.kind === 'genesis') {
        of = toHex(serviceDigest(nodeCryptography, record.document.genesis));
        seat(record.document.genesis.configuration);
      } else if (record.kind === 'epoch') seat(record.certificate.next);
    },
  });
  if (proofs.service !== toHex(service) || proofs.epochs <= configuration.epoch)
    throw new UserError('nothing is removed: the log that is here does not go up to the present epoch yet');

  const removed: { folder: string; bytes: number }[] = [];
  const kept: { folder: string; reason: string }[] = [];
  for (const disk of ended) {
    const rest = disks.filter((other) => other !== disk);
    const reason =
      whyShared(disk, rest) ??
      whyOpen(disk, standing) ??
      whyNeeded(disk, { proofs, seats, standing, witnesses }) ??
      (await whyUnknown(disk, seats, service, source.disk, key));
    if (reason !== undefined) {
      kept.push({ folder: disk, reason });
      continue;
    }
    // Asked once more, and last. [71]
    if (!ending(disk, seated)) continue;
    removed.push({ folder: disk, bytes: bytesOf(disk) });
    if (!dryRun) remove(folder, disk);
  }
  return { removed, kept, proofs: { ...proofs, file } };
}

/** What replicas say, and the chain of epochs proves. */
async function standingOf(folder: string): Promise<Standing> {
  const client = await connect({ folder });
  try {
    const fleet = await fleetStatus(client);
    const { configuration, service } = client.chain;
    return { service, configuration, fleet };
  } finally {
    client.close();
  }
}

function ending(disk: string, seated: ReadonlySet<string>): boolean {
  const launched = launchOf(disk);
  return !runs(launched) && !(launched.instance !== undefined && seated.has(launched.instance));
}

/** What the seated instances that answer have of the log, on disks that are here, or say so. [73] */
async function witnessesOf(
  disks: readonly string[],
  { configuration, fleet, service }: Standing,
  key: readonly string[] | undefined,
): Promise<{ witnesses: Witness[]; source: { folder: string; disk: Disk } | undefined }> {
  const witnesses: Witness[] = [];
  let source: { folder: string; disk: Disk } | undefined;
  for (const { instance, slot } of configuration.seats) {
    const status = fleet.replicas[slot];
    if (status?.instance !== toHex(instance)) continue;
    const folder = disks.find((disk) => launchOf(disk).instance === status.instance);
    if (folder !== undefined && !wroteIt(folder, status.instance)) continue;
    if (folder === undefined) {
      witnesses.push({ sequence: status.stable, epoch: undefined });
      continue;
    }
    const disk = await diskOf(folder, key);
    if (disk?.checkpoint === undefined || !sameBytes(disk.service, service)) continue;
    if (disk.end !== 'clean' && disk.end !== 'torn') continue;
    witnesses.push(disk.checkpoint);
    if (source === undefined || disk.certain > source.disk.certain) source = { folder, disk };
  }
  return { witnesses, source };
}

/** As far as its files say who did: those that are encrypted do. */
function wroteIt(disk: string, instance: string): boolean {
  try {
    return [...writersOf(join(disk, 'ledger'))].every((writer) => writer === undefined || writer === instance);
  } catch {
    return false;
  }
}

async function diskOf(folder: string, key: readonly string[] | undefined): Promise<Disk | undefined> {
  const keys = await openKeyFiles(folder, auditorKeys(folder, key));
  const { instance } = launchOf(folder);
  return readDisk(nodeCryptography, readDataFolder(folder, { keys }), { name: basename(folder), instance });
}

async function* recordsOf(
  folder: string,
  key: readonly string[] | undefined,
): AsyncGenerator<{ readonly type: number; readonly payload: Uint8Array }> {
  for await (const item of readSealedFolder(folder, auditorKeys(folder, key))) {
    if (item.kind !== 'record') return;
    yield item.record;
  }
}

/** Its turn may still seat it, as far as anybody says, or it was launched and has not said who it is. [71] */
function whyOpen(disk: string, { fleet, service }: Standing): string | undefined {
  const { instance } = launchOf(disk);
  if (instance === undefined || !existsSync(join(disk, 'process.json')))
    return 'whose disk it is, and whether that runs, its host did not note';
  if (!wroteIt(disk, instance)) return 'another instance wrote it than its host noted, or it cannot be read';
  const launch = launchDataOf(disk);
  const open = fleet.replicas.some(
    (status) => status?.turn?.turn === launch.turn || status?.turn?.candidate === instance,
  );
  return open && launch.service === toHex(service) ? 'its turn is open' : undefined;
}

interface Known {
  readonly seats: Seats;
  readonly standing: Standing;
  readonly witnesses: readonly Witness[];
  readonly proofs: PublicLogReport;
}

/** A quorum does not have a checkpoint yet of an epoch in which it does not sit. [72, 73, 75] */
function whyNeeded(disk: string, { proofs, seats, standing, witnesses }: Known): string | undefined {
  const { configuration, service } = standing;
  const last = seats.get(launchOf(disk).instance!);
  const epoch = last?.service === toHex(service) ? last.epoch : -1;
  const own = witnesses.filter((one) => one.epoch !== undefined && one.epoch > epoch);
  const checkpoint = Math.min(...own.map(({ sequence }) => sequence));
  const others = witnesses.filter((one) => one.epoch === undefined && one.sequence >= checkpoint);
  const [have, needed] = [own.length + (own.length === 0 ? 0 : others.length), quorumOf(configuration.slots)];
  const when = epoch === -1 ? 'of this service' : `of an epoch after ${epoch}, in which it sat`;
  if (have < needed) return `a checkpoint ${when}, is on ${have} disks of seated instances, and ${needed} are needed`;
  return proofs.batches < checkpoint ? `the public part ends before batch ${checkpoint}` : undefined;
}

/** What is on a disk that is not of this service is only known once it is read. [74] */
async function whyUnknown(
  disk: string,
  seats: Seats,
  service: Digest,
  log: Disk,
  key: readonly string[] | undefined,
): Promise<string | undefined> {
  const last = seats.get(launchOf(disk).instance!);
  const own = toHex(service);
  const launch = launchDataOf(disk);
  if (last === undefined ? launch.turn > 0 && launch.service === own : last.service === own) return undefined;
  let read: Disk | undefined;
  try {
    read = await diskOf(disk, key);
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (read === undefined) return 'it is of an earlier service, or of none, and cannot be read';
  if (read.end !== 'clean' && read.end !== 'torn')
    return `it is of an earlier service, and not all of it can be read: ${read.problem}`;
  const of = (one: Disk): Digest[] => one.documents.map(({ genesis }) => serviceDigest(nodeCryptography, genesis));
  if (!of(log).some((one) => sameBytes(one, read.service))) return 'it is of another service';
  // A commit certificate is written after what it certifies was acknowledged: what was prepared may have been.
  const known = [{ sequence: read.certain, root: read.rootAt(read.certain) }];
  if (read.best !== undefined) known.push({ sequence: read.best.header.sequence, root: read.best.root });
  const lost = known.find(({ root, sequence }) => sequence > log.length || !sameBytes(log.rootAt(sequence), root));
  return (
    lost &&
    `batch ${lost.sequence} may have been acknowledged, and the log that the service goes on with does not have it`
  );
}

/** Copies of a folder name the archive of the one that they are copies of. */
function whyShared(disk: string, others: readonly string[]): string | undefined {
  const own = archivesOf(disk);
  const away = own.find((archive) => !existsSync(archive));
  if (away !== undefined) return `its archive ${away} is not there now`;
  const other = others.find((one) => archivesOf(one).some((archive) => own.includes(archive)));
  return other && `${other} has its archive in the same place`;
}

function launchDataOf(disk: string): { readonly service: string; readonly turn: number } {
  try {
    const { launch } = JSON.parse(readFileSync(join(disk, 'settings.json'), 'utf8')) as {
      launch: { service: unknown; turn: unknown };
    };
    return { service: String(launch.service), turn: Number(launch.turn) };
  } catch {
    return { service: '', turn: 0 };
  }
}

const ledgersOf = (disk: string): string[] =>
  [join(disk, 'ledger'), ...historyFolders(disk).map(({ folder }) => folder), partialHistory(disk)].filter((ledger) =>
    existsSync(ledger),
  );

const archivesOf = (disk: string): string[] => ledgersOf(disk).flatMap((ledger) => archiveOf(ledger) ?? []);

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function bytesOf(disk: string): number {
  const files = [disk, ...archivesOf(disk)].flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))),
  );
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Under another name it is no disk any more, whatever of it is still there after a crash. [76] */
function remove(folder: string, disk: string): void {
  mkdirSync(join(folder, trash), { recursive: true });
  let target = join(folder, trash, basename(disk));
  for (let i = 2; existsSync(target); i++) target = join(folder, trash, `${basename(disk)}-${i}`);
  renameSync(disk, target);
  syncFolderNow(join(folder, trash));
  syncFolderNow(dirname(disk));
  empty(target);
}

function empty(disk: string): void {
  for (const ledger of ledgersOf(disk)) {
    const archive = archiveOf(ledger);
    removeArchive(ledger);
    // Folders that were made for this instance.
    const made = new Set(['history', basename(disk)]);
    for (let parent = archive && dirname(archive); parent && made.has(basename(parent)); parent = dirname(parent))
      if (namesIn(parent).length === 0 && existsSync(parent)) rmdirSync(parent);
  }
  rmSync(disk, { recursive: true, force: true });
}

const intervalMs = 60_000;
/** Where something is kept, and still is: whole logs are read each time. */
const keptIntervalMs = 600_000;

/** Does so again and again, until it is aborted. */
export async function keepPruning(
  options: Omit<PruneOptions, 'dryRun'>,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  let said = '';
  const sayOnce = (line: string): void => {
    if (line !== said && line !== '') say(line);
    said = line;
  };
  while (!signal.aborted) {
    let next = intervalMs;
    try {
      const { kept, removed } = await prune({ ...options, dryRun: false });
      for (const { folder } of removed) say(`${basename(folder)}: removed; what it proves is kept`);
      if (kept.length > 0 && removed.length === 0) next = keptIntervalMs;
      sayOnce(kept.map(({ folder, reason }) => `${basename(folder)}: kept: ${reason}`).join('\n'));
    } catch (error) {
      sayOnce(`nothing was pruned: ${error instanceof Error ? error.message : String(error)}`);
    }
    await pause(next, undefined, { signal }).catch(() => undefined);
  }
}
