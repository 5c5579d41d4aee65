/**
 * `coppice recover`: from the disks of a service whose quorum is gone to one that goes on with its log. spec/recovery.md.
 */
import { resolve } from 'node:path';
import { nodeCryptography } from '@coppice/cryptography';
import { thresholdOf, verifyUnsigned } from '@coppice/governance';
import { signedBy, type Succession } from '@coppice/host';
import { encode, fromHex, predecessorCodec, toHex } from '@coppice/wire';
import { driverOf } from '../local-driver.ts';
import type { Output } from '../output.ts';
import { type Analysis, analyse, successionOf } from '../recovery/analysis.ts';
import { recordsUpTo } from '../recovery/disks.ts';
import { complete, failure, finish, type Founding, noteFounding, settle, undoing } from '../recovery/founding.ts';
import { historyProvider } from '../recovery/history.ts';
import { launch, type LaunchOptions, signersIn } from '../recovery/launching.ts';
import { describe, tell } from '../recovery/report.ts';
import { type KeyOpener, keyOpener } from '../recovery/shares.ts';
import { objectToOthers, objectToUnrelated } from '../recovery/siblings.ts';
import { noteSigned } from '../recovery/signed.ts';
import { auditorKeyFiles, readAuditorKey, readKey, ServiceFolder, UserError } from '../service-folder.ts';
import { draftLines, readSignature, requireNewDraft, signatureOf, writeDraft } from '../succession-file.ts';
import { readReleased } from './shares.ts';

export interface RecoverOptions extends LaunchOptions {
  readonly folder: string;
  readonly from?: readonly string[];
  readonly service?: string;
  readonly receipts?: readonly string[];
  readonly pinned?: readonly string[];
  readonly key?: readonly string[];
  /** Files of shares that members released, and the key file of whom they were released to. */
  readonly share?: readonly string[];
  readonly shareKey?: string;
  readonly acceptLoss: boolean;
  /** Say what would be recovered, and found nothing. */
  readonly check: boolean;
  /** Launch founders, and write there what members have to sign. */
  readonly draft?: string;
  /** What members signed of it. */
  readonly signed?: readonly string[];
  /** Found a successor although there is another one already. */
  readonly another?: boolean;
}

/** Of `--check`: what would be lost cannot be ruled out. docs/reference/cli.md. */
const incompleteStatus = 6;

export async function recover(options: RecoverOptions, output: Output): Promise<void> {
  const { another = false, check, draft, signed } = options;
  const folder = new ServiceFolder(resolve(options.folder));
  if ([check, draft !== undefined, signed !== undefined].filter(Boolean).length > 1)
    throw new UserError('--check, --draft and --signed are for one step each: name one of them');
  if (options.from === undefined && !folder.founded)
    throw new UserError(`there is no service in ${folder.path}: name the disks with --from`);
  const say = (step: string): void => output.say(step);
  if (check) {
    const analysis = await examine(folder, options, say);
    if (!another) objectToOthers(analysis, undefined);
    if (analysis.shortage !== undefined) process.exitCode = incompleteStatus;
    return output.answer(describe(analysis), tell(analysis));
  }

  const lock = folder.lock();
  try {
    await goOn(folder, options, output);
  } finally {
    lock.release();
  }
}

/** Founds the successor, or goes on with one that is being founded; nobody else does so in this folder. */
async function goOn(folder: ServiceFolder, options: RecoverOptions, output: Output): Promise<void> {
  const { acceptLoss, another = false, draft, signed } = options;
  const say = (step: string): void => output.say(step);
  const driver = driverOf(folder.path, options.driver === undefined ? {} : { driver: options.driver });
  const left = await settle(folder, driver, {
    another,
    drafts: (draft ?? signed) !== undefined,
    service: options.service,
  });
  if (left?.stage === 'given') {
    say(`an earlier run was cut short when the founders of ${left.file.service} had been given the log: it goes on`);
    await finish(folder, driver, left);
    return answer(left, {}, folder, output);
  }
  if (signed !== undefined && left === undefined)
    throw new UserError('nothing waits for signatures here, or its founders ended: --draft FILE makes a new draft');
  if (draft !== undefined) {
    if (left !== undefined) return drafted(folder, left, draft, output);
    requireNewDraft(draft);
  }

  const analysis = await examine(folder, options, say);
  objectToUnrelated(analysis, folder);
  if (!another) objectToOthers(analysis, folder);
  const document = describe(analysis);
  for (const line of tell(analysis)) say(line);
  if (analysis.shortage !== undefined && !acceptLoss)
    throw new UserError('not recovered: members may accept the loss with --accept-loss');

  if (signed !== undefined) {
    const founding = withSignatures(left!, analysis, signed);
    await handingOver(analysis, folder, (provide) => complete(folder, driver, founding, provide));
    return answer(founding, document, folder, output);
  }
  const signers = draft === undefined ? signersIn(folder, analysis, another) : [];
  const { driver: launching, founding: launched } = await launch(folder, analysis, options, say);
  const founding = await undoing(folder, launching, launched, (): Founding => {
    const stage = draft === undefined ? 'launched' : 'drafted';
    noteFounding(folder, { ...launched, stage });
    for (const file of signers) noteSigned(file, launched.document, another);
    if (draft !== undefined) return { ...launched, stage };
    const signatures = signers.map((file) => signatureOf(readKey(file), launched.document));
    return { ...launched, document: signedBy(nodeCryptography, launched.document, signatures) };
  });
  if (draft !== undefined) return drafted(folder, founding, draft, output);
  say(`genesis signed by ${signers.length} members`);
  await handingOver(analysis, folder, (provide) => complete(folder, launching, founding, provide));
  answer(founding, document, folder, output);
}

