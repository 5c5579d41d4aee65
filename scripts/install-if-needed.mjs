/**
 * Runs before npm scripts, so that they work in a fresh clone with nothing but npm: installs what package-lock.json
 * names, if it is not there. Plain JavaScript without dependencies, for the Node that the machine happens to have;
 * everything else runs on the pinned Node, which is one of the packages and comes first on the PATH of npm scripts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Whether node_modules holds what package-lock.json asks for. (Not by time stamps: a checkout sets new ones.) */
function isInstalled() {
  const installedPath = `${root}/node_modules/.package-lock.json`;
  if (!existsSync(installedPath)) return false;
  const wanted = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { integrity, optional }]) => {
    if (path === '') return true;
    const there = installed[path];
    return there === undefined ? optional === true : there.integrity === integrity;
  });
}

if (!isInstalled()) {
  process.stderr.write('Installing dependencies with npm ci …\n');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(`${root}/node_modules/.bin/node`) && Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `There is no pinned Node for ${process.platform}-${process.arch}, and ${process.version} does not run TypeScript: ` +
      'install Node 24 or later (https://nodejs.org) and try again.\n',
  );
  process.exit(1);
}
