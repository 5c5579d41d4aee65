/**
 * Another checkout of this one's sources, as they are now, committed or not, with the packages that a build needs.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../src/sources.ts';

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly link?: boolean;
        readonly resolved?: string;
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

function git(...args: readonly string[]): string {
  const { status, stderr, stdout } = spawnSync('git', ['-c', 'safe.directory=*', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Clones into a folder that is not there, and makes it readable for everyone. */
export function checkOut(folder: string): void {
  git('clone', '--quiet', '--no-hardlinks', root, folder);
  for (const file of git('ls-files', '-z', '--modified', '--others', '--exclude-standard').split('\0')) {
    if (file === '') continue;
    if (existsSync(join(root, file))) cpSync(join(root, file), join(folder, file));
    else rmSync(join(folder, file), { force: true });
  }
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const wanted = ['node_modules/@coppice/cli', 'node_modules/@esbuild/linux-x64'];
  for (const path of wanted) {
    const entry = packages[path];
    if (entry === undefined || !existsSync(join(root, path))) continue;
    cpSync(join(root, path), join(folder, path), { recursive: true, verbatimSymlinks: true });
    const { dependencies, optionalDependencies } = entry.link === true ? packages[entry.resolved!]! : entry;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const nested = [`${path}/node_modules/${name}`, `node_modules/${name}`].find(
        (one) => packages[one] !== undefined,
      );
      if (nested !== undefined && !wanted.includes(nested)) wanted.push(nested);
    }
  }
  chmodSync(folder, 0o755);
}
