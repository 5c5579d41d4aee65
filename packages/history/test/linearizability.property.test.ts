/** Against every order of effects, tried one after the other. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { checkHistory, type Operation } from '@coppice/history';

/** Whether some order of all answered operations, and some of the unknown ones, respects time and explains the answers. */
function explained(operations: readonly Operation[], state: number | null = null): boolean {
  if (operations.every(({ returned }) => returned === null)) return true;
  return operations.some((operation, i) => {
    // Nothing that is left may have returned before it was invoked.
    const first = operations.every(({ returned }) => returned === null || returned >= operation.invoked);
    const rest = operations.filter((_, j) => j !== i);
    const { op, outcome, result, value } = operation;
    if (!first) return false;
    if (op === 'put') {
      const told = result as { readonly before: number | null } | null;
      return (told === null || told.before === state) && explained(rest, value as number);
    }
    return (outcome === 'unknown' || result === state) && explained(rest, state);
  });
}

const values = fc.constantFrom(1, 2, 3);
const before = fc.constantFrom(null, 1, 2, 3);
const operation: fc.Arbitrary<Operation> = fc
  .record({
    op: fc.constantFrom('put' as const, 'get' as const),
    value: values,
    before,
    tells: fc.boolean(),
    invoked: fc.nat(12),
    takes: fc.nat(6),
    unknown: fc.nat(4),
  })
  .map(({ op, value, before: was, tells, invoked, takes, unknown }) => {
    const lost = unknown === 0;
    const result = lost ? null : op === 'get' ? was : tells ? { before: was } : null;
    const returned = lost ? null : invoked + takes;
    const outcome = lost ? 'unknown' : 'ok';
    return { client: 'c', op, key: 'k', value: op === 'put' ? value : null, outcome, result, invoked, returned };
  });

it('the verdict is that of trying every order', () => {
  const seen = { linearizable: 0, 'not-linearizable': 0, undecided: 0 };
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 6 }), (operations) => {
      const { verdict } = checkHistory(operations);
      seen[verdict] += 1;
      assert.equal(verdict, explained(operations) ? 'linearizable' : 'not-linearizable');
    }),
    { numRuns: 3000 },
  );
  assert.ok(seen.linearizable > 100 && seen['not-linearizable'] > 100, JSON.stringify(seen));
});
