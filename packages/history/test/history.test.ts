import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkHistory, HistoryRecorder, type Operation, operationLine, parseOperation } from '@coppice/history';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function did(
  op: Operation['op'],
  [invoked, returned]: readonly [number, number | null],
  value: Operation['value'],
  result: Operation['result'],
  more: Partial<Operation> = {},
): Operation {
  const outcome = returned === null ? 'unknown' : 'ok';
  return { client: 'c', op, key: 'k', value, outcome, result, invoked, returned, ...more };
}

const verdict = (...operations: Operation[]): string => checkHistory(operations).verdict;

describe('a history', () => {
  it('of a register: a read gives what was written last', () => {
    assert.equal(verdict(did('put', [0, 1], 'x', null), did('get', [2, 3], null, 'x')), 'linearizable');
    assert.equal(verdict(did('put', [0, 1], 'x', null), did('get', [2, 3], null, null)), 'not-linearizable');
    // While they overlap, either may come first.
    assert.equal(verdict(did('put', [0, 3], 'x', null), did('get', [2, 4], null, null)), 'linearizable');
    // Once somebody saw it, nobody sees what was before.
    const stale = [did('put', [0, 9], 'x', null), did('get', [1, 2], null, 'x'), did('get', [3, 4], null, null)];
    assert.equal(verdict(...stale), 'not-linearizable');
    const swapped = { before: 'y' };
    assert.equal(
      verdict(did('put', [0, 1], 'x', { before: null }), did('put', [2, 3], 'y', swapped)),
      'not-linearizable',
    );
  });

  it('of a counter: nothing counts twice, or is forgotten', () => {
    assert.equal(verdict(did('add', [0, 5], 1, 2), did('add', [1, 6], 2, 3)), 'not-linearizable');
    assert.equal(verdict(did('add', [0, 5], 1, 3), did('add', [1, 6], 2, 2)), 'linearizable');
    assert.equal(verdict(did('add', [0, 1], 1, 1), did('add', [2, 3], 1, 1)), 'not-linearizable');
  });

  it('of a log: positions grow with time', () => {
    assert.equal(verdict(did('append', [0, 1], 'a', 7), did('append', [2, 3], 'b', 9)), 'linearizable');
    assert.equal(verdict(did('append', [0, 1], 'a', 9), did('append', [2, 3], 'b', 7)), 'not-linearizable');
    assert.equal(verdict(did('append', [0, 3], 'a', 9), did('append', [2, 3], 'b', 7)), 'linearizable');
  });

  it('an unknown operation may have taken effect, late or never; a refused one has not', () => {
    const lost = did('put', [0, null], 'x', null);
    assert.equal(verdict(lost, did('get', [5, 6], null, null), did('get', [7, 8], null, 'x')), 'linearizable');
    assert.equal(verdict(lost, did('get', [5, 6], null, 'x'), did('get', [7, 8], null, null)), 'not-linearizable');
    assert.equal(verdict(did('put', [3, null], 'x', null), did('get', [1, 2], null, 'x')), 'not-linearizable');
    const refused = did('put', [0, 1], 'x', null, { outcome: 'refused' });
    assert.equal(verdict(refused, did('get', [2, 3], null, 'x')), 'not-linearizable');
  });

  it('is judged object by object, and undecided where too much is possible', () => {
    const other = did('get', [2, 3], null, 'x', { key: 'other' });
    assert.equal(verdict(did('put', [0, 1], 'x', null), other), 'not-linearizable');
    const lost = Array.from({ length: 30 }, (_, i) => did('put', [i, null], `${i}`, null));
    const history = [...lost, did('get', [50, 51], null, 'never')];
    assert.equal(checkHistory(history, { possibilitiesMax: 1000 }).verdict, 'undecided');
  });
});

describe('a line', () => {
  it('is read as it was written', () => {
    const operation = did('put', [0, 1], 'x', { before: 'ü\n' });
    assert.deepEqual(parseOperation(operationLine(operation)), operation);
  });

  it('that is no operation is refused', () => {
    const line = (more: object): string => JSON.stringify({ ...did('put', [5, 7], 'x', null), ...more });
    for (const [text, reason] of [
      ['{', /no JSON/],
      ['7', /no object/],
      [line({ key: 7 }), /texts/],
      [line({ op: 'cas' }), /unknown op/],
      [line({ outcome: 'maybe' }), /unknown outcome/],
      [line({ invoked: 1.5 }), /invoked/],
      [line({ returned: null }), /returned/],
      [line({ outcome: 'unknown' }), /returned/],
      [line({ returned: 4 }), /before it was invoked/],
      [line({ op: 'add' }), /number/],
      [line({ op: 'append' }), /number/],
    ] as const)
      assert.match(parseOperation(text) as string, reason);
  });
});

describe('a recorder and the checker of files', () => {
  it('agree', (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'coppice-history-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'history');
    const recorder = new HistoryRecorder(path);
    const ask = { client: 'a', op: 'add', key: 'k', value: 1 } as const;
    recorder.begin(ask);
    const answered = recorder.begin(ask);
    answered({ outcome: 'ok', result: 2 });
    recorder.begin(ask)({ outcome: 'unknown', result: null });
    recorder.close();
    const lines = readFileSync(path, 'utf8').trim().split('\n').map(parseOperation);
    assert.deepEqual(lines, recorder.operations);
    assert.deepEqual(
      recorder.operations.map(({ outcome }) => outcome),
      ['ok', 'unknown', 'unknown'],
    );
    const run = (file: string): [number | null, string] => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, file], { encoding: 'utf8' });
      return [status, stdout + stderr];
    };
    assert.deepEqual(run(path), [0, 'linearizable: 3 operations\n']);
    writeFileSync(path, `${operationLine(did('get', [1, 2], null, 'x'))}\n`);
    const [status, text] = run(path);
    assert.equal(status, 1);
    assert.match(text, /not linearizable, object k \(register\)/);
    writeFileSync(path, '{}\n');
    assert.deepEqual(run(path), [2, 'line 1: client and key must be texts\n']);
    assert.equal(run('--help')[0], 2);
  });
});