/** What the disks lead to. */
function examine(folder: ServiceFolder, options: RecoverOptions, say: (line: string) => void): Promise<Analysis> {
  return analyse(
    {
      from: options.from ?? [folder.path],
      service: serviceNamed(folder, options),
      open: openerOf(options, say),
      receipts: options.receipts ?? [],
      pinned: options.pinned ?? [],
    },
    say,
  );
}

/** Writes what members sign, again if it is out already, and leaves the founders waiting. */
function drafted(folder: ServiceFolder, founding: Founding, draft: string, output: Output): void {
  writeDraft(draft, founding.document);
  const verified = verifyUnsigned(nodeCryptography, founding.document);
  if (!verified.ok) throw new UserError(`the draft does not hold: ${verified.check}: ${verified.reason}`);
  const needed = thresholdOf(verified.constitution, 'genesis');
  output.answer({ ok: true, draft, successor: founding.file.service, needed, instances: founding.instances }, [
    ...draftLines(founding.document, verified),
    `${founding.instances.length} founders wait: they must run until then`,
    `${needed} members sign, each on its machine: coppice member sign ${draft} --member-key FILE --out SIGNED`,
    `then, with the same --from: coppice recover --signed SIGNED… --folder ${folder.path}`,
  ]);
}

/** With what members signed: enough of them, and of what these disks lead to. Throws UserError. */
function withSignatures(founding: Founding, analysis: Analysis, files: readonly string[]): Founding {
  const { document } = founding;
  const [drafted, found] = [document.genesis.predecessor!, successionOf(analysis).predecessor].map((one) =>
    toHex(encode(predecessorCodec, one)),
  );
  if (drafted !== found)
    throw new UserError('these disks do not lead to what members were shown: name those that the draft was made of');
  const signatures = files.map((file) => readSignature(file, document));
  const signers = new Map(signatures.map((one) => [toHex(one.member), one]));
  try {
    return { ...founding, document: signedBy(nodeCryptography, document, [...signers.values()]) };
  } catch (error) {
    throw failure(error);
  }
}

/** Writes the log for founders, once, and removes it afterwards. */
async function handingOver(
  { adoption, log, source }: Analysis,
  { path }: ServiceFolder,
  act: (provide: Succession['provide']) => Promise<void>,
): Promise<void> {
  const last = adoption.head.header.sequence;
  const history = historyProvider(path, log.constitution, () => recordsUpTo(source, last));
  try {
    await act(history.provide);
  } finally {
    history.clean();
  }
}

function answer(
  { document, file, instances }: Founding,
  found: Record<string, unknown>,
  { path }: ServiceFolder,
  output: Output,
): void {
  output.answer({ ...found, successor: file.service, instances }, [
    `service ${file.service} goes on from batch ${document.genesis.predecessor!.header.sequence}`,
    `next: npx coppice host --folder ${path}   launches what turns ask for (leave it running)`,
    'clients that know the old service find it by their proof of succession, at the new addresses',
  ]);
}

/** What opens the disks: keys of auditors, and shares of enough members. */
function openerOf({ folder, key, share, shareKey }: RecoverOptions, say: (line: string) => void): KeyOpener {
  const readers = (key ?? auditorKeyFiles(folder)).map((file) => readAuditorKey(file).privateKey);
  if (share === undefined) return keyOpener(readers, [], undefined, say);
  if (shareKey === undefined)
    throw new UserError('--share needs --share-key: the key file of whom the shares were released to');
  return keyOpener(readers, readReleased(share), readAuditorKey(shareKey), say);
}

function serviceNamed(folder: ServiceFolder, { from, service }: RecoverOptions): Uint8Array | undefined {
  if (service === undefined) return from === undefined ? fromHex(folder.readService().service) : undefined;
  const digest = fromHex(service);
  if (digest?.length !== 32) throw new UserError('--service must be the service digest: 64 hexadecimal digits');
  return digest;
}
