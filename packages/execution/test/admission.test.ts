/**
 * Evidence that the hardware has signed, and that is not of the launch that was asked for: two replicas refuse it, for one reason.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppraisedClaim } from '@coppice/attestation';
import { type CborValue, decodeResult, joinStatement, type Join, toHex } from '@coppice/wire';
import { bytesOf, type Forgery, found, genesisTime, Log, signerNamed, system } from './fixture.ts';

const genesis = found();

/** Two replicas that execute the same log, with a turn open and its challenge drawn. */
function replicas(count = 2): Log[] {
  return Array.from({ length: count }, () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 2000);
    log.execution.commit(log.sequence);
    log.run([log.challenge()]);
    log.execution.commit(log.sequence);
    return log;
  });
}

/** What both replicas say of a join: the claims that failed, or the code of another refusal. */
function verdict(join: (log: Log) => Join, logs = replicas()): string[] {
  const said = logs.map((log) => {
    const item = system({ kind: 'join', join: join(log) });
    // Before it is ordered, it is judged alike.
    const before = log.execution.inadmissible(item);
    const executed = log.run([item]);
    const decoded = decodeResult(executed.outcomes[0]!.result);
    assert.ok(decoded.ok);
    const result = decoded.value;
    log.execution.commit(log.sequence);
    assert.equal(before === undefined, result.ok);
    assert.equal(log.execution.candidate() !== undefined, result.ok);
    return { result, root: toHex(executed.transactionsRoot) };
  });
  assert.equal(new Set(said.map(({ root }) => root)).size, 1, 'all replicas say the same');
  const { result } = said[0]!;
  if (result.ok) return [];
  const { code, data } = result.error;
  const claims = (data as { claims?: AppraisedClaim[] } | undefined)?.claims;
  if (claims === undefined) return [code];
  return claims.filter((claim) => claim.verdict !== 'affirming').map(({ claim }) => claim);
}

const forged = (forgery: Forgery): string[] => verdict((log) => log.join('new', forgery));
const { service } = genesis;

describe('a join', () => {
  it('is admitted with evidence of its launch', () => assert.deepEqual(forged({}), []));

  const launches: [string, Forgery['launch']][] = [
    ['an earlier challenge', { challenge: bytesOf('an earlier challenge') }],
    ['another slot', { slot: 3 }],
    ['another turn', { turn: 7 }],
    ['another service', { service: bytesOf('another service') }],
    ['another release', { release: bytesOf('another release') }],
    ['another variant', { variant: 'another' }],
    ['genesis', { service, turn: 0, challenge: service }],
  ];
  for (const [name, launch] of launches) {
    it(`is refused where the instance was launched for ${name}, whatever it has reported`, () =>
      assert.deepEqual(forged({ launch: launch! }), ['launch-data']));
  }

  it('is refused with the evidence of another instance', () => {
    const keys = signerNamed('another instance').publicKey;
    assert.deepEqual(forged({ reported: { instance: keys } }), ['report-data']);
    assert.deepEqual(forged({ reported: { keys: [] } }), ['report-data']);
    const stolen = (log: Log): Join => {
      const { signature: _, ...unsigned } = { ...log.join('thief'), evidence: log.join('victim').evidence };
      return { ...unsigned, signature: signerNamed('thief').sign(joinStatement(unsigned)) };
    };
    assert.deepEqual(verdict(stolen), ['report-data']);
  });

  it('is refused with debug on, another measurement, or a status that is not accepted', () => {
    assert.deepEqual(forged({ debug: true }), ['debug']);
    assert.deepEqual(forged({ measurement: bytesOf('another build') }), ['measurement']);
    assert.deepEqual(forged({ device: { status: 'revoked' } }), ['tcb-status']);
    assert.deepEqual(forged({ device: { generation: 'unheard of' } }), ['generation']);
    assert.deepEqual(forged({ device: { validity: { from: 0, until: genesisTime } } }), ['evidence']);
  });

  it('is refused with collateral that is older than the ledger has seen', () => {
    const logs = replicas();
    const seen = { device: { evaluation: 5 } };
    assert.deepEqual(
      verdict((log) => log.join('first', seen), logs),
      [],
    );
    // The turn passes its deadline; the next one is for the same slot.
    for (const log of logs) {
      log.run([], genesisTime + 2600);
      log.execution.commit(log.sequence);
      log.run([log.challenge()]);
      log.execution.commit(log.sequence);
    }
    const older = (log: Log): Join => log.join('second', { device: { evaluation: 4 } });
    assert.deepEqual(verdict(older, logs), ['collateral:simulated/evaluation']);
    assert.deepEqual(
      verdict((log) => log.join('second', seen), logs),
      [],
    );
  });

  it('shows every claim with its verdict, on the ledger', () => {
    const [log] = replicas(1);
    const { outcomes } = log!.run([system({ kind: 'join', join: log!.join('new') })]);
    const decoded = decodeResult(outcomes[0]!.result);
    assert.ok(decoded.ok && decoded.value.ok);
    const { claims } = decoded.value.value as unknown as { claims: AppraisedClaim[] & CborValue };
    assert.ok(claims.length > 15);
    for (const claim of claims) assert.equal(claim.verdict, 'affirming', claim.claim);
  });
});
