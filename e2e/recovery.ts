/**
 * Services that are lost, and recovered by the command line from their disks.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LocalService, Output, recover as recoverCommand } from '@coppice/cli';
import { type Cluster, until } from './cluster.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

/** What `coppice recover --json` answers. */
export interface Recovered {
  readonly ok: boolean;
  readonly error?: { readonly message: string };
  readonly predecessor: string;
  readonly successor?: string;
  readonly head: { readonly epoch: number; readonly view: number; readonly sequence: number; readonly root: string };
  readonly disks: readonly {
    readonly folder: string;
    readonly slot: number | null;
    readonly length: number;
    readonly end: string;
    readonly altered: string | null;
    readonly unreadable?: string;
  }[];
  readonly certain: number;
  readonly shortage: { readonly given: number; readonly needed: number; readonly altered: number } | null;
  readonly doubtful: { readonly from: number; readonly to: number } | null;
  readonly lostFrom: number | null;
}

/** Runs the command line, and gives its exit status and the document that it answers. */
export async function recover(
  folder: string,
  ...options: string[]
): Promise<{ status: number; answer: Recovered; said: string }> {
  const { answer, ...rest } = await commandLine('recover', '--folder', folder, ...options);
  return { ...rest, answer: answer as Recovered };
}

/** Runs a command, and gives its exit status, the document that it answers and what it says besides. */
export function commandLine(...command: readonly string[]): Promise<{ status: number; answer: unknown; said: string }> {
  const args = [coppice, ...command, '--json'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : Number(error.code);
      const last = stdout.trim().split('\n').at(-1) ?? '';
      const answer = last === '' ? { ok: false } : JSON.parse(last);
      resolve({ status, answer, said: stderr });
    });
  });
}

/** Starts a command, for a test that does not let it end. */
export function started(...command: readonly string[]): ChildProcess {
  return spawn(process.execPath, [coppice, ...command], { stdio: 'ignore' });
}

/** Ends all replicas at once, as a power cut does. */
export async function killAll(cluster: Pick<Cluster, 'running' | 'signal'>): Promise<void> {
  for (const instance of cluster.running()) cluster.signal(instance, 'SIGKILL');
  await until('all are gone', () => cluster.running().length === 0);
}

/** Recovers the service of this folder. Fails where it is not recovered. */
export async function recovered(
  folder: string,
  ...options: string[]
): Promise<{ local: LocalService; answer: Recovered }> {
  const { answer, said, status } = await recover(folder, ...options);
  assert.equal(status, 0, said);
  return { local: LocalService.open(folder), answer };
}

/** Hears what a command answers. */
class Heard extends Output {
  document: unknown;

  constructor() {
    super(true);
  }

  override say(): void {}

  override answer(document: unknown): void {
    this.document = document;
  }
}

/** The same in this process, the engine of which compiles what that takes once. */
export async function recoveredHere(folder: string): Promise<{ local: LocalService; answer: Pick<Recovered, 'head'> }> {
  const heard = new Heard();
  await recoverCommand({ folder, acceptLoss: false, check: false }, heard);
  return { local: LocalService.open(folder), answer: heard.document as Pick<Recovered, 'head'> };
}
