/**
 * Names source files of more than 400 lines. A warning: most such files hold two ideas, a few are one that is better
 * read in one piece.
 */
import { readFileSync } from 'node:fs';
import { filesIn, root } from './workspaces.ts';

const linesMax = 400;

for (const file of filesIn(['packages/*/src', 'examples/*/src', 'scripts'], '**/*.ts')) {
  const lines = readFileSync(`${root}/${file}`, 'utf8').split('\n').length - 1;
  if (lines > linesMax) console.log(`warning: ${file} has ${lines} lines`);
}
