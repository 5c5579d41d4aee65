/**
 * The launch platform `tpm2`: a TPM 2.0 in software (swtpm) for each instance, started anew, as a machine would be.
 *
 * The launcher measures release, variant, runtime and launch data into it and has it make its attestation key; only then the
 * instance runs, and has it sign its registers. All of it is real but for the one thing that counts: this process could
 * have measured anything. So it proves nothing against the host, and is for constitutions marked `development`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { attestationKeyHandle, launchRegisters, measureLaunch } from '@coppice/collection';
import type { LaunchPlatform } from './launch-platform.ts';

const startingMs = 10_000;
/** Bytes of a Unix socket's path (`sun_path`), its end included. */
const socketPathBytes = 108;

export const softwareTpm: LaunchPlatform = {
  name: 'tpm2',

  async prepare(launch, folder, runtime) {
    const state = join(folder, 'tpm');
    const socket = join(state, 'socket');
    if (Buffer.byteLength(socket) >= socketPathBytes)
      throw new Error(`${socket} is too long for a socket: choose a folder with a shorter name`);
    mkdirSync(state, { recursive: true });
    const companion = await start(state, socket);
    try {
      await measureLaunch(socket, launch, runtime);
    } catch (error) {
      process.kill(companion);
      throw error;
    }
    const settings = { name: 'tpm2', tpm: socket, key: attestationKeyHandle, registers: launchRegisters };
    return { settings, companion };
  },
};

/** Why this machine cannot run TPMs in software; `undefined` if it can. */
export function softwareTpmMissing(): string | undefined {
  const { status } = spawnSync('swtpm', ['--version'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'swtpm is not on this machine: install the package `swtpm` (apt-get install swtpm)';
}

async function start(state: string, socket: string): Promise<number> {
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--server', `type=unixio,path=${socket}`],
      ...['--flags', 'not-need-init,startup-clear', '--log', `file=${join(state, 'log')},level=1`],
    ],
    { detached: true, stdio: 'ignore' },
  );
  const failed = new Promise<never>((_, reject) => {
    child.once('error', () => reject(new Error(softwareTpmMissing() ?? 'swtpm cannot be started')));
    child.once('exit', (code) => reject(new Error(`swtpm ended with ${code}: see ${join(state, 'log')}`)));
  });
  failed.catch(() => undefined);
  child.unref();
  const until = Date.now() + startingMs;
  while (!listens(socket)) {
    if (Date.now() > until) {
      child.kill();
      throw new Error(`swtpm does not listen at ${socket}`);
    }
    await Promise.race([pause(5), failed]);
  }
  return child.pid!;
}

/** A socket is bound, and has its file, before it listens: the kernel's list says which do (`__SO_ACCEPTCON` among its flags). */
function listens(socket: string): boolean {
  const line = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((one) => one.endsWith(` ${socket}`));
  return line !== undefined && (Number.parseInt(line.split(/\s+/)[3]!, 16) & 0x10000) !== 0;
}
