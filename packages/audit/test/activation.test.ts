/**
 * Activations, as an audit judges them: that they were due, alone, once, and changed what they say. spec/upgrades.md; line numbers in brackets.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  configurationDigest,
  encodeCbor,
  type Header,
  type Item,
  type Outcome,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import { type Activation, writeActivation } from '../../governance/src/index.ts';
import { TransactionsTree } from '../../ledger/src/index.ts';
import { bytesOf, testCryptography as cryptography } from '../../ledger/test/fixtures.ts';
import { encodeWriteSet, type WriteSet } from '../../state/src/index.ts';
import { LedgerScript } from './ledger-script.ts';
import { run } from './story.ts';

/** All seats run it from the beginning, and it can do more than the service begins with: an activation is due at once. */
const release = bytesOf('release');
const scripts = [1, 2].map((version) => ({ version, script: bytesOf(`script ${version}`) }));
const constitutionOf = (services: readonly object[]) =>
  encodeCbor({ releases: [{ digest: release, protocols: [1], services }], service: { version: 1 } } as never);

type Activate = Extract<SystemRequest, { kind: 'activate' }>;
const request: Activate = { kind: 'activate', release, protocol: 1, service: 2, attempt: 1 };
const before: Activation = {
  ...{ protocol: 1, code: scripts[0]!, release, attempts: 0 },
  ...{ failed: undefined, migration: undefined },
};
const after: Activation = { ...before, code: scripts[1]!, attempts: 1 };
const failure = { release, protocol: 1, service: 2, code: 'unready', message: 'no' };
const failed: Activation = { ...before, attempts: 1, failed: failure };

function written(activation: Activation, ...others: WriteSet): WriteSet {
  let value: Uint8Array | undefined;
  writeActivation({ set: (_, __, bytes) => (value = bytes) }, activation);
  return [{ address: '$active\0', value }, ...others];
}

const migrated = { address: 'service/map\0x', value: bytesOf('x') };
const remembered = { address: 'history/map\0x', value: bytesOf('x') };

interface Told {
  readonly services?: readonly object[];
  readonly ordered?: readonly Item[];
  readonly changes?: WriteSet;
  readonly header?: Partial<Header>;
  /** Batches after it, by what they write. */
  readonly later?: readonly WriteSet[];
}

const system = (of: SystemRequest): Item => ({ kind: 'system', request: of });

/** The audit of a ledger whose first batch is this. */
async function audited(told: Told) {
  const {
    changes = written(after, migrated),
    header,
    ordered = [system(request)],
    services = scripts,
    later = [],
  } = told;
  const script = new LedgerScript(constitutionOf(services));
  const outcome = (of: Uint8Array, writeSet: WriteSet): Outcome => {
    const ascending = [...writeSet].sort((a, b) => (a.address < b.address ? -1 : 1));
    return { request: of, result: new Uint8Array(0), salt: new Uint8Array(0), writeSet: encodeWriteSet(ascending) };
  };
  const outcomes = ordered.flatMap((item) => {
    if (item.kind === 'bundle') return script.outcomes([item]).slice(0, 1);
    const { request: of } = item;
    return [outcome(systemRequestDigest(cryptography, of), of.kind === 'activate' ? changes : [])];
  });
  script.commit([script.accept(ordered, header, outcomes)]);
  for (const writeSet of later) script.commit([script.accept([], {}, [outcome(new Uint8Array(32), writeSet)])]);
  const { problems, activations } = await run(script.records);
  return { said: problems.map(({ code, message }) => `${code}: ${message.replace(/^batch \d+: /, '')}`), activations };
}

