/**
 * Runs the tests of all workspaces, or of the files and folders in the arguments:
 *
 *     npm test
 *     npm test -- packages/wire
 *     npm test -- packages/wire/test/cbor.test.ts --test-name-pattern half-precision
 *
 * Every file runs in a process of its own, two at a time. A run in which nothing ran has failed, and so has a file
 * without tests: that is how tests get lost. The last line is `N passed, N failed, N skipped`.
 */
import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { run } from 'node:test';
import { inspect, parseArgs } from 'node:util';
import { filesIn, root, workspaces } from './workspaces.ts';

const minutesMaxPerFile = 15;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'test-name-pattern': { type: 'string', multiple: true } },
});
const testNamePatterns = values['test-name-pattern'];

process.chdir(root);
const asked = positionals.length > 0 ? positionals : workspaces().map((workspace) => workspace.folder);
const files = asked.flatMap((path) =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ? [path] : filesIn([path.replace(/\/$/, '')], '**/*.test.ts'),
);

const failures: string[] = [];
const skips: string[] = [];
let passed = 0;
const testsOfFile = new Map<string, number>();

/** What an event of the runner says about one test, or about a whole file. */
interface TestEvent {
  readonly name: string;
  readonly file?: string;
  readonly entryFile?: string;
  readonly line?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: { readonly type?: string; readonly error?: Error & { readonly failureType?: string } };
}

/** Whether the event is about a file as a whole: it crashed, or it ended without a test. */
function isFile(event: TestEvent): boolean {
  return resolve(event.name) === event.file;
}

function nameOf(event: TestEvent): string {
  if (isFile(event)) return event.name;
  return `${event.file === undefined ? '' : relative(root, event.file)}:${event.line}  ${event.name}`;
}

function fail(event: TestEvent, reason: string): void {
  failures.push(nameOf(event));
  console.log(`✖ ${nameOf(event)}\n${reason.replaceAll(/^/gm, '    ')}\n`);
}

function onResult(event: TestEvent): void {
  if (isFile(event)) {
    if (event.details.error !== undefined) fail(event, 'the file failed outside of its tests: see its output');
    else if (testNamePatterns === undefined) fail(event, 'no test in it');
    return;
  }
  const { error, type } = event.details;
  // A suite that failed by itself has lost tests; one that only has tests that failed was told of by them.
  if (error?.failureType === 'subtestsFailed' || (type === 'suite' && error === undefined)) return;
  const file = event.entryFile ?? event.file ?? '';
  testsOfFile.set(file, (testsOfFile.get(file) ?? 0) + 1);
  const skip = event.skip ?? event.todo;
  if (skip !== undefined && skip !== false) {
    skips.push(`${nameOf(event)}: ${skip === true || skip === '' ? 'no reason given' : skip}`);
  } else if (event.details.error !== undefined) {
    fail(event, inspect(event.details.error.cause ?? event.details.error));
  } else {
    passed++;
  }
}

const runner = run({
  files,
  concurrency: 2,
  timeout: minutesMaxPerFile * 60_000,
  ...(testNamePatterns && { testNamePatterns }),
});
runner.on('test:pass', onResult);
runner.on('test:fail', onResult);
runner.on('test:stdout', ({ message }) => process.stdout.write(message));
runner.on('test:stderr', ({ message }) => process.stderr.write(message));
runner.on('test:summary', ({ file, duration_ms: milliseconds }) => {
  if (file === undefined) return;
  console.log(`${relative(root, file)}: ${testsOfFile.get(file) ?? 0} tests, ${(milliseconds / 1000).toFixed(1)} s`);
});
runner.on('end', () => {
  if (skips.length > 0) console.log(`\nSkipped:\n  ${skips.join('\n  ')}`);
  if (failures.length > 0) console.log(`\nFailed:\n  ${failures.join('\n  ')}`);
  const nothingRan = passed + failures.length === 0;
  if (nothingRan) console.log(`\nNo tests ran: of ${asked.join(' ')}`);
  if (nothingRan || failures.length > 0) process.exitCode = 1;
  console.log(`\n${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
});
runner.resume();
