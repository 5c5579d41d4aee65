/**
 * The driver `process`: an instance is a process of this machine, running the release's one bundled file on the variant's runtime.
 *
 * Processes are detached: they outlive the host, which is stateless and untrusted, and finds them again by the files that it
 * leaves in each instance's folder (`settings.json`, `process.json`, `node.log`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { toHex } from '@coppice/wire';
import type { LaunchData } from '@coppice/attestation';
import { type LaunchPlatform, simulatedPlatform } from './launch-platform.ts';
import { type Runtime, runtimeMeasurement } from './runtimes.ts';

export interface LaunchRequest {
  readonly launch: LaunchData;
  readonly bootstrap: readonly string[];
  /** Epochs that a founder brings keys for. */
  readonly epochKeys: number;
  /** The first of them, where it is not 0. */
  readonly firstEpoch?: number;
  /** Version of the protocol by which the join will be judged. */
  readonly protocol: number;
}

export interface RunningInstance {
  readonly slot: number;
  readonly turn: number;
  /** 0: no process of this machine. */
  readonly pid: number;
  /** What the driver keeps of it: a folder or a file. */
  readonly folder: string;
  /** What the instance told its launcher. */
  readonly clientAddress: string;
  readonly address: string;
  /** Identity key, hexadecimal. */
  readonly instance: string;
}

export interface Driver {
  launch(request: LaunchRequest): Promise<RunningInstance>;
  destroy(instance: RunningInstance): void;
  /** Instances that run, also those that an earlier host launched. */
  running(): RunningInstance[];
  /** Ends founders that have not said where they listen: for whoever knows that nobody launches any. */
  endStarting(): void;
  /** Puts what is in `folder` of this machine into the instance's folder, as its folder `name`. */
  handOver(instance: RunningInstance, folder: string, name: string): Promise<void>;
  /** It is of a service that was lost, and another goes on: it is not to be counted any more, and whoever has its disk keeps it. */
  forget(instance: RunningInstance): void;
}

export interface ProcessDriverOptions {
  /** Holds `instances/`. */
  readonly folder: string;
  /** The bundled replica, as the variant has it. */
  readonly programOf: (launch: LaunchData) => string;
  readonly host?: string;
  readonly fsync?: boolean;
  /** Bytes of leaves of the state that each instance has in memory; by default all. */
  readonly stateCacheBytes?: number;
  /** Development only: each instance hands its memory over upon SIGUSR2. */
  readonly breach?: boolean;
  /** For instances that run on Node, such as `--cpu-prof`: not measured. */
  readonly nodeArguments?: readonly string[];
  /** What the instance in a slot is launched on; by default simulated. */
  readonly platformOf?: (slot: number) => LaunchPlatform | undefined;
  /** What runs a variant; by default the runtime of this process, unmeasured. Throws where this machine lacks it. */
  readonly runtimeOf?: (launch: LaunchData) => Runtime | undefined;
}

const listeningMs = 20_000;
const companionFile = 'companion.pid';

/** Lowering a priority is for everyone, raising it again for the superuser only. */
const mayRaise = process.getuid?.() === 0;
const yieldingNiceness = 19;
/**
 * How long a launch yields after it has its seat: the time in which the engine compiles what is used often. Should the service need the
 * instance to go on, the others wait for it, and it has the machine.
 */
const compilingMs = 4000;
/** And before it has one, at most: first to listen, then to catch up. Where others keep the machine busy, it would miss its turn. */
const yieldingMs = { listening: 2000, seated: 30_000 };
const seatPollMs = 250;

