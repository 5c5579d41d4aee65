/**
 * Members govern a running service from terminals: some of them from machines that no network reaches.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder, readKey } from '@coppice/cli';
import { toHex } from '@coppice/wire';
import { found, until } from '../cluster.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

interface Answer {
  readonly status: number;
  readonly json: any;
}

it('what members sign offline, anybody hands in; it counts once, unaltered, from members', async (t) => {
  const cluster = await found(t);
  const service = toHex(cluster.local.service);
  const folder = mkdtempSync(join(tmpdir(), 'coppice-members-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string): string => join(folder, name);
  const keyOf = (i: number): string => join(cluster.folder, 'members', `member-${i}.key`);
  const publicKey = (path: string): string => toHex(readKey(path).publicKey);

  const run = (...args: readonly string[]): Answer => {
    const { status, stdout } = spawnSync(process.execPath, [coppice, 'member', ...args, '--json'], {
      encoding: 'utf8',
      cwd: folder,
    });
    return { status: status!, json: JSON.parse(stdout.trim().split('\n').at(-1)!) };
  };
  const online = (...args: readonly string[]): Answer => run(...args, '--folder', cluster.folder);
  const offline = (...args: readonly string[]): Answer => run(...args, '--service', service);
  const refused = ({ status, json }: Answer, code: string): void => {
    assert.equal(status, 4, JSON.stringify(json));
    assert.equal(json.error.code, code);
  };

  // One drafts, another signs what it proposes, a third votes: none of them reaches a replica.
  const action = file('action.json');
  writeFileSync(action, JSON.stringify({ kind: 'set-roles', key: publicKey(keyOf(3)), roles: ['auditor'] }));
  assert.equal(offline('propose', action, '--unsigned', '--out', file('draft.json')).json.signed, false);
  offline('sign', file('draft.json'), '--member-key', keyOf(1), '--out', file('proposal'));
  const ballot = offline('vote', file('proposal'), '--approve', '--member-key', keyOf(2), '--out', file('ballot'));
  assert.deepEqual([ballot.status, ballot.json.kind], [0, 'ballot']);
  assert.equal(offline('show', file('proposal')).json.action.kind, 'set-roles');

  // An altered file is refused before it is sent.
  const altered = new Uint8Array(readFileSync(file('proposal')));
  altered[altered.length - 100]! ^= 1;
  writeFileSync(file('altered'), altered);
  assert.equal(online('submit', file('altered')).status, 1);
  refused(online('submit', file('ballot')), 'no-such-proposal');

  // A client carries them.
  const { submitted } = online('submit', file('proposal'), file('ballot')).json;
  assert.deepEqual(
    submitted.map((one: any) => [one.proposal, one.state, one.approvals]),
    [
      [1, 'open', 1],
      [1, 'accepted', 2],
    ],
  );
  refused(online('submit', file('proposal')), 'replayed-statement');
  refused(online('submit', file('ballot')), 'proposal-closed');
  const { members, proposals } = online('list').json;
  assert.deepEqual(members[2].roles, ['auditor']);
  assert.deepEqual([proposals[0].state, proposals[0].needed], ['accepted', 2]);
  assert.equal(online('show', '1').json.ballots.length, 1);

  // Another service's members cannot be replayed here.
  const elsewhere = toHex(randomBytes(32));
  const early = JSON.stringify({ kind: 'early-turn', slot: 0 });
  run('propose', early, '--service', elsewhere, '--member-key', keyOf(1), '--out', file('elsewhere'));
  refused(online('submit', file('elsewhere')), 'other-service');

  // A member changes its key, which shows itself on another machine.
  writeFileSync(file('new.key'), toHex(randomBytes(32)));
  const replaces = publicKey(keyOf(1));
  offline('prove-key', '--member-key', file('new.key'), '--replaces', replaces, '--out', file('proof'));
  refused(online('rotate', '--proof', file('proof'), '--as', 'member-2'), 'wrong-key-proof');
  assert.equal(online('propose', early, '--as', 'member-1').json.proposal, 2);
  assert.equal(online('rotate', '--proof', file('proof'), '--as', 'member-1').json.state, 'accepted');
  refused(online('propose', early, '--as', 'member-1'), 'not-a-member');
  assert.deepEqual(online('vote', '2', '--approve', '--as', 'member-2').json.approvals, 1);
  refused(online('vote', '2', '--approve', '--as', 'member-2'), 'double-ballot');
  refused(online('withdraw', '2', '--as', 'member-2'), 'not-the-proposer');
  assert.equal(online('vote', '2', '--approve', '--member-key', file('new.key')).json.state, 'accepted');

  // A member goes: what it signed before comes too late.
  const third = publicKey(keyOf(3));
  online('propose', JSON.stringify({ kind: 'early-turn', slot: 3 }), '--as', 'member-2');
  online('vote', '4', '--approve', '--as', 'member-3', '--out', file('late'));
  online('propose', JSON.stringify({ kind: 'remove-member', key: third }), '--as', 'member-2');
  assert.equal(online('vote', '5', '--approve', '--member-key', file('new.key')).json.state, 'accepted');
  refused(online('submit', file('late')), 'not-a-member');
  refused(
    online('propose', JSON.stringify({ kind: 'remove-member', key: third }), '--as', 'member-2'),
    'no-such-member',
  );

  await until('the ledger of a replica holds all of it', async () => {
    const report = await auditFolder(cluster.at(1).folder, cluster.local.service);
    const actions = report.decisions.map(({ action }) => action);
    return report.ok && actions.join(' ') === 'set-roles rotate-key early-turn remove-member';
  });
});
