/**
 * Installs the JavaScript runtimes that replicas run on besides the pinned Node: half a gigabyte, for when somebody asks for them.
 * Run directly, it prints what there is. packages/host/src/runtimes.ts says how they are run.
 *
 * All of them run our TypeScript as it is, and have `node:` modules. In Bun and Deno, `process.version` is that of the
 * Node that they imitate.
 */
import { spawnSync } from 'node:child_process';
import { allRuntimesInstalled, installedRuntimes, type Runtime } from '@coppice/host';
import { root } from './workspaces.ts';

/** All runtimes that exist for this platform, installed first if need be (`npm ci`, its output to stderr). */
export function runtimes(): Runtime[] {
  if (!allRuntimesInstalled()) {
    const npm = process.env['npm_execpath'];
    const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
    const { status } = spawnSync(command, args, {
      cwd: `${root}/runtimes`,
      stdio: ['ignore', process.stderr, process.stderr],
    });
    if (status !== 0) throw new Error('npm ci failed in runtimes/');
  }
  return installedRuntimes();
}

if (import.meta.main) {
  for (const { name, command } of runtimes()) {
    const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    console.log(`${name}: ${stdout.split('\n')[0]}`);
  }
}
