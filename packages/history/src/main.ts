/**
 * Judges a history: `npm run history -- FILE`. docs/reference/linearizability.md.
 *
 * Exit status: 0 linearizable; 1 not; 2 wrong use, or a line that is no operation; 3 undecided.
 */
import { readFileSync } from 'node:fs';
import { checkHistory, type Verdict } from './linearizability.ts';
import { type Operation, operationLine, parseOperation } from './operation.ts';

function read(path: string): Operation[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const operation = parseOperation(line);
    if (typeof operation === 'string') throw new TypeError(`line ${i + 1}: ${operation}`);
    return [operation];
  });
}

function told(verdict: Verdict): string {
  switch (verdict.verdict) {
    case 'linearizable':
      return `linearizable: ${verdict.operations} operations`;
    case 'undecided':
      return `undecided, object ${verdict.key}: ${verdict.reason}, at\n  ${operationLine(verdict.at)}`;
    case 'not-linearizable':
      return `not linearizable, object ${verdict.key}: nothing explains the answer of\n  ${operationLine(verdict.at)}`;
  }
}

const [path, ...more] = process.argv.slice(2);
if (path === undefined || path.startsWith('-') || more.length > 0) {
  console.error('npm run history -- FILE');
  process.exitCode = 2;
} else {
  try {
    const operations = read(path);
    if (operations.length === 0) throw new TypeError('there is no operation in it');
    const verdict = checkHistory(operations);
    console.log(told(verdict));
    process.exitCode = { linearizable: 0, 'not-linearizable': 1, undecided: 3 }[verdict.verdict];
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