export class ProcessDriver implements Driver {
  readonly #options: ProcessDriverOptions;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    mkdirSync(join(options.folder, 'instances'), { recursive: true });
  }

  async launch({ launch, bootstrap, epochKeys, firstEpoch, protocol }: LaunchRequest): Promise<RunningInstance> {
    const { breach, folder: root, fsync, host, nodeArguments, programOf, stateCacheBytes } = this.#options;
    const program = programOf(launch);
    const runtime = this.#options.runtimeOf?.(launch);
    const base = join(root, 'instances', `turn-${String(launch.turn).padStart(4, '0')}-slot-${launch.slot}`);
    // A turn may need a second launch, if the first fails: it gets a folder of its own.
    let folder = base;
    for (let attempt = 2; existsSync(folder); attempt++) folder = `${base}-${attempt}`;
    mkdirSync(folder, { recursive: true });
    const platform = this.#options.platformOf?.(launch.slot) ?? simulatedPlatform;
    const prepared = await platform.prepare(launch, folder, runtime && runtimeMeasurement(runtime));
    if (prepared.companion !== undefined) writeFileSync(join(folder, companionFile), String(prepared.companion));
    const settings = {
      launch: {
        service: toHex(launch.service),
        slot: launch.slot,
        turn: launch.turn,
        challenge: toHex(launch.challenge),
        release: toHex(launch.release),
        variant: launch.variant,
      },
      platform: prepared.settings,
      folder,
      host: host ?? '127.0.0.1',
      replicaPort: 0,
      clientPort: 0,
      epochKeys,
      ...(firstEpoch === undefined ? {} : { firstEpoch }),
      protocol,
      bootstrap,
      fsync: fsync ?? true,
      stateCacheBytes,
      ...(breach === true ? { breach: join(folder, 'breach.json') } : {}),
    };
    const settingsFile = join(folder, 'settings.json');
    writeFileSync(settingsFile, `${JSON.stringify(settings, undefined, 2)}\n`);
    const log = openSync(join(folder, 'node.log'), 'a');
    const events = openSync(join(folder, 'events.jsonl'), 'a');
    const onNode = runtime === undefined || runtime.name.startsWith('node@');
    const args = [...(runtime?.args ?? []), ...(onNode ? (nodeArguments ?? []) : []), program, settingsFile];
    const child = spawn(runtime?.command ?? process.execPath, args, {
      detached: true,
      stdio: ['ignore', events, log],
      env: { ...process.env, ...runtime?.environment },
    });
    closeSync(log);
    closeSync(events);
    // Without a listener, a program that cannot be started would end this process; it has no process id then.
    child.once('error', () => undefined);
    child.unref();
    const pid = child.pid;
    if (pid === undefined) throw new Error(`cannot start ${program}`);
    // Whoever launches may be ended before the instance says where it listens.
    note({ slot: launch.slot, turn: launch.turn, pid, folder });
    // All instances share this machine: one that is launched beside those that serve takes what they leave.
    const yields = launch.turn > 0 && mayRaise;
    let starting: NodeJS.Timeout | undefined;
    if (yields) {
      prioritise({ pid, folder }, yieldingNiceness);
      starting = setTimeout(() => prioritise({ pid, folder }, 0), yieldingMs.listening).unref();
    }
    const told = await listening(folder, child).catch((error: unknown) => {
      child.kill('SIGKILL');
      endCompanion(folder);
      throw error;
    });
    clearTimeout(starting);
    if (yields) void yieldUntilSeated({ pid, folder });
    const running = { slot: launch.slot, turn: launch.turn, pid, folder, ...told };
    note(running);
    return running;
  }

  destroy(instance: Pick<RunningInstance, 'pid' | 'folder'>): void {
    try {
      process.kill(instance.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
    endCompanion(instance.folder);
  }

  async handOver({ folder }: RunningInstance, from: string, name: string): Promise<void> {
    await cp(from, join(folder, name), { recursive: true });
  }

  /** Its process, if there is one, is asked of the machine. */
  forget(): void {}

  running(): RunningInstance[] {
    return this.#noted().flatMap((noted) => {
      // Whoever launched it may have been ended before it noted more.
      const said = 'instance' in noted ? {} : heard(noted.folder);
      if (said === undefined) return [];
      if (alive(noted)) return [{ ...noted, ...said } as RunningInstance];
      endCompanion(noted.folder);
      return [];
    });
  }

  endStarting(): void {
    for (const noted of this.#noted()) {
      if (noted.turn > 0 || 'instance' in noted || heard(noted.folder) !== undefined) continue;
      if (alive(noted)) this.destroy(noted);
      else endCompanion(noted.folder);
    }
  }

  #noted(): (Launched | RunningInstance)[] {
    const folder = join(this.#options.folder, 'instances');
    return readdirSync(folder)
      .sort()
      .flatMap((name) => {
        try {
          return [JSON.parse(readFileSync(join(folder, name, 'process.json'), 'utf8')) as Launched | RunningInstance];
        } catch {
          return [];
        }
      });
  }
}

