import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStatement, validStatement } from '@coppice/governance';
import { configurationCodec, decodeResult, encode, encodeCbor, toHex, u64 } from '@coppice/wire';
import { answerQuery, mayReadLog } from '../src/queries.ts';
import { bytes, bytesOf, cryptography, found, genesisTime, Log, members, services, signerNamed } from './fixture.ts';

const genesis = found();

function ask(log: Log, target: string, payload: Uint8Array = new Uint8Array(0), caller?: Uint8Array): any {
  const decoded = decodeResult(answerQuery(log.execution.committed(), services, { target, payload, caller }));
  assert.ok(decoded.ok);
  return decoded.value.ok ? decoded.value.value : decoded.value.error.code;
}

describe('queries', () => {
  it('show who sits where, and what is due', () => {
    const log = new Log(genesis);
    log.turn('new', genesisTime + 1000);
    const status = ask(log, 'status');
    assert.deepEqual(
      [status.epoch, status.vacant, status.halted, status.turn, status.sealedPrevious],
      [1, 0, false, null, true],
    );
    assert.deepEqual([status.name, status.development], ['Three hospitals', true]);
    assert.equal(status.slots.length, 4);
    assert.deepEqual(status.slots[0].instance, signerNamed('new').publicKey);
    assert.deepEqual([status.slots[0].since, status.slots[0].due], [genesisTime + 1004, null]);
    assert.deepEqual([status.finished[0].outcome, status.finished[0].slot], ['seated', 0]);
    assert.equal(status.nextScheduled, genesisTime + 2000);
    log.run([], genesisTime + 2000);
    log.execution.commit(log.sequence);
    assert.deepEqual([ask(log, 'status').turn.slot, ask(log, 'status').turn.candidate], [1, null]);
  });

  it('show constitution, proposals, and where a client stands', () => {
    const log = new Log(genesis);
    assert.deepEqual(encodeCbor(ask(log, 'constitution')), encodeCbor(genesis.constitution as any));
    assert.deepEqual(ask(log, 'proposals'), []);
    log.run([log.bundle('a', 3, ['add x', 'add x'])]);
    log.run([log.bundle('a', 5, ['add x'], { acknowledged: 4 })]);
    log.execution.commit(2);
    const key = signerNamed('a').publicKey;
    assert.deepEqual(ask(log, 'client', key), {
      known: true,
      roles: ['client'],
      acknowledged: 4,
      highest: 5,
      window: 4096,
    });
    assert.equal(ask(log, 'client', bytesOf('nobody')).highest, 0);
    assert.equal(ask(log, 'client', bytes('short')), 'malformed');
  });

  it('leave the log to members and readers; while a service is developed in the open, to all', () => {
    const [client, reader] = [signerNamed('client').publicKey, signerNamed('reader').publicKey];
    const listed = new Log(
      found((source) => {
        source.clients = [
          { name: 'a client', key: toHex(client) },
          { name: 'a reader', key: toHex(reader), roles: ['reader'] },
        ];
      }),
    ).execution.committed();
    const may = (key: Uint8Array): boolean => mayReadLog(listed, key);
    assert.deepEqual([members[0]!.publicKey, reader, client, signerNamed('nobody').publicKey].map(may), [
      true,
      true,
      false,
      false,
    ]);
    assert.ok(mayReadLog(new Log(genesis).execution.committed(), client));
  });

  it('show proposals in short, and each with all that was signed', () => {
    const log = new Log(genesis);
    log.decide({ kind: 'early-turn', slot: 2 }, 'ada', 'bo');
    log.decide({ kind: 'early-turn', slot: 3 }, 'cy');
    const [decided, open] = ask(log, 'proposals');
    assert.deepEqual(
      [decided, open].map(({ id, state, action, approvals, needed }) => [id, state, action, approvals, needed]),
      [
        [1, 'accepted', 'early-turn', 2, 2],
        [2, 'open', 'early-turn', 1, 2],
      ],
    );
    const shown = ask(log, 'proposal', encode(u64, 1));
    assert.deepEqual([shown.state, shown.action], ['accepted', { kind: 'early-turn', slot: 2 }]);
    const signed = [shown.statement, ...shown.ballots.map((one: any) => one.statement)].map(decodeStatement);
    assert.deepEqual(
      signed.map((one) => one.ok && [one.value.statement.kind, validStatement(cryptography, one.value)]),
      [
        ['proposal', true],
        ['ballot', true],
      ],
    );
    assert.equal(ask(log, 'proposal', encode(u64, 3)), 'no-such-proposal');
    assert.equal(ask(log, 'proposal', bytes('x')), 'malformed');
  });

  it('are answered by the service, or not at all', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['set x 5'])]);
    log.execution.commit(1);
    assert.equal(ask(log, 'service', bytes('x'), signerNamed('a').publicKey), '5');
    assert.equal(ask(log, 'anything'), 'unknown-query');
  });
});

it('begins with the configuration that genesis names', () => {
  const { founders, constitution, time } = genesis;
  const { configuration } = { configuration: new Log(genesis).execution.configuration() };
  assert.deepEqual(
    configuration.seats.map(({ instance }) => instance),
    founders.map(({ instance }) => instance),
  );
  assert.ok(
    configuration.seats.every(
      ({ since, termEnd }) => since === time && termEnd === time + constitution.policy.recoveryPeriodMs,
    ),
  );
  assert.deepEqual(encode(configurationCodec, configuration), encode(configurationCodec, genesis.configuration));
});
