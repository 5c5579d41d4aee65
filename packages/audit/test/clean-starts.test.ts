import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CommitCertificate,
  concatBytes,
  type Configuration,
  headerDigest,
  joinStatement,
  sameBytes,
} from '@coppice/wire';
import { type AuditOptions } from '@coppice/audit';
import { bytesOf, epochSigner, testCryptography, testSigner } from '../../ledger/test/fixtures.ts';
import { joinOf, LedgerScript, type TurnParts } from './ledger-script.ts';
import { codesOf, flip, names, run } from './story.ts';

describe('an audit of clean starts', () => {
  async function codesOfTurn(parts: TurnParts, changes: Partial<AuditOptions> = {}): Promise<string[]> {
    const script = new LedgerScript();
    script.turn(1, 's1b', 1, parts);
    return codesOf(script.records, changes);
  }
  const { service } = new LedgerScript().log;
  const withSeat =
    (slot: number, changes: Partial<Configuration['seats'][number]>) =>
    (next: Configuration): Configuration => ({
      ...next,
      seats: next.seats.map((seat) => (seat.slot === slot ? { ...seat, ...changes } : seat)),
    });

  it('wants a challenge, a join, and the word that the candidate is ready', async () => {
    assert.deepEqual(await codesOfTurn({}), []);
    assert.deepEqual(await codesOfTurn({ challenge: 'none' }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: 'none' }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ ready: 'none' }), ['clean-start']);
  });

  it('wants the challenge from a certificate of a header of this log', async () => {
    const altered =
      (changes: Partial<CommitCertificate['subject']>) =>
      (opened: CommitCertificate): CommitCertificate => ({
        ...opened,
        subject: { ...opened.subject, ...changes },
      });
    assert.deepEqual(await codesOfTurn({ challenge: altered({ headerDigest: bytesOf('x') }) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ challenge: altered({ sequence: 9 }) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ challenge: altered({ view: 1 }) }), ['clean-start']);
  });

  it('wants the candidate ready for this service, at a header of this log that came after its join', async () => {
    assert.deepEqual(await codesOfTurn({ ready: { service: bytesOf('x') } }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ ready: { headerDigest: bytesOf('x') } }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ ready: { sequence: 99 } }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ ready: { signature: new Uint8Array(64), turn: 2 } }), ['clean-start']);
    const script = new LedgerScript();
    const { header } = script.accept([]);
    const early = headerDigest(testCryptography, header);
    assert.deepEqual(await codesOfTurn({ ready: { sequence: 1, headerDigest: early } }), ['clean-start']);
  });

  it('wants a join with keys of the scheme of its version', async () => {
    const { signature: _, ...claims } = joinOf('s1b', 1, 1, 1, service);
    const keys = claims.keys.map((key) => ({ ...key, signingKey: concatBytes(key.signingKey, new Uint8Array(1952)) }));
    const changed = { ...claims, keys };
    const join = { ...changed, signature: testSigner('s1b').sign(joinStatement(changed)) };
    const codes = await codesOfTurn({ join, next: withSeat(1, { signingKey: keys[0]!.signingKey }) });
    assert.ok(codes.includes('clean-start'), codes.join());
  });

  it('wants the join of that turn, signed, for this service and the next epoch', async () => {
    const good = joinOf('s1b', 1, 1, 1, service);
    assert.deepEqual(await codesOfTurn({ join: { ...good, signature: flip(good.signature) } }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: joinOf('s1b', 1, 2, 1, service) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: joinOf('s1b', 1, 1, 1, bytesOf('x')) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: joinOf('s1b', 1, 1, 0, service) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: joinOf('s1b', 2, 1, 1, service) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({ join: joinOf('other', 1, 1, 1, service) }), ['clean-start']);
  });

  it('wants the join after its challenge', async () => {
    const script = new LedgerScript();
    const opened = script.batch();
    const join = script.system({ kind: 'join', join: joinOf('s1b', 1, 1, 1, script.log.service) });
    const challenge = script.system({ kind: 'challenge', turn: 1, certificate: opened });
    script.batch(challenge, join);
    script.close(script.log.nextConfiguration(1, 's1b', 1), ['s0', 's1b', 's2', 's3'], [script.ready('s1b', 1)]);
    assert.deepEqual(await codesOf(script.records), ['clean-start']);
  });

  it('wants evidence that is accepted, of the platform that the seat names', async () => {
    assert.deepEqual(await codesOfTurn({}, { appraise: () => 'the evidence is old' }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({}, { appraise: () => ({ platform: 'tdx', provider: 'p' }) }), ['clean-start']);
    assert.deepEqual(await codesOfTurn({}, { appraise: () => ({ platform: 'simulated', provider: 'p' }) }), []);
  });

  it('wants the seat that the join brought', async () => {
    for (const changes of [
      { release: bytesOf('x') },
      { variant: 'w' },
      { sealingKey: bytesOf('x') },
      { address: 'elsewhere' },
      { since: 5 },
    ]) {
      assert.deepEqual(await codesOfTurn({ next: withSeat(1, changes) }), ['clean-start'], JSON.stringify(changes));
    }
  });

  it('wants those who stay to go on as they were, with their next keys', async () => {
    for (const changes of [
      { signingKey: epochSigner('s2', 0).publicKey },
      { termEnd: 9e9 },
      { release: bytesOf('x') },
    ]) {
      assert.deepEqual(await codesOfTurn({ next: withSeat(2, changes) }), ['seats'], JSON.stringify(changes));
    }
  });

  it('wants one seat to change, and none to be vacated early', async () => {
    assert.deepEqual(
      await codesOfTurn({ next: (next) => ({ ...next, seats: next.seats.filter(({ slot }) => slot !== 2) }) }),
      ['seats', 'seats'],
    );
    const script = new LedgerScript();
    const next = script.log.nextConfiguration();
    script.close({ ...next, seats: next.seats.slice(1) }, names);
    assert.deepEqual(await codesOf(script.records), ['seats']);
    const late = new LedgerScript();
    late.log.time += 1_000_000;
    const vacate = (slot: number): void => {
      const after = late.log.nextConfiguration();
      late.close(
        { ...after, seats: after.seats.filter((seat) => seat.slot !== slot) },
        late.log.launches.with(slot, ''),
      );
    };
    vacate(3);
    assert.deepEqual(await codesOf(late.records), []);
    // Others go on beside a vacant slot; but with f = 1 no second one may be vacant.
    late.seal(names);
    late.turn(1, 's1b', 1);
    assert.deepEqual(await codesOf(late.records), []);
    late.seal(['s0', 's1', 's2', '']);
    vacate(2);
    assert.deepEqual(await codesOf(late.records), ['seats']);
  });

  it('wants keys that are keys, each in one seat', async () => {
    const validPublicKey = (key: Uint8Array): boolean => !sameBytes(key, epochSigner('s1b', 1).publicKey);
    assert.deepEqual(await codesOfTurn({}, { cryptography: { ...testCryptography, validPublicKey } }), ['seats']);
    const twin = joinOf('s1b', 1, 1, 1, service);
    const keys = twin.keys.with(0, { ...twin.keys[0]!, signingKey: epochSigner('s2', 1).publicKey });
    const unsigned = { ...twin, keys };
    const join = { ...unsigned, signature: testSigner('s1b').sign(joinStatement(unsigned)) };
    const next = withSeat(1, { signingKey: epochSigner('s2', 1).publicKey });
    assert.deepEqual(await codesOfTurn({ join, next }), ['seats']);
  });

  it('wants an epoch sealed before the next one ends', async () => {
    const unsealed = async (notices: (script: LedgerScript) => void): Promise<string[]> => {
      const script = new LedgerScript();
      script.turn(1, 's1b', 1);
      notices(script);
      script.turn(3, 's3b', 2);
      return codesOf(script.records);
    };
    assert.deepEqual(await unsealed(() => {}), ['unsealed']);
    assert.deepEqual(await unsealed((script) => script.seal(['s0', 's1'])), ['unsealed']);
    assert.deepEqual(await unsealed((script) => script.seal(['s0', 's1', 's2'])), []);
    // A slot counts once, and an instance that still has a seat signs with its key there.
    assert.deepEqual(
      await unsealed((script) =>
        script.batch(script.erasure(0, 's0'), script.erasure(0, 's0'), script.erasure(1, 's1')),
      ),
      ['unsealed'],
    );
    for (const changes of [
      { service: bytesOf('x') },
      { epoch: 1 },
      { slot: 3 },
      { instance: testSigner('s0').publicKey },
    ]) {
      const notices = (script: LedgerScript): void =>
        void script.batch(
          script.erasure(0, 's0'),
          script.erasure(1, 's1'),
          script.erasure(2, 's2', undefined, changes),
        );
      assert.deepEqual(await unsealed(notices), ['unsealed'], JSON.stringify(changes));
    }
    for (const signer of [testSigner('s2'), epochSigner('s2', 0)]) {
      assert.deepEqual(
        await unsealed((script) =>
          script.batch(script.erasure(0, 's0'), script.erasure(1, 's1'), script.erasure(2, 's2', signer)),
        ),
        ['unsealed'],
      );
    }
  });

  it('says when an instance sat longer than its term', async () => {
    const script = new LedgerScript();
    script.batch();
    script.log.time += 1_000_500;
    script.batch();
    const [age] = (await run(script.records)).ages;
    assert.equal(age?.overdueMs, 520);
    assert.deepEqual(await codesOf(script.records), []);
    assert.deepEqual(await codesOf(script.records, { overdueMsMax: 519 }), [
      'overdue',
      'overdue',
      'overdue',
      'overdue',
    ]);
  });
});