describe('an audit', () => {
  it('follows an activation', async () => {
    const { activations, said } = await audited({
      changes: written(after, migrated, remembered),
      later: [[migrated]],
    });
    assert.deepEqual(said, []);
    const [one] = activations;
    assert.deepEqual(
      [one?.from, one?.to, one?.failed, one?.entriesWritten],
      [{ protocol: 1, service: 1 }, { protocol: 1, service: 2 }, undefined, 2],
    );
  });

  it('follows one that fails', async () => {
    const { activations, said } = await audited({ changes: written(failed), later: [[migrated]] });
    assert.deepEqual(said, []);
    assert.equal(activations[0]?.failed?.code, 'unready');
  });

  const divergentOf: SystemRequest = {
    kind: 'divergent',
    request: systemRequestDigest(cryptography, request),
    refusals: [],
  };
  it('follows one that replicas could not agree on', async () => {
    const changes = written({ ...failed, failed: { ...failure, code: 'divergent' } });
    assert.deepEqual((await audited({ ordered: [system(divergentOf), system(request)], changes })).said, []);
  });

  const client = (): Item => new LedgerScript(constitutionOf(scripts)).bundle('alice', 1);
  const cases: [string, Told, RegExp][] = [
    [
      'one that was due and is not there [10]',
      { ordered: [] },
      /^activation: an activation is due, and it orders none$/,
    ],
    ['one that was not due [11]', { services: scripts.slice(0, 1) }, /^activation: an activation that is not due$/],
    [
      'another than was due [10]',
      { ordered: [system({ ...request, attempt: 2 })] },
      /^activation: another activation is due$/,
    ],
    ['one that is not alone [10]', { ordered: [system(request), client()] }, /^activation: more than an activation$/],
    ['one that changes nothing [16]', { changes: [migrated] }, /^activation: its activation changes nothing$/],
    [
      'one that makes something else active [16]',
      { changes: written({ ...after, protocol: 2 }) },
      /^activation: the activation makes something else active$/,
    ],
    [
      'one that is not counted [12]',
      { changes: written({ ...after, attempts: 0 }) },
      /^activation: attempts are not counted$/,
    ],
    [
      'one that writes what is not the service’s [17]',
      { changes: written(after, { address: '$clients\0x', value: bytesOf('x') }) },
      /^activation: the migration wrote more than the service has$/,
    ],
    [
      'one that failed, and wrote something [15]',
      { changes: written(failed, migrated) },
      /^activation: a failed migration wrote something$/,
    ],
    [
      'one that failed, and took effect [15]',
      { changes: written({ ...after, failed: failure }) },
      /^activation: a failed activation takes effect$/,
    ],
    [
      'one that replicas could not agree on, and that took effect [13]',
      { ordered: [system(divergentOf), system(request)] },
      /^activation: an activation that replicas could not agree on took effect$/,
    ],
    [
      'a change of what is active by nothing [5]',
      { later: [written({ ...after, code: scripts[0]! })] },
      /^activation: what is active changed without an activation$/,
    ],
    [
      'a header of another version [20]',
      { header: { protocolVersion: 2, code: scripts[0]! } },
      /^activation: its header is of version 2, and 1 is active$/,
    ],
  ];
  for (const [name, told, problem] of cases) {
    it(`finds ${name}`, async () => {
      const { said } = await audited(told);
      assert.match(said[0] ?? 'nothing', problem);
    });
  }
});

/** Entries of a migration under way: how far it is, and what its steps replaced. */
const progressOf = (steps: number, why?: typeof failure): WriteSet[number] => {
  let value: Uint8Array | undefined;
  const migration = { release, protocol: 1, service: 2, steps, cursor: bytesOf('cursor'), failed: why };
  writeActivation({ set: (_, __, bytes) => (value = bytes) }, { ...before, migration });
  return { address: '$migration\0', value };
};
const pieceAt = (step: number): string => `$migration\0\0\0\0${String.fromCharCode(step)}\0\0`;
const kept = (step: number, ...replaced: WriteSet): WriteSet[number] => ({
  address: pieceAt(step),
  value: encodeWriteSet(replaced),
});
const gone = (step: number): WriteSet[number] => ({ address: pieceAt(step), value: undefined });
const over: WriteSet[number] = { address: '$migration\0', value: undefined };
const y = (value?: string): WriteSet[number] => ({
  address: 'service/map\0y',
  value: value ? bytesOf(value) : undefined,
});
const shown = { address: 'public/map\0z', value: bytesOf('z') };

