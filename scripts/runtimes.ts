/**
 * Installs the JavaScript runtimes that replicas run on besides the pinned Node: half a gigabyte, for when somebody asks for them.
 * Run directly, it prints what there is. packages/host/src/runtimes.ts says how they are run.
 *
 * All of them run our TypeScript as it is, and have `node:` modules. In Bun and Deno, `process.version` is that of the
 * Node that they imitate.
 */
import { spawnSync } from 'node:child_process';
import { installedRuntimes, installRuntimes, type Runtime } from '@coppice/host';

/** All runtimes that exist for this platform, installed first if need be (`npm ci`, its output to stderr). */
export function runtimes(): Runtime[] {
  installRuntimes();
  return installedRuntimes();
}

if (import.meta.main) {
  for (const { name, command } of runtimes()) {
    const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    console.log(`${name}: ${stdout.split('\n')[0]}`);
  }
}
