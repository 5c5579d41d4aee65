/**
 * The successor that is being founded in a folder, from the launch of its founders until it runs: what is noted of it, so that whoever is
 * interrupted can go on, and never leaves two. spec/recovery.md, lines 37 and 38.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCryptography } from '@coppice/cryptography';
import {
  beginSuccessor,
  type Driver,
  handOver,
  ProcessDriver,
  type RunningInstance,
  type Succession,
} from '@coppice/host';
import { writeFileAtomic } from '@coppice/storage';
import {
  decode,
  encode,
  encodeUtf8,
  fromHex,
  type GenesisDocument,
  genesisDocumentCodec,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import { end, requireNothingRuns, runningOf } from '../local-driver.ts';
import { type ServiceFile, type ServiceFolder, UserError } from '../service-folder.ts';
import { forgetSigned } from './signed.ts';

export interface Founding {
  /** Launched; then drafted for members elsewhere, or not; then signed, and given to the founders: from there on they may run. */
  readonly stage: 'launched' | 'drafted' | 'given';
  /** With the signatures, once it is given. */
  readonly document: GenesisDocument;
  readonly instances: readonly RunningInstance[];
  /** As it will be written. */
  readonly file: ServiceFile;
}

const fileName = 'founding.json';

export function noteFounding({ path }: ServiceFolder, { document, ...founding }: Founding): void {
  const json = { ...founding, document: toHex(encode(genesisDocumentCodec, document)) };
  writeFileAtomic(join(path, fileName), encodeUtf8(`${JSON.stringify(json, undefined, 2)}\n`)!);
}

export function readFounding({ path }: ServiceFolder): Founding | undefined {
  const file = join(path, fileName);
  if (!existsSync(file)) return undefined;
  const { document: hex, ...founding } = JSON.parse(readFileSync(file, 'utf8')) as Founding & { document: string };
  const document = decode(genesisDocumentCodec, fromHex(hex) ?? new Uint8Array(0));
  if (!document.ok) throw new UserError(`${file} cannot be read`);
  return { ...founding, document: document.value };
}

/** Ends its founders, and forgets it, and that members signed it: it is to be no service. */
async function giveUp(folder: ServiceFolder, driver: Driver, founding: Founding): Promise<void> {
  await endFounders(driver, founding);
  for (const name of folder.keys('members')) forgetSigned(folder.keyFile('members', name), founding.file.service);
  rmSync(join(folder.path, fileName), { force: true });
}

/** Gives up what is being founded here, and cannot have run. Founders who were given what members signed are a service, as far as anybody knows. */
export async function abandon(folder: ServiceFolder, driver: Driver): Promise<Founding | undefined> {
  const founding = readFounding(folder);
  if (founding === undefined || founding.stage === 'given') return undefined;
  await giveUp(folder, driver, founding);
  return founding;
}

async function endFounders(driver: Driver, { file, instances }: Founding): Promise<void> {
  if (driver instanceof ProcessDriver && instances.some(({ pid }) => pid === 0))
    throw new UserError(
      `an operator's command launched the founders of ${file.service}, and ends them: --driver names it`,
    );
  const running = driver.running();
  await end(
    driver,
    instances.filter((one) => running.some(({ instance }) => instance === one.instance)),
  );
}

/**
 * What an earlier run left: the founding to go on with, if it can be gone on with, and is not to be replaced. What never had a signed
 * document is ended, where no draft of it is out; and what may have run, if it is the `service` that is to be recovered. Throws where
 * something runs, or may have run, that the next one would be a second of.
 */
export async function settle(
  folder: ServiceFolder,
  driver: Driver,
  {
    another,
    drafts,
    service,
  }: { readonly another: boolean; readonly drafts: boolean; readonly service?: string | undefined },
): Promise<Founding | undefined> {
  const founding = readFounding(folder);
  if (founding !== undefined) {
    const { file, instances, stage } = founding;
    const ended = instances.length - (await runningOf(driver, instances)).length;
    const published = folder.founded && folder.readService().service === file.service;
    if (ended === 0 && (stage === 'given' || (stage === 'drafted' && drafts && !another))) return founding;
    if (published) rmSync(join(folder.path, fileName), { force: true });
    else if (stage === 'given' && service === file.service) {
      await endFounders(driver, founding);
      rmSync(join(folder.path, fileName), { force: true });
    } else if (stage === 'given' && !another)
      throw new UserError(
        `the founding of ${file.service} was cut short when its founders had been given what members signed, and ${ended} of them ended since: it may have run. Recover it from its disks (--service ${file.service}), or, if nobody used it, --another gives it up`,
      );
    else if (stage === 'drafted' && ended === 0 && !another)
      throw new UserError(
        `a draft of ${file.service} waits for members' signatures: go on with --signed FILE…, or give it up: with --another for a new one, by coppice host stop for none`,
      );
    else await giveUp(folder, driver, founding);
  }
  await requireNothingRuns(driver);
  return undefined;
}

/** Gives founders the log and what members signed, and has them begin. Where they fail, they are ended. */
export async function complete(
  folder: ServiceFolder,
  driver: Driver,
  founding: Founding,
  provide: Succession['provide'],
): Promise<void> {
  const { document, file, instances } = founding;
  let given = false;
  try {
    await handOver(driver, { service: fromHex(file.service)!, document, instances }, provide);
    noteFounding(folder, { ...founding, stage: 'given' });
    given = true;
    await begin(founding);
  } catch (error) {
    // Of a draft, what members signed is good for another try, as long as nobody has it.
    if (given || founding.stage === 'launched') await giveUp(folder, driver, founding);
    throw failure(error);
  }
  publish(folder, driver, founding);
}

/** Goes on with founders who have the log, and maybe what members signed. */
export async function finish(folder: ServiceFolder, driver: Driver, founding: Founding): Promise<void> {
  await begin(founding).catch((error: unknown) => {
    throw failure(error);
  });
  publish(folder, driver, founding);
}

/** As `complete` does, of what is done between launch and that. */
export async function undoing<T>(folder: ServiceFolder, driver: Driver, founding: Founding, act: () => T): Promise<T> {
  try {
    return act();
  } catch (error) {
    await giveUp(folder, driver, founding);
    throw failure(error);
  }
}

function begin({ document, file, instances }: Founding): Promise<void> {
  return beginSuccessor(nodeCryptography, { service: fromHex(file.service)!, document, instances });
}

function publish(folder: ServiceFolder, driver: Driver, { document, file, instances }: Founding): void {
  const before = folder.founded ? folder.readService().service : undefined;
  if (before !== undefined && before !== file.service) {
    const place = file.predecessors?.includes(before) === true ? 'predecessors' : 'given-up';
    const bytes = folder.read('genesis.bin');
    const there = decode(genesisDocumentCodec, bytes);
    // Whoever was cut short behind the next line has written it, and what is there is the successor's already.
    if (there.ok && toHex(serviceDigest(nodeCryptography, there.value.genesis)) === before)
      folder.write(`${place}/${before}.bin`, bytes);
  }
  folder.write('genesis.bin', encode(genesisDocumentCodec, document));
  folder.writeService(file);
  // Whatever else is on record is of the service that was lost.
  for (const one of driver.running())
    if (!instances.some(({ instance }) => instance === one.instance)) driver.forget(one);
  rmSync(join(folder.path, fileName), { force: true });
}

export function failure(error: unknown): unknown {
  if (error instanceof UserError || !(error instanceof Error)) return error;
  return new UserError(`the service was not recovered: ${error.message}`);
}
