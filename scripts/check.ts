/**
 * All static checks, or those named in the arguments: `npm run check -- lint types`. Goes on after a failure, so that
 * one run shows everything.
 */
import { spawnSync } from 'node:child_process';
import { root } from './workspaces.ts';

const checks: Readonly<Record<string, readonly (readonly string[])[]>> = {
  format: [['oxfmt', '--list-different']],
  lint: [['oxlint', '--deny-warnings']],
  types: [
    ['tsc', '-p', 'tsconfig.pure.json'],
    ['tsc', '-p', 'tsconfig.json'],
  ],
  imports: [['node', 'scripts/check-imports.ts']],
  effects: [['node', 'scripts/check-side-effects.ts']],
  links: [['node', 'scripts/check-links.ts']],
  lengths: [['node', 'scripts/check-lengths.ts']],
  unused: [
    ['knip', '--no-config-hints', '--include', 'files,exports,duplicates'],
    // What only tests reach.
    ['knip', '--no-config-hints', '--include', 'exports', '--production'],
  ],
};

const asked = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(checks);
const failed = asked.filter((name) => {
  const commands = checks[name];
  if (commands === undefined) {
    console.log(`No check is called ${name}: there are ${Object.keys(checks).join(', ')}`);
    return true;
  }
  console.log(`── ${name}`);
  return commands
    .map(([command, ...args]) => spawnSync(command!, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }))
    .some(({ status }) => status !== 0);
});

console.log(failed.length === 0 ? '\nAll checks passed' : `\nFailed: ${failed.join(', ')}`);
if (failed.length > 0) process.exitCode = 1;
