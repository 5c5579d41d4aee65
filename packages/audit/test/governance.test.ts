/**
 * What members decided, as an audit reads it off the ledger: enough of them, each by name, and nothing without them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeCbor, encodeCbor, toHex } from '@coppice/wire';
import { amendedBy, encodeConstitution, type GovernanceAction } from '../../governance/src/index.ts';
import {
  ada,
  bo,
  bytesOf,
  constitutionOf,
  cryptography,
  cy,
  MemoryState,
  signerNamed,
} from '../../governance/test/fixtures.ts';
import { Scene } from '../../governance/test/scene.ts';
import { encodeWriteSet, type WriteSet } from '../../state/src/index.ts';
import { audit, type AuditReport } from '@coppice/audit';
import { inputOf, LedgerScript, options } from './ledger-script.ts';

const constitution = constitutionOf();
const change: GovernanceAction = { kind: 'set-parameters', changes: [{ path: 'clockBoundMs', value: 4000 }] };
const early: GovernanceAction = { kind: 'early-turn', slot: 2 };

const outsider = signerNamed('outsider').publicKey;

type Writes = ReadonlyMap<string, Uint8Array | undefined>;

/** Remembers what was written since it was asked last. */
class RecordingState extends MemoryState {
  #written = new Map<string, Uint8Array | undefined>();

  override set(map: string, key: string, value: Uint8Array): void {
    super.set(map, key, value);
    this.#written.set(`${map}\0${key}`, value);
  }

  override delete(map: string, key: string): void {
    super.delete(map, key);
    this.#written.set(`${map}\0${key}`, undefined);
  }

  taken(): Writes {
    const written = this.#written;
    this.#written = new Map<string, Uint8Array | undefined>();
    return written;
  }
}

/** A ledger on which members govern, one transaction a batch, each of which can be altered before it is certified. */
class Governed {
  readonly script = new LedgerScript(encodeConstitution(constitution));
  readonly state = new RecordingState();
  readonly scene: Scene;

  constructor() {
    this.state.found(constitution);
    this.scene = new Scene(constitution, this.script.log.service, this.state);
    this.state.taken();
  }

  /** One statement, in a batch of its own; gives what it wrote. */
  step(
    act: (scene: Scene) => unknown,
    alter: (writes: Map<string, Uint8Array | undefined>) => void = () => {},
  ): Writes {
    this.scene.now = this.script.log.time + 10;
    act(this.scene);
    const writes = new Map(this.state.taken());
    alter(writes);
    this.write(writes);
    return writes;
  }

  write(writes: Writes): void {
    const writeSet: WriteSet = [...writes]
      .map(([address, value]) => ({ address, value }))
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    const items = [this.script.bundle('carrier', 1)];
    const [first, own] = this.script.outcomes(items);
    const outcomes = [{ ...first!, writeSet: encodeWriteSet(writeSet) }, own!];
    this.script.commit([this.script.accept(items, {}, outcomes)]);
  }

  report(): Promise<AuditReport> {
    return audit(inputOf(this.script.records), {
      ...options,
      cryptography,
      amend: ({ before, proposal, ...context }) => amendedBy(cryptography, before, proposal, context),
    });
  }

  async problems(): Promise<string[]> {
    const { problems } = await this.report();
    assert.ok(problems.every(({ code }) => code === 'governance'));
    return problems.map(({ message }) => message);
  }
}

const decisionAt = (writes: Writes): string =>
  [...writes.keys()].find((address) => address.startsWith('$decisions\0'))!;

const altered = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1);

/** Rewrites the decision in a write set. */
function alterDecision(writes: Map<string, Uint8Array | undefined>, fields: (decision: any) => object): void {
  const address = decisionAt(writes);
  const decoded = decodeCbor(writes.get(address)!);
  assert.ok(decoded.ok);
  writes.set(address, encodeCbor({ ...(decoded.value as object), ...fields(decoded.value) }));
}

