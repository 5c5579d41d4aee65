/**
 * `coppice genesis`, `host` and `dev`: services whose replicas are processes of this machine.
 */
import { existsSync, mkdtempSync, rmSync, watch as watchFile } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { cryptographyNames, type HostEvent } from '@coppice/host';
import { bundleService, scriptsOf } from '@coppice/release';
import { faultsTolerated, toHex } from '@coppice/wire';
import { keepArchiving } from '../archiving.ts';
import { driverOf, end } from '../local-driver.ts';
import { parseLocalPlatforms } from '../local-platforms.ts';
import { parseCryptography, parseLocalRuntimes } from '../local-runtimes.ts';
import { LocalService } from '../local-service.ts';
import { duration, type Output } from '../output.ts';
import { keepPruning } from '../pruning.ts';
import { abandon, readFounding } from '../recovery/founding.ts';
import { ServiceFolder, UserError } from '../service-folder.ts';

export interface GenesisOptions {
  readonly folder: string;
  readonly slots: number;
  readonly members: number;
  readonly recoveryThreshold?: number;
  readonly stateCache?: number;
  readonly recoveryPeriod: number;
  readonly name?: string;
  readonly platform?: readonly string[];
  readonly runtimes?: string;
  readonly cryptography?: string;
  readonly release?: string;
  readonly variant?: readonly string[];
}

export async function genesis(serviceFile: string, options: GenesisOptions, output: Output): Promise<void> {
  requireFile(serviceFile);
  const recoveryPeriodMs = options.recoveryPeriod * 1000;
  const local = await LocalService.found(options.folder, {
    serviceFile,
    name: options.name ?? nameOf(serviceFile),
    slots: options.slots,
    members: options.members,
    ...(options.recoveryThreshold === undefined ? {} : { recoveryThreshold: options.recoveryThreshold }),
    ...(options.stateCache === undefined ? {} : { stateCacheBytes: options.stateCache * 1024 * 1024 }),
    platforms: parseLocalPlatforms(options.platform ?? []),
    runtimes: parseLocalRuntimes(options.runtimes),
    cryptography: parseCryptography(options.cryptography, cryptographyNames),
    seeds: options.variant ?? [],
    ...(options.release === undefined ? {} : { release: options.release }),
    policy: { recoveryPeriodMs, ...pace(options.slots, recoveryPeriodMs) },
    onStep: (step) => output.say(step),
  });
  const running = local.driver.running();
  output.answer({ service: local.service, release: local.release, folder: options.folder, instances: running }, [
    `service ${toHex(local.service)}`,
    `${running.length} replicas run in the background; their files are in ${options.folder}`,
    `next: npx coppice host --folder ${options.folder}   launches what turns ask for (leave it running)`,
    `      npx coppice status --folder ${options.folder}`,
  ]);
}

/**
 * A service that stays, and is idle for most of the time, fills its disks with a batch a second, as by a constitution that does not say; those
 * of tests and for development, which are there to be waited for, with five. A primary that is silent is replaced after three seconds.
 */
function pace(slots: number, recoveryPeriodMs: number): { heartbeatMs: number; viewTimeoutMs: number } {
  const turnDeadlineMs = Math.floor(Math.floor(recoveryPeriodMs / (slots + 1)) / 2);
  const heartbeatMs = Math.max(1, Math.min(1000, Math.floor(turnDeadlineMs / 8)));
  return { heartbeatMs, viewTimeoutMs: 2 * heartbeatMs };
}

export function eventLine(event: HostEvent): string {
  const what = `turn ${event.turn}, slot ${event.slot}`;
  switch (event.kind) {
    case 'launching':
      return `${what}: launching an instance`;
    case 'launched':
      return event.pid === 0 ? `${what}: an instance runs` : `${what}: process ${event.pid} runs`;
    case 'failed':
      return `${what}: not launched: ${event.reason}`;
    case 'destroyed':
      return `${what}: destroyed: ${event.reason}`;
  }
}

export async function host(
  options: {
    readonly folder: string;
    readonly driver?: readonly string[];
    readonly archive?: string;
    readonly prune: boolean;
  },
  output: Output,
): Promise<void> {
  const { archive, driver, folder, prune } = options;
  const local = LocalService.open(folder, driver === undefined ? {} : { driver });
  output.say(
    `hosting ${toHex(local.service)}: ${local.driver.running().length} replicas run. Ctrl-C ends the host, not the replicas.`,
  );
  local.startHost((event) => (output.json ? output.answer(event, []) : output.say(eventLine(event))));
  const ended = new AbortController();
  const say = (line: string): void => output.say(line);
  const archiving = archive && keepArchiving(folder, archive, ended.signal, say);
  const pruning = prune && keepPruning({ folder }, ended.signal, say);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  ended.abort();
  await Promise.all([archiving, pruning]);
  await local.stopHost();
  const left = local.driver.running().length;
  output.say(
    left === 0
      ? 'No replica runs any more.'
      : `${left} replicas go on; without a host no turn can be served, and slots are vacated when their terms end.`,
  );
  output.answer({ ended: true, running: left }, []);
}

interface StopOptions {
  readonly folder: string;
  readonly driver?: readonly string[];
  readonly slot?: readonly number[];
  readonly yes?: boolean;
}

