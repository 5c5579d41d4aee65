/** Who is named for two histories, and that nobody is named for one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CommitCertificate,
  type Header,
  headerDigest,
  type NewView,
  newViewDigest,
  type ViewChange,
  viewChangeStatement,
} from '@coppice/wire';
import { type Blamed, blame, misdeedReason, type Quarrel } from '@coppice/audit';
import { bytesOf, epochSigner, testCryptography, TestLog } from '../../ledger/test/fixtures.ts';

const named = (log: TestLog, quarrel: Quarrel): Blamed[] =>
  blame(testCryptography, log.service, log.configuration, quarrel);
const slots = (blamed: readonly Blamed[]): number[] => blamed.map(({ slot }) => slot);

/** Batch 1, another one in its place, and one above each. */
function fork(): { log: TestLog; one: Header; two: Header; other: Header; otherTwo: Header; path: Uint8Array[] } {
  const log = new TestLog();
  const one = log.header([]);
  const two = log.header([]);
  log.tree.rollback(0);
  const other = log.header([]);
  const otherTwo = log.header([]);
  return { log, one, two, other, otherTwo, path: log.tree.inclusionPath(0, 1) };
}

function viewChange(log: TestLog, slot: number, view: number, prepared: ViewChange['prepared']): ViewChange {
  const unsigned = { service: log.service, epoch: 0, view, slot, prepared };
  return { ...unsigned, signature: epochSigner(`s${slot}`, 0).sign(viewChangeStatement(unsigned)) };
}

const newView = (log: TestLog, view: number, viewChanges: ViewChange[]): NewView => ({
  ...{ service: log.service, epoch: 0, view, slot: view, viewChanges, signature: new Uint8Array(64) },
});

describe('of two histories in one view', () => {
  const { log, one, other, otherTwo, path } = fork();

  it('those are named who voted for both', () => {
    const commits = [log.commit(one), log.commit(other, {}, { slots: [1, 2, 3] })];
    assert.deepEqual(slots(named(log, { commits, newViews: [] })), [1, 2]);
  });

  it('also where the certificates are of different places', () => {
    const commits = [log.commit(otherTwo, {}, { slots: [1, 2, 3] }), log.commit(one)];
    const shown = { header: otherTwo, headerDigest: headerDigest(testCryptography, other), path };
    assert.deepEqual(slots(named(log, { commits, newViews: [], fork: () => shown })), [1, 2]);
    assert.deepEqual(named(log, { commits, newViews: [] }), []);
  });
});

describe('of two histories in two views', () => {
  const { log, one, other } = fork();
  const first = log.commit(one);
  const prepared = { header: one, certificate: log.prepare(one) };
  const begun = newView(log, 1, [
    viewChange(log, 1, 1, undefined),
    viewChange(log, 2, 1, undefined),
    viewChange(log, 3, 1, undefined),
  ]);
  const second = (view: NewView): CommitCertificate =>
    log.commit(other, { view: 1, newView: newViewDigest(testCryptography, view) }, { slots: [1, 2, 3] });

  it('those are named who revealed, and then had prepared nothing', () => {
    const blamed = named(log, { commits: [first, second(begun)], newViews: [begun] });
    assert.deepEqual(slots(blamed), [1, 2]);
    for (const one of blamed)
      assert.equal(misdeedReason(testCryptography, log.service, log.configuration, one), undefined);
  });

  it('and not who named what it prepared, or something above it', () => {
    const honest = newView(log, 1, [
      viewChange(log, 1, 1, prepared),
      viewChange(log, 2, 1, { header: one, certificate: log.prepare(one, { sequence: 2 }) }),
      viewChange(log, 3, 1, undefined),
    ]);
    assert.deepEqual(named(log, { commits: [first, second(honest)], newViews: [honest] }), []);
  });

  it('nor who says so with the key of another, or of an earlier view', () => {
    const [a, , c] = begun.viewChanges;
    const forged = { ...viewChange(log, 3, 1, undefined), slot: 2 };
    const earlier = newView(log, 1, [{ ...a!, view: 0 }, forged, c!]);
    assert.deepEqual(named(log, { commits: [first], newViews: [earlier] }), []);
  });
});

describe('a misdeed', () => {
  const { log, one, other } = fork();
  const commits = [log.commit(one), log.commit(other)];
  const [blamed] = named(log, { commits, newViews: [] }) as [Blamed];
  const verdict = (changed: object): string | undefined =>
    misdeedReason(testCryptography, log.service, log.configuration, { ...blamed, ...changed });

  it('is that of the instance whose key signed', () => {
    assert.equal(verdict({}), undefined);
    assert.match(verdict({ instance: bytesOf('another') })!, /did not sit there/);
    assert.match(verdict({ slot: 1, instance: log.configuration.seats[1]!.instance })!, /another place/);
  });

  it('of forgetting needs a nonce that was revealed', () => {
    const { nonce, ...vote } = log.vote(1, log.subject(one));
    const forgot = { kind: 'forgot' as const, vote, nonce, viewChange: viewChange(log, 1, 1, undefined) };
    const change = (misdeed: object): string | undefined =>
      verdict({ slot: 1, instance: log.configuration.seats[1]!.instance, misdeed: { ...forgot, ...misdeed } });
    assert.equal(change({}), undefined);
    assert.match(change({ nonce: bytesOf('guessed') })!, /not that of the vote/);
    assert.match(change({ viewChange: viewChange(log, 2, 1, undefined) })!, /another slot/);
    assert.match(change({ viewChange: { ...viewChange(log, 1, 1, undefined), view: 2 } })!, /did not sign/);
  });
});

it('nobody is named for one history', () => {
  const log = new TestLog();
  const headers = [log.header([]), log.header([]), log.header([])];
  const commits = headers.map((header) => log.commit(header));
  assert.deepEqual(named(log, { commits, newViews: [] }), []);
});