describe('an audit of a migration in steps', () => {
  const now = (attempts: number, change: Partial<Activation> = {}): WriteSet =>
    written({ ...before, attempts, ...change });
  const two: readonly WriteSet[] = [
    [...now(1), progressOf(1), kept(0, y('old')), y('new')],
    [...now(2), progressOf(2), kept(1, shown), { ...shown, value: undefined }],
  ];
  const done: WriteSet = [...now(3, { code: scripts[1]! }), over, gone(0), gone(1), y('end')];
  const fails: WriteSet = [...now(3), progressOf(2, failure)];
  const back: readonly WriteSet[] = [
    [...now(4), progressOf(1, failure), gone(1), shown],
    [...now(5, { failed: failure }), over, gone(0), y('old')],
  ];

  async function said(batches: readonly WriteSet[]) {
    const script = new LedgerScript(constitutionOf(scripts));
    for (const [i, changes] of batches.entries()) {
      const of: SystemRequest = { ...request, attempt: i + 1 };
      const ascending = [...changes].sort((a, b) => (a.address < b.address ? -1 : 1));
      const outcome: Outcome = {
        request: systemRequestDigest(cryptography, of),
        ...{ result: new Uint8Array(0), salt: new Uint8Array(0), writeSet: encodeWriteSet(ascending) },
      };
      script.commit([script.accept([system(of)], {}, [outcome])]);
    }
    const { activations, problems } = await run(script.records);
    return { activations, said: problems.map(({ message }) => message.replace(/^batch \d+: /, '')) };
  }

  it('follows it to its end, and back', async () => {
    const forth = await said([...two, done]);
    assert.deepEqual(forth.said, []);
    const [{ batches, entriesWritten, failed: why } = {}] = forth.activations;
    assert.deepEqual([forth.activations.length, batches, entriesWritten, why], [1, 3, 3, undefined]);
    const failedOne = await said([...two, fails, ...back]);
    assert.deepEqual(failedOne.said, []);
    assert.deepEqual([failedOne.activations.length, failedOne.activations[0]?.failed?.code], [1, 'unready']);
  });

  const cases: [string, readonly WriteSet[], RegExp][] = [
    ['steps that are not counted', [[...now(1), progressOf(2), kept(1, y('old')), y('new')]], /^steps are not counted/],
    [
      'a step that keeps less than it replaced',
      [[...now(1), progressOf(1), kept(0), y('new')]],
      /^a step does not keep what it replaced/,
    ],
    [
      'a step that takes effect',
      [[...now(1, { code: scripts[1]! }), progressOf(1), kept(0, y('old')), y('new')]],
      /^a step of a migration takes effect/,
    ],
    [
      'a step that writes what is not the service’s',
      [[...now(1), progressOf(1), kept(0, { ...y(), address: '$x\0' }), { ...y('new'), address: '$x\0' }]],
      /^the migration wrote more than the service has/,
    ],
    [
      'a step taken back as another',
      [...two, fails, [...back[0]!.slice(0, -1), y('other')]],
      /^a step is not taken back as it was taken/,
    ],
    [
      'steps taken back at once',
      [...two, fails, [...now(4, { failed: failure }), over, gone(0), gone(1), y('old')]],
      /^steps are not taken back one by one/,
    ],
    [
      'a failure that leaves what steps wrote',
      [...two, [...now(3, { failed: failure }), over, gone(0), gone(1)]],
      /^a migration that failed is not taken back/,
    ],
    [
      'an end that leaves something',
      [[...now(1, { code: scripts[1]! }), kept(0, y('old'))]],
      /^something is left of its migration/,
    ],
  ];
  for (const [name, batches, problem] of cases)
    it(`finds ${name}`, async () => assert.match((await said(batches)).said.at(-1) ?? 'nothing', problem));
});

