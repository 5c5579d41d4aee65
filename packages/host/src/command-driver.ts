/**
 * The driver `command`: an executable of the operator's starts and ends instances, on whatever it likes.
 *
 *     COMMAND launch    stdin   {"launch":{…},"launchDigest":"…","settings":{…}}
 *                       stdout  {"address":"host:port","clientAddress":"host:port","instance":"…"}, and more if it likes
 *     COMMAND inherit   stdin   what `launch` was given and said, and {"files":"/…","as":"history/1-…"}
 *     COMMAND destroy   stdin   what `launch` was given and said
 *
 * The host is not trusted, and so neither is the command: what it has to bind to the launch is `launchDigest`, and if it binds something
 * else, the instance is not admitted. Launched instances are remembered in files, until they were destroyed; those of a lost service in `lost/`. docs/reference/collection.md.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { launchDigest, type LaunchData } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { fromHex, toHex } from '@coppice/wire';
import type { Driver, LaunchRequest, RunningInstance } from './process-driver.ts';

export interface CommandDriverOptions {
  /** Holds `launched/`. */
  readonly folder: string;
  /** The executable, and its first arguments. */
  readonly command: readonly string[];
  /** What is known of the variant that is launched: the runtime, `name@version`, settings of its engine, its cryptography. */
  readonly variantOf?: (
    launch: LaunchData,
  ) =>
    | { readonly runtime?: string; readonly engineSettings?: readonly string[]; readonly cryptography?: string }
    | undefined;
  /** Launched what was launched before; ends it. */
  readonly before: Driver;
}

/** A virtual machine with a fresh TEE can take minutes, and a long log to get there longer. */
const answerMs = { launch: 15 * 60_000, inherit: 4 * 3_600_000, destroy: 15 * 60_000 };
const outputBytesMax = 1024 * 1024;

export class CommandDriver implements Driver {
  readonly #options: CommandDriverOptions;
  readonly #folder: string;
  /** Records of instances that are being destroyed. */
  readonly #ending = new Set<string>();

  constructor(options: CommandDriverOptions) {
    this.#options = options;
    this.#folder = join(options.folder, 'launched');
    mkdirSync(this.#folder, { recursive: true });
  }

  async launch({ bootstrap, epochKeys, firstEpoch, launch, protocol }: LaunchRequest): Promise<RunningInstance> {
    const { challenge, release, service, slot, turn, variant } = launch;
    const { cryptography, engineSettings = [], runtime } = this.#options.variantOf?.(launch) ?? {};
    const asked = {
      launch: {
        ...{ service: toHex(service), slot, turn, challenge: toHex(challenge), release: toHex(release), variant },
      },
      launchDigest: toHex(launchDigest(nodeCryptography, launch)),
      ...(runtime === undefined ? {} : { runtime, engineSettings }),
      ...(cryptography === undefined ? {} : { cryptography }),
      settings: { epochKeys, ...(firstEpoch === undefined ? {} : { firstEpoch }), protocol, bootstrap },
    };
    const said = answerOf(await this.#run('launch', asked));
    const name = `turn-${String(turn).padStart(4, '0')}-slot-${slot}-${said.instance.slice(0, 8)}.json`;
    const folder = join(this.#folder, name);
    const running: RunningInstance = { ...said, slot, turn, pid: 0, folder };
    writeFileSync(folder, `${JSON.stringify({ ...asked, ...running }, undefined, 2)}\n`);
    return running;
  }

  destroy(instance: RunningInstance): void {
    const { folder } = instance;
    if (!folder.startsWith(this.#folder)) return this.#options.before.destroy(instance);
    // One that is being ended, or was.
    if (this.#ending.has(folder) || !existsSync(folder)) return;
    this.#ending.add(folder);
    // Where it fails, the record stays, and whoever needs the instance gone asks again.
    this.#run('destroy', JSON.parse(readFileSync(folder, 'utf8')) as object)
      .then(() => rmSync(folder, { force: true }))
      .catch(() => undefined)
      .finally(() => this.#ending.delete(folder));
  }

  async handOver(instance: RunningInstance, files: string, as: string): Promise<void> {
    const { folder } = instance;
    if (!folder.startsWith(this.#folder)) return this.#options.before.handOver(instance, files, as);
    const launched = JSON.parse(readFileSync(folder, 'utf8')) as object;
    await this.#run('inherit', { ...launched, files, as });
  }

  forget(instance: RunningInstance): void {
    const { folder } = instance;
    if (!folder.startsWith(this.#folder)) return this.#options.before.forget(instance);
    const lost = join(this.#options.folder, 'lost');
    mkdirSync(lost, { recursive: true });
    renameSync(folder, join(lost, basename(folder)));
  }

  running(): RunningInstance[] {
    const launched = readdirSync(this.#folder)
      .sort()
      .flatMap((name) => {
        try {
          return [JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as RunningInstance];
        } catch {
          return [];
        }
      });
    return [...this.#options.before.running(), ...launched];
  }

  /** The command alone knows of what it has not answered for. */
  endStarting(): void {
    this.#options.before.endStarting();
  }

  /** What the command said on stdout. Rejects where it fails, with what it said on stderr. */
  #run(action: keyof typeof answerMs, input: object): Promise<string> {
    const [program = '', ...rest] = this.#options.command;
    return new Promise((resolve, reject) => {
      const timeout = answerMs[action];
      const child = spawn(program, [...rest, action], { stdio: 'pipe', timeout, killSignal: 'SIGKILL' });
      const [said, complained] = [[] as Buffer[], [] as Buffer[]];
      let length = 0;
      const collect = (into: Buffer[]) => (chunk: Buffer) => {
        length += chunk.length;
        if (length > outputBytesMax) child.kill('SIGKILL');
        else into.push(chunk);
      };
      child.stdout.on('data', collect(said));
      child.stderr.on('data', collect(complained));
      child.stdin.on('error', () => undefined);
      child.once('error', (error) => reject(new Error(`${program}: ${error.message}`)));
      child.once('close', (code, signal) => {
        if (code === 0) return resolve(Buffer.concat(said).toString('utf8'));
        const words = Buffer.concat(complained).toString('utf8').trim().slice(-500);
        reject(new Error(`${program} ${action} ended with ${code ?? signal}${words === '' ? '' : `: ${words}`}`));
      });
      child.stdin.end(`${JSON.stringify(input)}\n`);
    });
  }
}

function answerOf(output: string): Pick<RunningInstance, 'address' | 'clientAddress' | 'instance'> {
  try {
    const said = JSON.parse(output) as Readonly<Record<string, unknown>>;
    const { address, clientAddress, instance } = said;
    const key = typeof instance === 'string' ? fromHex(instance) : undefined;
    if (typeof address === 'string' && typeof clientAddress === 'string' && key?.length === 32)
      return { ...said, address, clientAddress, instance: toHex(key) };
  } catch {
    // Not JSON.
  }
  throw new Error('the command did not say where the instance listens: address, clientAddress, instance');
}