describe('an audit of governance', () => {
  it('follows members, thresholds and keys from decision to decision, and verifies every signature', async () => {
    const ledger = new Governed();
    const dana = { name: 'Dana', key: bytesOf('dana') };
    ledger.step((scene) => scene.propose(ada, change));
    ledger.step((scene) => scene.ballot(cy, 1, false));
    ledger.step((scene) => scene.ballot(bo, 1));
    ledger.step((scene) => scene.propose(bo, early));
    ledger.step((scene) => scene.withdraw(bo, 2));
    ledger.step((scene) => scene.propose(bo, { kind: 'add-member', member: dana }));
    ledger.step((scene) => scene.ballot(cy, 3));
    ledger.step((scene) => scene.propose(cy, { kind: 'set-thresholds', thresholds: { earlyTurn: 1 } }));
    ledger.step((scene) => scene.ballot(bo, 4));
    ledger.step((scene) => scene.ballot(ada, 4));
    ledger.step((scene) => scene.propose(ada, early));
    const { ok, problems, decisions } = await ledger.report();
    assert.deepEqual(problems, []);
    assert.ok(ok);
    assert.deepEqual(
      decisions.map(({ proposal, action, approvals, needed }) => [proposal, action, approvals, needed]),
      [
        [1, 'set-parameters', 2, 2],
        [3, 'add-member', 2, 2],
        [4, 'set-thresholds', 3, 3],
        [5, 'early-turn', 1, 1],
      ],
    );
    assert.equal(decisions[0]!.digest, toHex(ledger.scene.digests[1]!));
  });

  const cases: [string, (writes: Map<string, Uint8Array | undefined>, ledger: Governed) => void, RegExp][] = [
    ['without a decision', (writes) => writes.delete(decisionAt(writes)), /changed without a decision/],
    [
      'too few approved',
      (writes) => alterDecision(writes, () => ({ ballots: [] })),
      /1 of its members approved it, and 2 are needed/,
    ],
    [
      'somebody who is no member approved',
      (writes, { scene }) =>
        alterDecision(writes, ({ digest, ballots: [ballot] }) => ({
          ballots: [
            { ...ballot, statement: scene.sign(outsider, { kind: 'ballot', proposal: digest, approve: true }) },
          ],
        })),
      /1 of its members approved/,
    ],
    [
      'a member rejected',
      (writes, { scene }) =>
        alterDecision(writes, ({ digest, ballots: [ballot] }) => ({
          ballots: [{ ...ballot, statement: scene.sign(bo, { kind: 'ballot', proposal: digest, approve: false }) }],
        })),
      /1 of its members approved/,
    ],
    [
      'a member approved something else',
      (writes, { scene }) =>
        alterDecision(writes, ({ ballots: [ballot] }) => ({
          ballots: [
            { ...ballot, statement: scene.sign(bo, { kind: 'ballot', proposal: bytesOf('x'), approve: true }) },
          ],
        })),
      /ballot on another proposal/,
    ],
    [
      'a member approved it for another service',
      (writes, { scene }) =>
        alterDecision(writes, ({ digest, ballots: [ballot] }) => {
          const elsewhere = { service: bytesOf('elsewhere'), proposal: digest, approve: true } as const;
          return { ballots: [{ ...ballot, statement: scene.sign(bo, { kind: 'ballot', ...elsewhere }) }] };
        }),
      /ballot for another service/,
    ],
    [
      'a ballot counted twice',
      (writes) => alterDecision(writes, ({ ballots: [ballot] }) => ({ ballots: [ballot, ballot] })),
      /voted twice/,
    ],
    [
      'a ballot was altered',
      (writes) =>
        alterDecision(writes, ({ ballots: [ballot] }) => {
          const { statement } = ballot;
          return { ballots: [{ ...ballot, statement: altered(statement) }] };
        }),
      /ballot that is not signed by its member/,
    ],
    [
      'the proposal was altered',
      (writes) => alterDecision(writes, ({ statement }) => ({ statement: altered(statement) })),
      /proposal that is not signed/,
    ],
    [
      'another proposal was meant',
      (writes) => alterDecision(writes, () => ({ digest: bytesOf('x') })),
      /another digest/,
    ],
    [
      'no votes are there',
      (writes) => alterDecision(writes, () => ({ ballots: [null, 7, { statement: 1 }] })),
      /not signed/,
    ],
    [
      'it says something else',
      (writes) => writes.set('$constitution\0', encodeConstitution(constitutionOf((w) => (w.policy.clockBoundMs = 3)))),
      /not the one that follows/,
    ],
  ];
  for (const [name, alter, message] of cases) {
    it(`finds a constitution that changed where ${name}`, async () => {
      const ledger = new Governed();
      ledger.step((scene) => scene.propose(ada, change));
      ledger.step(
        (scene) => scene.ballot(bo, 1),
        (writes) => alter(writes, ledger),
      );
      const [first] = await ledger.problems();
      assert.match(first!, message);
      assert.match(first!, /^batch 2: /);
    });
  }

  it('finds what was decided once, and done twice', async () => {
    const ledger = new Governed();
    ledger.step((scene) => scene.propose(ada, early));
    ledger.write(ledger.step((scene) => scene.ballot(bo, 1)));
    assert.match((await ledger.problems())[0]!, /^batch 3: proposal 1: accepted twice/);
  });

  it('finds roles that nobody granted', async () => {
    const ledger = new Governed();
    ledger.write(new Map([['$roles\0x', encodeCbor(['client', 'auditor'])]]));
    assert.deepEqual(await ledger.problems(), ['batch 1: roles changed, and the constitution did not']);
  });

  it('finds a decision that came too late', async () => {
    const ledger = new Governed();
    const { scene, script } = ledger;
    ledger.step((one) => one.propose(ada, early, { expires: script.log.time + 25 }));
    // In time for the replica, and in a batch that is later.
    scene.ballot(bo, 1, true, { expires: script.log.time + 1000 });
    script.log.time += 20;
    ledger.write(ledger.state.taken());
    assert.match((await ledger.problems())[0]!, /accepted after it expired/);
  });
});