/** Stops instances for good: an instance cannot be started again as itself. And founders, whose service is then not founded. */
export async function stop(options: StopOptions, output: Output): Promise<void> {
  const folder = new ServiceFolder(resolve(options.folder));
  if (!existsSync(join(folder.path, 'instances'))) folder.readService();
  const lock = folder.lock();
  try {
    await stopIn(folder, options, output);
  } finally {
    lock.release();
  }
}

async function stopIn(
  folder: ServiceFolder,
  { driver: command, slot, yes }: StopOptions,
  output: Output,
): Promise<void> {
  const driver = driverOf(folder.path, command === undefined ? {} : { driver: command });
  if (slot === undefined) driver.endStarting();
  const abandoned = slot === undefined ? await abandon(folder, driver) : undefined;
  if (abandoned !== undefined) output.say(`given up, and its founders ended: ${abandoned.file.service}`);
  const running = driver.running();
  const chosen = running.filter((instance) => slot === undefined || slot.includes(instance.slot));
  if (chosen.length === 0 && abandoned === undefined) throw new UserError('no such replica runs');
  // Without a service, what runs are founders whose launch was cut short.
  const { slots } = folder.founded ? folder.readService() : (readFounding(folder)?.file ?? { slots: undefined });
  const left = new Set(running.filter((instance) => !chosen.includes(instance)).map((instance) => instance.slot)).size;
  const ends = chosen.length > 0 && slots !== undefined && slots - left > faultsTolerated(slots);
  if (ends) {
    output.say(
      `This ends the service: ${slots - left} of ${slots} replicas would be gone, and it survives ${faultsTolerated(slots)}.`,
    );
    output.say(
      'A replica keeps its keys in memory only, so none of them can be started again as itself. The ledgers stay on disk: they can be audited, and members can found a service that goes on with them (coppice recover).',
    );
    if (yes !== true && !(await confirmed('End it?'))) throw new UserError('nothing was stopped');
  }
  await end(driver, chosen);
  for (const { pid, slot: of } of chosen) output.say(`stopped slot ${of}${pid === 0 ? '' : `, process ${pid}`}`);
  const stopped = [...(abandoned?.instances ?? []), ...chosen].map(({ slot: of, pid }) => ({ slot: of, pid }));
  output.answer({ stopped, serviceEnded: ends }, []);
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UserError('say --yes to do it without being asked');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** A service on four local replicas, founded anew whenever a save changes what it is bundled into. */
export async function dev(
  serviceFile: string,
  options: Omit<GenesisOptions, 'folder' | 'members' | 'name'> & { readonly folder?: string },
  output: Output,
): Promise<void> {
  requireFile(serviceFile);
  const root = options.folder ?? mkdtempSync(join(tmpdir(), 'coppice-dev-'));
  let generation = 0;
  let current: LocalService | undefined;
  const start = async (): Promise<void> => {
    if (current !== undefined) {
      if (await isOf(current, serviceFile)) return;
      output.say('saved: founding the service anew (its state begins empty)');
    }
    const began = performance.now();
    const folder = join(root, `run-${++generation}`);
    const next = await LocalService.found(folder, {
      serviceFile,
      name: nameOf(serviceFile),
      slots: options.slots,
      platforms: parseLocalPlatforms(options.platform ?? []),
      runtimes: parseLocalRuntimes(options.runtimes),
      cryptography: parseCryptography(options.cryptography, cryptographyNames),
      seeds: options.variant ?? [],
      policy: { recoveryPeriodMs: options.recoveryPeriod * 1000 },
    });
    next.startHost((event) => output.say(eventLine(event)));
    const before = current;
    current = next;
    await before?.destroy();
    output.say(
      `ready after ${duration(performance.now() - began)}: npx coppice invoke COMMAND INPUT --folder ${folder}`,
    );
  };
  await start();
  let timer: NodeJS.Timeout | undefined;
  let restarting = Promise.resolve();
  const watcher = watchFile(dirname(serviceFile), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      restarting = restarting
        .then(start)
        .catch((error: unknown) =>
          output.say(`not restarted: ${error instanceof Error ? error.message : String(error)}`),
        );
    }, 200);
  });
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    process.once('SIGHUP', resolve);
  });
  watcher.close();
  clearTimeout(timer);
  await restarting;
  output.say('stopping all replicas: a development service ends with its terminal');
  await current?.destroy();
  if (options.folder === undefined) rmSync(root, { recursive: true, force: true });
}

/** Whether a service executes what its module is now. The folder may hold more: a receipt that is written there ends nothing. */
async function isOf({ folder, release }: LocalService, serviceFile: string): Promise<boolean> {
  const { text } = await bundleService(serviceFile);
  return scriptsOf(folder.releases.find(release)!).at(-1)?.text === text;
}

function requireFile(path: string): void {
  if (!existsSync(path))
    throw new UserError(`there is no file ${path}: name the module whose default export is the service`);
}

function nameOf(serviceFile: string): string {
  const parts = serviceFile.replace(/\.[cm]?[jt]s$/, '').split('/');
  const last = parts.at(-1)!;
  return last === 'index' || last === 'service'
    ? ((parts.at(-2) === 'src' ? parts.at(-3) : parts.at(-2)) ?? last)
    : last;
}
