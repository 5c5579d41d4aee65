/**
 * Runs the tests of all workspaces, or of the files and folders in the arguments:
 *
 *     npm test
 *     npm test -- packages/wire
 *     npm test -- packages/wire/test/cbor.test.ts --test-name-pattern half-precision
 *
 * Every file runs in a process of its own, two at a time. A run in which nothing ran has failed, and so has a file
 * without tests: that is how tests get lost. The last line is `N passed, N failed, N skipped`.
 *
 * Tests of e2e/ run clusters of processes that wait for each other, on whatever machine this is. A file of it that failed runs again,
 * alone, and that counts; what failed at first is told as unsteady, with its reason, and is to be looked into.
 */
import { once } from 'node:events';
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

/** What the tests of a file gave. */
interface FileResults {
  readonly failures: string[];
  readonly skips: string[];
  passed: number;
}

type Results = Map<string, FileResults>;

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

function resultsOf(results: Results, event: TestEvent): FileResults {
  const file = relative(root, event.entryFile ?? event.file ?? resolve(event.name));
  const there = results.get(file);
  if (there !== undefined) return there;
  const empty = { failures: [], skips: [], passed: 0 };
  results.set(file, empty);
  return empty;
}

function fail(results: FileResults, event: TestEvent, reason: string): void {
  const told = `${nameOf(event)}\n${reason.replaceAll(/^/gm, '    ')}`;
  results.failures.push(told);
  console.log(`✖ ${told}\n`);
}

function onResult(results: FileResults, event: TestEvent): void {
  const { error, type } = event.details;
  if (isFile(event)) {
    if (error !== undefined)
      fail(results, event, `the file failed outside of its tests: see its output\n${inspect(error)}`);
    else if (testNamePatterns === undefined) fail(results, event, 'no test in it');
    return;
  }
  // A suite that failed by itself has lost tests; one that only has tests that failed was told of by them.
  if (error?.failureType === 'subtestsFailed' || (type === 'suite' && error === undefined)) return;
  const skip = event.skip ?? event.todo;
  if (skip !== undefined && skip !== false) {
    results.skips.push(`${nameOf(event)}: ${skip === true || skip === '' ? 'no reason given' : skip}`);
  } else if (error !== undefined) {
    fail(results, event, inspect(error.cause ?? error));
  } else {
    results.passed++;
  }
}

async function runFiles(which: readonly string[], concurrency: number): Promise<Results> {
  const results: Results = new Map();
  const runner = run({
    files: which,
    concurrency,
    timeout: minutesMaxPerFile * 60_000,
    ...(testNamePatterns && { testNamePatterns }),
  });
  const onEvent = (event: TestEvent): void => onResult(resultsOf(results, event), event);
  runner.on('test:pass', onEvent);
  runner.on('test:fail', onEvent);
  // What is thrown when no test is there any more to be failed by it.
  runner.on('test:diagnostic', ({ message }) => {
    if (message.includes('asynchronous activity after the test ended')) console.log(message);
  });
  runner.on('test:stdout', ({ message }) => process.stdout.write(message));
  runner.on('test:stderr', ({ message }) => process.stderr.write(message));
  runner.on('test:summary', ({ file, duration_ms: milliseconds }) => {
    if (file === undefined) return;
    const { failures, passed, skips } = results.get(relative(root, file)) ?? { failures: [], passed: 0, skips: [] };
    const tests = failures.length + passed + skips.length;
    console.log(`${relative(root, file)}: ${tests} tests, ${(milliseconds / 1000).toFixed(1)} s`);
  });
  const end = once(runner, 'end');
  runner.resume();
  await end;
  return results;
}

const results = await runFiles(files, 2);
const unsteady = [...results].filter(([file, { failures }]) => failures.length > 0 && file.startsWith('e2e/'));
if (unsteady.length > 0) {
  const again = unsteady.map(([file]) => file);
  console.log(`Again, alone: ${again.join(' ')}\n`);
  for (const [file, second] of await runFiles(again, 1)) results.set(file, second);
}

const all = [...results.values()];
const skips = all.flatMap((file) => file.skips);
const failures = all.flatMap((file) => file.failures);
const passed = all.reduce((sum, file) => sum + file.passed, 0);
const told = (title: string, lines: readonly string[]): void => {
  if (lines.length > 0) console.log(`\n${title}:\n  ${lines.join('\n  ')}`);
};
told('Skipped', skips);
told(
  'Unsteady: failed, and ran again',
  unsteady.flatMap(([, first]) => first.failures),
);
told('Failed', failures);
const nothingRan = passed + failures.length === 0;
if (nothingRan) console.log(`\nNo tests ran: of ${asked.join(' ')}`);
if (nothingRan || failures.length > 0) process.exitCode = 1;
console.log(`\n${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