/** What is known of an instance from the start. */
type Launched = Pick<RunningInstance, 'slot' | 'turn' | 'pid' | 'folder'>;

/** Nobody reads half of it: whom that kept from being found would run on. */
function note(launched: Launched): void {
  const file = join(launched.folder, 'process.json');
  writeFileSync(`${file}.tmp`, `${JSON.stringify(launched, undefined, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}

/** Ends the process, if there is one, that an instance needed. */
function endCompanion(folder: string): void {
  const file = join(folder, companionFile);
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8'));
  if (alive({ pid, folder })) process.kill(pid, 'SIGTERM');
  rmSync(file);
}

/** Sets the priority of all threads of a process, and of those that they make. */
function prioritise(instance: Pick<RunningInstance, 'pid' | 'folder'>, niceness: number): void {
  if (!alive(instance)) return;
  try {
    for (const thread of readdirSync(`/proc/${instance.pid}/task`)) setPriority(Number(thread), niceness);
    // Each instance is a session of its own, and the kernel may share the machine among sessions before it looks at their threads.
    const group = `/proc/${instance.pid}/autogroup`;
    if (existsSync(group)) writeFileSync(group, String(niceness));
  } catch {
    // It, or one of its threads, ended meanwhile.
  }
}

async function yieldUntilSeated(instance: Pick<RunningInstance, 'pid' | 'folder'>): Promise<void> {
  const until = Date.now() + yieldingMs.seated;
  while (Date.now() < until && alive(instance) && !told(instance.folder, 'seated'))
    await pause(seatPollMs, undefined, { ref: false });
  await pause(compilingMs, undefined, { ref: false });
  prioritise(instance, 0);
}

/** Whether the process still runs, and is still this instance: process ids are used again. */
export function alive({ pid, folder }: Pick<RunningInstance, 'pid' | 'folder'>): boolean {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return commandLine.includes(folder) && state !== 'Z';
  } catch {
    return false;
  }
}

type Said = Pick<RunningInstance, 'clientAddress' | 'address' | 'instance'>;

/** What the instance said of itself; `undefined`: nothing yet. */
function heard(folder: string): Said | undefined {
  try {
    const { address, clientAddress, instance } = JSON.parse(told(folder, 'listening') ?? '{}') as Partial<Said>;
    return address && clientAddress && instance ? { address, clientAddress, instance } : undefined;
  } catch {
    return undefined;
  }
}

/** The line in which the instance told of this event. */
function told(folder: string, event: string): string | undefined {
  const lines = readFileSync(join(folder, 'events.jsonl'), 'utf8').split('\n');
  return lines.find((line) => line.includes(`"${event}"`));
}

/**
 * Waits until the instance listens. Whether its process still runs is asked of the process, not of {@link alive}: for a moment within `exec`
 * a process has no command line.
 */
async function listening(folder: string, child: ChildProcess): Promise<Said> {
  const until = Date.now() + listeningMs;
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  while (!ended() && Date.now() < until) {
    const said = heard(folder);
    if (said !== undefined) return said;
    await pause(10);
  }
  const how = ended()
    ? `ended (${child.signalCode ?? `exit status ${child.exitCode}`})`
    : `does not listen after ${listeningMs / 1000} s`;
  const log = readFileSync(join(folder, 'node.log'), 'utf8').slice(-2000);
  throw new Error(`the instance in ${folder} did not start: it ${how}${log === '' ? '' : `:\n${log}`}`);
}
