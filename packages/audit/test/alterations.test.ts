import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Configuration, Header } from '@coppice/wire';
import type { LedgerRecord } from '@coppice/ledger';
import { batchOf, bytesOf } from '../../ledger/test/fixtures.ts';
import { LedgerScript } from './ledger-script.ts';
import { flip, names, run, told } from './story.ts';

type Kind = LedgerRecord['kind'];
type RecordOf<K extends Kind> = Extract<LedgerRecord, { kind: K }>;

/** The story, with its n-th record of a kind (from 0; −1 is the last) replaced, or left out. */
function altered<K extends Kind>(
  kind: K,
  n: number,
  change: (record: RecordOf<K>) => LedgerRecord | undefined,
): LedgerRecord[] {
  const { records } = told;
  const places = records.flatMap((record, i) => (record.kind === kind ? [i] : []));
  const at = places.at(n)!;
  const replacement = change(records[at] as RecordOf<K>);
  return replacement === undefined ? records.toSpliced(at, 1) : records.with(at, replacement);
}

describe('an audit of an altered ledger names', () => {
  const cases: Record<string, [() => LedgerRecord[], string]> = {
    'a missing genesis': [() => altered('genesis', 0, () => undefined), 'genesis'],
    'a second genesis': [() => [told.records[0]!, ...told.records], 'genesis'],
    'a missing batch': [() => altered('batch', 1, () => undefined), 'sequence'],
    'a batch in a committed place': [
      () => {
        const { records } = told;
        const batch = records[1] as RecordOf<'batch'>;
        return [...records, { ...batch, header: { ...batch.header, time: batch.header.time + 1 } }];
      },
      'sequence',
    ],
    'a header of another service': [alteredHeader(() => ({ service: bytesOf('x') })), 'header'],
    'a header of an empty slot': [alteredHeader(() => ({ proposer: 4 })), 'header'],
    'a header of another epoch': [alteredHeader(() => ({ epoch: 1 })), 'header'],
    'time that runs backwards': [alteredHeader((header) => ({ time: header.time - 15 })), 'time'],
    'another previous root': [alteredHeader(() => ({ previousRoot: bytesOf('x') })), 'previous-root'],
    'another transactions root': [alteredHeader(() => ({ transactionsRoot: bytesOf('x') })), 'transactions-root'],
    'another number of transactions': [alteredHeader(() => ({ transactions: 7 })), 'transactions'],
    'a header that nobody certified': [
      () => {
        const script = new LedgerScript();
        script.batch();
        const [genesis, batch, ...certificates] = script.records as [
          LedgerRecord,
          RecordOf<'batch'>,
          ...LedgerRecord[],
        ];
        return [genesis, { ...batch, header: { ...batch.header, proposer: 2 } }, ...certificates.slice(1)];
      },
      'other-header',
    ],
    'an altered result': [
      alteredOutcome((outcome) => ({ ...outcome, result: flip(outcome.result) })),
      'transactions-root',
    ],
    'an altered write set': [
      alteredOutcome((outcome) => ({ ...outcome, writeSet: flip(outcome.writeSet) })),
      'transactions-root',
    ],
    'an altered salt': [alteredOutcome((outcome) => ({ ...outcome, salt: flip(outcome.salt) })), 'transactions-root'],
    'an outcome of another request': [
      alteredOutcome((outcome) => ({ ...outcome, request: flip(outcome.request) })),
      'transactions',
    ],
    'a missing outcome': [
      () => altered('batch', 0, (record) => ({ ...record, outcomes: record.outcomes.slice(1) })),
      'transactions',
    ],
    'a request without an outcome': [outcomesWith((outcomes) => outcomes.slice(0, 2)), 'transactions'],
    'an outcome without a request': [outcomesWith((outcomes) => [...outcomes, ...outcomes]), 'transactions'],
    'a bundle without requests': [
      () => {
        const script = new LedgerScript();
        script.batch(script.bundle('alice', 0));
        return script.records;
      },
      'transactions',
    ],
    'a bundle whose numbers have no end': [
      () => {
        const script = new LedgerScript();
        const item = script.bundle('alice', 2);
        const { header, outcomes } = script.accept([item]);
        assert.ok(item.kind === 'bundle');
        const batch = batchOf({ kind: 'bundle', bundle: { ...item.bundle, first: Number.MAX_SAFE_INTEGER } });
        return [script.records[0]!, { kind: 'batch', header, batch, outcomes }];
      },
      'transactions',
    ],
    'a batch that is none': [
      () => altered('batch', 0, (record) => ({ ...record, batch: Uint8Array.of(1) })),
      'malformed',
    ],
    'a request that its client did not sign': [
      () => {
        const script = new LedgerScript();
        const item = script.bundle('alice', 2);
        assert.ok(item.kind === 'bundle');
        script.batch({ kind: 'bundle', bundle: { ...item.bundle, signature: flip(item.bundle.signature) } });
        return script.records;
      },
      'client-signature',
    ],
    'a prepared certificate of too few': [
      () =>
        altered('prepared', 0, ({ certificate }) => ({
          kind: 'prepared',
          certificate: { ...certificate, votes: certificate.votes.slice(1) },
        })),
      'prepared-certificate',
    ],
    'a prepared certificate for another header': [
      () => {
        const script = new LedgerScript();
        const { header } = script.accept([]);
        script.records.push({
          kind: 'prepared',
          certificate: script.log.prepare({ ...header, time: header.time + 1 }),
        });
        return script.records;
      },
      'prepared-certificate',
    ],
    'a prepared certificate of an unknown epoch': [
      () =>
        altered('prepared', 0, ({ certificate }) => ({
          kind: 'prepared',
          certificate: { ...certificate, subject: { ...certificate.subject, epoch: 9 } },
        })),
      'prepared-certificate',
    ],
    'a commit certificate of too few': [
      () =>
        altered('commit', 0, ({ certificate }) => ({
          kind: 'commit',
          certificate: { ...certificate, reveals: certificate.reveals.slice(1) },
        })),
      'commit-certificate',
    ],
    'a commit certificate for a batch that is not here': [
      () => {
        const script = new LedgerScript();
        script.batch();
        return [script.records[0]!, script.records.at(-1)!];
      },
      'commit-certificate',
    ],
    'a certificate by keys of the epoch before': [
      () => {
        const script = new LedgerScript();
        script.turn(1, 's1b', 1);
        const { header } = script.accept([], { epoch: 0 });
        script.records.splice(-1, 1, {
          ...(script.records.at(-1) as RecordOf<'batch'>),
          header: { ...header, epoch: 1 },
        });
        const real = { ...header, epoch: 1 };
        script.records.push({
          kind: 'commit',
          certificate: script.log.commit(real, { epoch: 0 }, { launches: names }),
        });
        return script.records;
      },
      'commit-certificate',
    ],
    'a missing end of an epoch': [() => altered('epoch', 0, () => undefined), 'epoch-missing'],
    'an end of an epoch that leads elsewhere': [
      () =>
        altered('epoch', 0, ({ certificate }) => ({
          kind: 'epoch',
          certificate: { ...certificate, next: { ...certificate.next, seats: [] } },
        })),
      'epoch-certificate',
    ],
    'an epoch that ends twice': [
      () => {
        const { records } = told;
        const at = records.findIndex((record) => record.kind === 'epoch');
        return records.toSpliced(at, 0, records[at]!);
      },
      'epoch-certificate',
    ],
    'an end of an epoch by an earlier batch': [
      () => {
        const script = new LedgerScript();
        const early = script.accept([]);
        const certificate = script.commit([early]);
        script.turn(1, 's1b', 1);
        const end = script.records.pop() as RecordOf<'epoch'>;
        return [
          ...script.records,
          { kind: 'epoch', certificate: { ...end.certificate, header: early.header, certificate } },
        ];
      },
      'epoch-certificate',
    ],
    'an end of an epoch that skips one': [epochTo((next) => ({ ...next, epoch: 2 })), 'epoch-certificate'],
    'an end of an epoch with more slots': [epochTo((next) => ({ ...next, slots: 5 })), 'epoch-certificate'],
    'an end of an epoch by too few': [
      () =>
        altered('epoch', 0, ({ certificate }) => {
          const reveals = certificate.certificate.reveals.slice(1);
          return {
            kind: 'epoch',
            certificate: { ...certificate, certificate: { ...certificate.certificate, reveals } },
          };
        }),
      'commit-certificate',
    ],
    'an end of an epoch without a closing batch': [
      () => {
        const { records } = told;
        const end = records.find((record) => record.kind === 'epoch')!;
        return [...records.slice(0, 5), end];
      },
      'commit-certificate',
    ],
    'a batch after the closing one': [
      () => {
        const script = new LedgerScript();
        script.turn(1, 's1b', 1);
        const [end] = script.records.splice(-3).slice(-1);
        script.log.configuration = script.log.genesis.configuration;
        script.accept([]);
        return [...script.records, end!];
      },
      'epoch-missing',
    ],
    'a checkpoint of too few': [
      () =>
        altered('checkpoint', 0, ({ certificate }) => ({
          kind: 'checkpoint',
          certificate: { ...certificate, signatures: certificate.signatures.slice(1) },
        })),
      'checkpoint-certificate',
    ],
    'a checkpoint of an unknown epoch': [
      () =>
        altered('checkpoint', 0, ({ certificate }) => ({
          kind: 'checkpoint',
          certificate: { ...certificate, epoch: 9 },
        })),
      'checkpoint-certificate',
    ],
    'a checkpoint of what is not here': [
      () => {
        const script = new LedgerScript();
        script.batch();
        script.checkpoint();
        return script.records.filter(({ kind }) => kind === 'genesis' || kind === 'checkpoint');
      },
      'checkpoint-certificate',
    ],
    'a checkpoint of another batch than the one that waits': [
      () => {
        const script = new LedgerScript();
        script.accept([]);
        script.checkpoint({ ledgerRoot: bytesOf('x') });
        return script.records;
      },
      'ledger-root',
    ],
    'a checkpoint with another ledger root': [checkpointWith({ ledgerRoot: bytesOf('x') }), 'ledger-root'],
    'a checkpoint with another state': [checkpointWith({ stateDigest: bytesOf('x') }), 'state-digest'],
    'a checkpoint of an earlier state than the one recomputed': [
      () => {
        const script = new LedgerScript();
        script.batch();
        script.checkpoint();
        const early = script.records.at(-1)!;
        script.batch();
        script.checkpoint();
        return [...script.records, early];
      },
      'state-digest',
    ],
    'a new-view that its primary did not sign': [
      () =>
        altered('new-view', 0, ({ newView }) => ({
          kind: 'new-view',
          newView: { ...newView, signature: flip(newView.signature) },
        })),
      'new-view',
    ],
    'a new-view of another slot': [newViewWith({ slot: 2 }), 'new-view'],
    'a new-view of another epoch': [newViewWith({ epoch: 1 }), 'new-view'],
    'a new-view of another service': [newViewWith({ service: bytesOf('x') }), 'new-view'],
    'a view change with another header than was prepared': [
      newViewFor((prepared) => ({ ...prepared, header: { ...prepared.header, proposer: 1 } })),
      'new-view',
    ],
    'a view change with a header that too few prepared': [
      newViewFor(({ header, certificate }) => ({
        header,
        certificate: { ...certificate, votes: certificate.votes.slice(1) },
      })),
      'new-view',
    ],
    'a new-view of too few': [newViewWith({ viewChanges: [] }), 'new-view'],
    'a new-view with an altered view change': [
      () => {
        const script = new LedgerScript();
        const { header } = script.accept([]);
        script.newView(1, script.prepared(header));
        const record = script.records.pop() as RecordOf<'new-view'>;
        const viewChanges = record.newView.viewChanges.map((each) => ({ ...each, prepared: undefined }));
        script.newView(1, undefined, { viewChanges });
        return script.records;
      },
      'new-view',
    ],
  };

  for (const [name, [make, code]] of Object.entries(cases)) {
    it(name, async () => {
      const report = await run(make());
      assert.equal(report.firstProblem?.code, code, JSON.stringify(report.problems.slice(0, 3)));
      assert.equal(report.ok, false);
    });
  }

  function alteredHeader(changes: (header: Header) => Partial<Header>): () => LedgerRecord[] {
    return () =>
      altered('batch', 1, (record) => ({ ...record, header: { ...record.header, ...changes(record.header) } }));
  }

  function alteredOutcome(
    change: (outcome: RecordOf<'batch'>['outcomes'][number]) => RecordOf<'batch'>['outcomes'][number],
  ): () => LedgerRecord[] {
    return () =>
      altered('batch', 0, (record) => ({ ...record, outcomes: record.outcomes.with(1, change(record.outcomes[1]!)) }));
  }

  function outcomesWith(
    change: (outcomes: RecordOf<'batch'>['outcomes']) => RecordOf<'batch'>['outcomes'],
  ): () => LedgerRecord[] {
    return () => {
      const script = new LedgerScript();
      const items = [script.bundle('alice', 3)];
      const outcomes = [...change(script.outcomes(items))];
      script.accept(items, {}, outcomes);
      return script.records;
    };
  }

  function epochTo(change: (next: Configuration) => Configuration): () => LedgerRecord[] {
    return () => {
      const script = new LedgerScript();
      script.close(change(script.log.nextConfiguration()), names);
      return script.records;
    };
  }

  function checkpointWith(changes: Parameters<LedgerScript['checkpoint']>[0]): () => LedgerRecord[] {
    return () => {
      const script = new LedgerScript();
      script.batch();
      script.checkpoint(changes);
      return script.records;
    };
  }

  function newViewFor(
    change: (prepared: ReturnType<LedgerScript['prepared']>) => ReturnType<LedgerScript['prepared']>,
  ): () => LedgerRecord[] {
    return () => {
      const script = new LedgerScript();
      script.newView(1, change(script.prepared(script.accept([]).header)));
      return script.records;
    };
  }

  function newViewWith(changes: Parameters<LedgerScript['newView']>[2]): () => LedgerRecord[] {
    return () => {
      const script = new LedgerScript();
      script.newView(1, script.prepared(script.accept([]).header), changes);
      return script.records;
    };
  }
});
