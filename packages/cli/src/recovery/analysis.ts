/**
 * What the disks of a dead service lead to: the head that the rule adopts, the log up to it verified from genesis, the state after it.
 * spec/recovery.md, lines 10-18 and 30-32.
 */
import { readFileSync } from 'node:fs';
import { adopt, type Adoption, type AuditReport, type Disk, type Shortage, shortageOf, voidedBy } from '@coppice/audit';
import { nodeCryptography } from '@coppice/cryptography';
import { seatedIn } from '@coppice/execution';
import { constitutionMap } from '@coppice/governance';
import { verifyReceipt } from '@coppice/ledger';
import { type InheritedLog, replayLog } from '@coppice/node';
import {
  type Digest,
  fromHex,
  headerDigest,
  headersInherited,
  type Inheritance,
  type Predecessor,
  sameBytes,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import { auditRecords } from '../commands/verify.ts';
import { counted } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { diskFolders, type GivenDisk, readGivenDisk, recordsUpTo, type Source } from './disks.ts';
import type { KeyOpener } from './shares.ts';
import { forkShown } from './siblings.ts';

export interface RecoveryInput {
  /** Instances' folders, or folders of such. */
  readonly from: readonly string[];
  /** The service; else the newest that all disks are of. */
  readonly service: Digest | undefined;
  /** Finds keys of what is encrypted. */
  readonly open: KeyOpener;
  /** Files of receipts that members or clients hold. */
  readonly receipts: readonly string[];
  /** Checkpoints that members noted: SEQUENCE:ROOT. */
  readonly pinned: readonly string[];
}

export interface Analysis {
  readonly given: readonly GivenDisk[];
  readonly adoption: Adoption;
  /** The disk that the log is taken from. */
  readonly source: Source;
  readonly shortage: Shortage | undefined;
  readonly log: InheritedLog;
  readonly audit: AuditReport;
  readonly receipts: number;
}

export async function analyse(input: RecoveryInput, onStep: (step: string) => void): Promise<Analysis> {
  const given: GivenDisk[] = [];
  for (const folder of diskFolders(input.from)) given.push(await readGivenDisk(folder, input.open));
  const disks = given.flatMap(({ disk }) => disk ?? []);
  const shut = given.find((one) => one.disk === undefined && one.shut === true);
  if (disks.length === 0 && shut !== undefined)
    throw new UserError(
      `${shut.folder} is encrypted: name the key file of an auditor with --key, or shares that members released with --share (coppice member share request asks for them)`,
    );
  if (disks.length === 0 && given.length > 0)
    throw new UserError(
      `no disk can be read:\n${given.map((one) => `  ${one.folder}: ${one.disk === undefined ? one.reason : ''}`).join('\n')}`,
    );
  if (given.length === 0)
    throw new UserError(`there is no instance’s folder, which has a folder ledger, in ${input.from.join(', ')}`);
  const adoption = adopt(nodeCryptography, input.service ?? serviceOf(disks), disks);
  if (typeof adoption === 'string') throw new UserError(`nothing can be recovered: ${adoption}`);
  const { head } = adoption;
  const { sequence } = head.header;
  onStep(`${counted(disks.length, 'disk')} read, up to batch ${sequence} of epoch ${head.header.epoch}`);

  const source = given.find((one) => one.disk === adoption.source) as Source;
  const receipts = checkKnown(adoption, input);
  const { service } = adoption;
  const audit = await auditRecords(recordsUpTo(source, sequence), service);
  if (!audit.ok) {
    const { code, message, sequence: at } = audit.firstProblem!;
    throw new UserError(`the log up to batch ${sequence} does not hold: ${code} at batch ${at}: ${message}`);
  }
  // A disk that is somebody else's can be read as one thing now, and as another then.
  if (!sameBytes(audit.service!, service)) throw new UserError('the log is of another service than its disk');
  onStep(`verified from genesis: ${audit.batches + audit.uncertifiedTail} batches, ${audit.transactions} transactions`);
  const log = await replayLog(recordsUpTo(source, sequence), sequence, { service });
  if (!sameBytes(log.tree.root(), head.root)) throw new UserError('the log has another root than its head');

  // The head ends the epoch: as many disks of the next one are needed, which its execution names.
  const shortage =
    adoption.shortage ?? (adoption.closes ? shortageOf(adoption.verdicts, seatedIn(log.state.view())) : undefined);
  return { given, adoption, source, shortage, log, audit, receipts };
}

/** What a successor's genesis says of the log, and shows beside it. */
export function successionOf({ adoption, log }: Analysis): { predecessor: Predecessor; inheritance: Inheritance } {
  const { certificate, header, root } = adoption.head;
  const size = Math.max(0, header.sequence - headersInherited);
  const recent = Array.from({ length: header.sequence - size }, (_, i) => log.tree.leaf(size + i)!);
  const standing = log.checkpoint && {
    certificate: log.checkpoint.certificate,
    constitution: log.checkpoint.snapshot.view.get(constitutionMap, '')!,
    proof: log.checkpoint.snapshot.prove(constitutionMap, ''),
  };
  return {
    predecessor: {
      service: adoption.service,
      header,
      certificate,
      ledgerRoot: root,
      stateDigest: log.state.digest(),
    },
    inheritance: { peaks: log.tree.frontier(size), recent, standing },
  };
}

/** The service of the disks, if all that can be read are of one; ancestors of it count as it. */
function serviceOf(disks: readonly Disk[]): Digest {
  const before = new Set(
    disks.flatMap(({ documents }) =>
      documents.flatMap(({ genesis }) => toHex(genesis.predecessor?.service ?? new Uint8Array(0))),
    ),
  );
  const newest = new Set(disks.map(({ service }) => toHex(service)).filter((service) => !before.has(service)));
  if (newest.size !== 1)
    throw new UserError(
      newest.size === 0
        ? 'there is no disk that can be read'
        : 'the disks are of different services: name one with --service',
    );
  return fromHex([...newest][0]!)!;
}

/** Throws where a receipt or a pinned checkpoint does not agree with the log that was adopted. Line 15. */
function checkKnown(adoption: Adoption, { pinned, receipts }: RecoveryInput): number {
  const services = adoption.source.documents.map(({ genesis }) => serviceDigest(nodeCryptography, genesis));
  for (const file of receipts) {
    const bytes = new Uint8Array(readFileSync(file));
    const receipt = bytes[0] === 0x7b ? new TextDecoder().decode(bytes) : bytes;
    const verdicts = services.map((service) => verifyReceipt(nodeCryptography, receipt, { service }));
    const verdict = verdicts.find(({ ok }) => ok) ?? verdicts.at(-1)!;
    const fork = verdict.ok ? undefined : forkShown(services, receipt);
    if (fork !== undefined) throw new UserError(`FORK, by the receipt ${file}: ${fork}`);
    if (!verdict.ok)
      throw new UserError(`${file} is not a receipt of the service: ${verdict.check}: ${verdict.reason}`);
    const { header } = verdict.facts;
    const known = { sequence: header.sequence, headerDigest: headerDigest(nodeCryptography, header) };
    const reason = voidedBy(adoption, known);
    if (reason !== undefined) throw new UserError(`VOID, by the receipt ${file}: ${reason}`);
  }
  for (const text of pinned) {
    const [, digits, hex] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
    if (digits === undefined || hex === undefined) throw new UserError(`${text} is not of the form SEQUENCE:ROOT`);
    const reason = voidedBy(adoption, { sequence: Number(digits), ledgerRoot: fromHex(hex)! });
    if (reason !== undefined) throw new UserError(`VOID, by the checkpoint ${text}: ${reason}`);
  }
  return receipts.length + pinned.length;
}
