import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CborValue, encodeCbor } from '@coppice/wire';
import { encodeOperation, executeGovernance, type GovernanceAction, listProposals } from '../src/index.ts';
import { ada, bo, constitutionOf, cryptography, cy, MemoryState, signerNamed, time } from './fixtures.ts';
import { Scene, service } from './scene.ts';

const constitution = constitutionOf();
const people = [ada, bo, cy, signerNamed('outsider').publicKey];

test('random payloads are refused, never thrown at', () => {
  const state = new MemoryState(constitution);
  const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.maxSafeInteger(), fc.string(), fc.uint8Array());
  const kinds = ['submit', 'proposal', 'ballot', 'withdrawal', 'set-parameters', 'early-turn'];
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('statement', 'action', 'changes', 'slot', 'proposal', 'approve'), tie('value')),
      fc.record({ kind: fc.constantFrom(...kinds), action: tie('value') }),
    ),
  }));
  const payload = fc.oneof(fc.uint8Array({ maxLength: 100 }), value.map(encodeCbor));
  fc.assert(
    fc.property(payload, (bytes) => {
      const request = { cryptography, service, sender: ada, time, sequence: 1, signatures: { left: 100 } };
      const { result } = executeGovernance(state, { ...request, payload: bytes });
      assert.ok(!result.ok && result.error.code === 'malformed-operation');
      const payload = encodeOperation({ kind: 'submit', statement: bytes });
      const submitted = executeGovernance(state, { ...request, payload }).result;
      assert.ok(!submitted.ok && /^malformed-(operation|statement)$/.test(submitted.error.code));
    }),
  );
});

type Step =
  | { readonly kind: 'propose'; readonly action: GovernanceAction }
  | { readonly kind: 'ballot'; readonly proposal: number; readonly approve: boolean }
  | { readonly kind: 'withdraw'; readonly proposal: number };

/** A step of somebody, some time after the one before. */
const step = fc.record({
  who: fc.nat(3),
  wait: fc.constantFrom(0, 1, 200 * 3600 * 1000),
  operation: fc.oneof(
    fc.record({
      kind: fc.constant('propose' as const),
      action: fc.record({ kind: fc.constant('early-turn' as const), slot: fc.nat(4) }),
    }),
    fc.record({
      kind: fc.constant('ballot' as const),
      proposal: fc.integer({ min: 1, max: 6 }),
      approve: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('withdraw' as const), proposal: fc.integer({ min: 1, max: 6 }) }),
  ) satisfies fc.Arbitrary<Step>,
});

function take(scene: Scene, who: Uint8Array, operation: Step): Record<string, any> {
  if (operation.kind === 'propose') return scene.propose(who, operation.action);
  if (operation.kind === 'withdraw') return scene.withdraw(who, operation.proposal);
  return scene.ballot(who, operation.proposal, operation.approve);
}

test('no action takes effect without the approval of two different members, in time, or twice', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const scene = new Scene(constitution);
      // A model that knows only who approved what, when it was proposed, and what took effect.
      const approvals = new Map<number, { who: Set<number>; since: number }>();
      const finished = new Set<number>();
      for (const { who, wait, operation } of steps) {
        scene.now += wait;
        const answer = take(scene, people[who]!, operation);
        if (answer['refused'] !== undefined) continue;
        assert.notEqual(who, 3);
        const id = operation.kind === 'propose' ? approvals.size + 1 : operation.proposal;
        if (operation.kind === 'propose') approvals.set(id, { who: new Set([who]), since: scene.now });
        if (operation.kind === 'ballot' && operation.approve) approvals.get(id)!.who.add(who);
        if ((answer['effects'] ?? []).length === 0) continue;
        assert.ok(!finished.has(id));
        finished.add(id);
        assert.ok(approvals.get(id)!.who.size >= 2);
        assert.ok(scene.now < approvals.get(id)!.since + constitution.policy.proposalPeriodMs);
      }
      const open = listProposals(scene.state, constitution).filter(({ state }) => state === 'open');
      assert.ok(open.every(({ id }) => !finished.has(id)));
    }),
  );
});