describe('a ledger whose hash changes', () => {
  const constitution = encodeCbor({
    releases: [{ digest: release, protocols: [1], services: scripts.slice(0, 1) }],
    service: { version: 1 },
  });
  const beyond = encodeCbor({
    releases: [{ digest: release, protocols: [1, 4], services: scripts.slice(0, 1) }],
    service: { version: 1 },
  });

  /** Activates version 4 with the second batch; `then` writes what follows. */
  async function said(then: (script: LedgerScript) => void): Promise<string[]> {
    const script = new LedgerScript(constitution);
    script.checkpoint();
    const outcome = (of: Uint8Array, writeSet: WriteSet): Outcome => {
      return { request: of, result: new Uint8Array(0), salt: new Uint8Array(0), writeSet: encodeWriteSet(writeSet) };
    };
    const amended = outcome(new Uint8Array(32), [{ address: '$constitution\0', value: beyond }]);
    script.commit([script.accept([], {}, [amended])]);
    const to4: Activate = { ...request, protocol: 4, service: 1 };
    const changes = written({ ...before, protocol: 4, attempts: 1 });
    script.commit([script.accept([system(to4)], {}, [outcome(systemRequestDigest(cryptography, to4), changes)])]);
    script.checkpoint();
    script.log.protocol = 4;
    script.log.code = scripts[0]!;
    then(script);
    const { problems } = await run(script.records);
    // Nobody decided on the constitution that says what the release can speak: that is another test’s.
    return problems.filter(({ code }) => code !== 'governance').map(({ code }) => code);
  }

  const more = (script: LedgerScript, changes: Partial<Header> = {}): void => {
    const items = [script.bundle('alice', 3), script.bundle('bob', 2)];
    script.commit([script.accept(items, changes)]);
  };

  it('is followed from one to the other', async () => {
    const problems = await said((script) => {
      more(script);
      script.checkpoint();
      more(script);
      script.close(script.log.nextConfiguration(), script.log.launches);
      more(script);
      script.checkpoint();
    });
    // Nobody new sits in its second epoch.
    assert.deepEqual(problems, ['seats']);
  });

  const wrongs: [string, string, (script: LedgerScript) => void][] = [
    ['that goes on with the hash before', 'activation', (script) => ((script.log.protocol = 3), more(script))],
    ['that changed elsewhere than its headers say', 'header', (script) => more(script, { rehashed: 1 })],
    [
      'whose requests are named by the hash before',
      'transactions',
      (script) => {
        const item = script.bundle('alice', 3);
        script.log.protocol = 1;
        const outcomes = script.outcomes([item]);
        script.log.protocol = 4;
        script.commit([script.accept([item], {}, outcomes)]);
      },
    ],
    [
      'whose transactions are under a root of the hash before',
      'transactions-root',
      (script) => {
        const item = script.bundle('alice', 3);
        const outcomes = script.outcomes([item]);
        const { root: transactionsRoot } = new TransactionsTree(cryptography, outcomes);
        script.commit([script.accept([item], { transactionsRoot }, outcomes)]);
      },
    ],
    [
      'with a state whose digest is of the hash before',
      'state-digest',
      (script) => {
        more(script);
        script.state.hashBy(cryptography);
        script.checkpoint({ stateDigest: script.state.digest() });
      },
    ],
    [
      'with a configuration named by the hash before',
      'epoch-missing',
      (script) => more(script, { configuration: configurationDigest(cryptography, script.log.configuration) }),
    ],
  ];
  for (const [name, code, then] of wrongs)
    it(`is not one ${name}`, async () =>
      assert.ok((await said((script) => (then(script), more(script)))).includes(code)));
});
