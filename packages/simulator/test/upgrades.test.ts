/**
 * Members who upgrade the service while replicas fail, are replaced and attacked. `npm run sim -- --seeds 500 --upgrades` runs more.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { writeActivation } from '@coppice/governance';
import { type Outcome, simulate } from '@coppice/simulator';
import { type Configuration, encodeCbor, encodeResult, type Item, type SystemRequest } from '@coppice/wire';
import { encodeWriteSet } from '../../state/src/index.ts';
import { Upgrades } from '../src/checkers/upgrades.ts';
import { quickProvider } from '../src/cryptography.ts';
import { releaseEntry, releases, scriptOf } from '../src/founding.ts';

describe('seeds in which the service is upgraded', () => {
  const outcomes: Outcome[] = [];
  for (const [seed, upgrades] of [
    [5, 'sound'],
    [17, 'failing'],
    [4, 'divergent'],
  ] as const) {
    it(`${seed}, where the first migration is ${upgrades}`, () => {
      const outcome = simulate(seed, { choices: { upgrades, choice: 'ample' } });
      outcomes.push(outcome);
      assert.deepEqual(outcome.violations, []);
    });
  }

  for (const [seed, upgrades] of [
    [8, 'stepwise'],
    [8, 'failing-stepwise'],
    [8, 'divergent-stepwise'],
  ] as const)
    it(`${seed}, ${upgrades}`, () => {
      const outcome = simulate(seed, { choices: { upgrades, choice: 'ample', ballots: false } });
      outcomes.push(outcome);
      assert.deepEqual(outcome.violations, []);
      const { branch } = outcome.reached;
      assert.ok(branch['a migration goes on in another step']! > 0);
      assert.equal(branch['a step of a migration is taken back']! > 0, upgrades !== 'stepwise');
    });

  it('not: one that was founded with version 3 of the protocol, so that every seat signs by scheme 2', () => {
    const { activations, turns, violations } = simulate(4, { choices: { protocol: 3, upgrades: 'none' } });
    assert.deepEqual(violations, []);
    // The last epoch may have no batch yet.
    assert.ok(turns > 0 && activations['outlived']! >= turns);
  });

  after(() => {
    for (const how of ['activated', 'rehashed', 'unready', 'divergent'])
      assert.ok(
        outcomes.some(({ activations }) => (activations[how] ?? 0) > 0),
        how,
      );
  });
});

describe('the checker of upgrades', () => {
  const cryptography = quickProvider().cryptography;
  const [founded, sound] = [releases[0]!, releases[1]!];
  const request: SystemRequest = { kind: 'activate', release: sound.digest, protocol: 4, service: 2, attempt: 1 };
  // Members approved it, and nobody is asked how.
  const constitution = encodeCbor({
    releases: [releaseEntry(founded, 4), releaseEntry(sound, 4)],
    service: { version: 1 },
  });
  const written = (entries: Readonly<Record<string, Uint8Array | undefined>>): Uint8Array =>
    encodeWriteSet(
      Object.entries(entries)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([address, value]) => ({ address, value })),
    );
  let active: Uint8Array | undefined;
  writeActivation(
    { set: (_, __, value) => (active = value) },
    {
      ...{ protocol: 4, code: { version: 2, script: scriptOf(2, 'sound') } },
      ...{ release: sound.digest, attempts: 1, failed: undefined, migration: undefined },
    },
  );

  const seated = (release: Uint8Array, slot: number) => ({
    ...{ slot, release, instance: new Uint8Array(32).fill(slot) },
    signingKey: new Uint8Array(32),
  });

  /** What it says of a fleet that writes a register, and is upgraded. */
  function said(seats: readonly Uint8Array[], migrated: Readonly<Record<string, Uint8Array | undefined>>): string[] {
    const violations: string[] = [];
    const configuration = {
      epoch: 0,
      slots: 4,
      seats: seats.map(seated),
    };
    const configurations = [configuration as unknown as Configuration];
    const violate = (message: string): void => void violations.push(message);
    const service = new Uint8Array(32);
    const checker = new Upgrades({ violate, cryptography, service, constitution, configurations });
    const commit = (sequence: number, items: readonly Item[], writeSets: readonly Uint8Array[]): void =>
      checker.committed(
        { corrupt: false } as never,
        {
          header: { epoch: 0, sequence, time: sequence, protocolVersion: 1 },
          items,
          outcomes: writeSets.map((writeSet) => ({ writeSet })),
        } as never,
      );
    commit(1, [{ kind: 'system', request }], [written({ ...migrated, '$active\0': active })]);
    return violations;
  }

  it('is content with what has to be', () => {
    assert.deepEqual(
      said(
        [sound, sound, sound, sound].map(({ digest }) => digest),
        {},
      ),
      [],
    );
  });

  it('finds an activation before every slot has moved, and who cannot go on then', () => {
    const found = said(
      [sound, sound, sound, founded].map(({ digest }) => digest),
      {},
    );
    assert.match(found.join(), /an activation that is not due/);
  });

  it('finds keys that were not asked for', () => {
    const violations: string[] = [];
    const configuration = { epoch: 0, slots: 4, seats: [sound, sound].map(({ digest }, slot) => seated(digest, slot)) };
    const checker = new Upgrades({
      violate: (message) => void violations.push(message),
      cryptography,
      service: new Uint8Array(32),
      constitution,
      configurations: [configuration as unknown as Configuration],
    });
    const join = (slot: number, ok: boolean) => ({
      item: { kind: 'system', request: { kind: 'join', join: { instance: configuration.seats[slot]!.instance } } },
      outcome: {
        writeSet: encodeWriteSet([]),
        result: encodeResult(ok ? { ok, value: null } : { ok, error: { code: 'wrong-keys', message: '' } }),
      },
    });
    const joins = [join(0, false), join(1, true)];
    const header = { epoch: 0, sequence: 1, time: 1, protocolVersion: 3 };
    const commit = (batch: object): void => checker.committed({ corrupt: false } as never, batch as never);
    commit({ header, items: joins.map(({ item }) => item), outcomes: joins.map(({ outcome }) => outcome) });
    commit({ header: { ...header, sequence: 2 }, items: [], outcomes: [] });
    const found = violations.filter((message) => message.includes('scheme'));
    assert.deepEqual(found, ['in epoch 0, the key of slot 1 is not of scheme 2']);
  });

  it('finds a release that nobody approved', () => {
    const found = said([sound.digest, sound.digest, sound.digest, new Uint8Array(32)], {});
    assert.match(found.join(), /slot 3 has release 00000000/);
  });

  it('finds a migration that makes something up', () => {
    const found = said(
      [sound, sound, sound, sound].map(({ digest }) => digest),
      { 'service/registers-2\0x': encodeCbor('made up') },
    );
    assert.match(found.join(), /the migration to version 2 is not that of the state before/);
  });
});
