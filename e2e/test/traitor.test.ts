/**
 * A seated replica whose keys an intruder has, and uses while it can: one of f, whatever it says. Its frames are refused with counted
 * reasons, its floods cost the others little, and the service goes on.
 */
import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { type KeyedSigner, newSigner, nodeCryptography, signerOf } from '@coppice/cryptography';
import { encodeMessage } from '@coppice/node';
import type { Message } from '@coppice/protocol';
import {
  type Bundle,
  commitmentOf,
  type Configuration,
  erasureStatement,
  type Header,
  limits,
  suspicionStatement,
  viewChangeStatement,
  voteStatement,
} from '@coppice/wire';
import { found, operation, rob, sleep, statusOf, until } from '../cluster.ts';
import { bundleOf, say, tls } from '../hostile.ts';
import { Load } from '../load.ts';

const zero = new Uint8Array(32);
const far = Number.MAX_SAFE_INTEGER;

/** What the intruder in `slot` says, by what it should be counted as; the rest may pass, and should do no harm. */
function lies(
  service: Uint8Array,
  slot: number,
  signer: KeyedSigner,
  { epoch, seats }: Configuration,
  committed: number,
): (readonly [string | undefined, Message])[] {
  const view = 0;
  const header = (sequence: number): Header => ({
    ...{ protocolVersion: 1, service, epoch, sequence, time: Date.now(), proposer: slot },
    ...{ previousRoot: zero, transactionsRoot: zero, transactions: 0, configuration: zero },
  });
  const vote = (sequence: number, by: number, view: number, valid: boolean) => {
    const subject = { epoch, view, sequence, headerDigest: randomBytes(32), newView: zero };
    const commitment = commitmentOf(nodeCryptography, zero);
    return {
      subject,
      slot: by,
      commitment,
      signature: valid ? signer.sign(voteStatement(service, subject, commitment)) : new Uint8Array(64),
    };
  };
  const viewChange = (asked: number, by: number, valid: boolean) => {
    const unsigned = { service, epoch, view: asked, slot: by, prepared: undefined };
    return { ...unsigned, signature: valid ? signer.sign(viewChangeStatement(unsigned)) : new Uint8Array(64) };
  };
  const other = seats.find((seat) => seat.slot !== slot)!;
  const erasure = { service, epoch, slot: other.slot, instance: other.instance };
  const suspicion = {
    service,
    epoch,
    slot: other.slot,
    suspect: slot,
    instance: other.instance,
    reason: 'silent' as const,
  };
  const bundle: Bundle = {
    ...bundleOf(service, { operations: [operation({ command: 'increment', input: { key: 'forged' } })] }),
    client: newSigner().publicKey,
  };
  const certificate = { subject: vote(committed + 1, slot, view, false).subject, reveals: [] };
  const checkpoint = {
    epoch,
    slot,
    sequence: committed + 64,
    ledgerRoot: zero,
    stateDigest: zero,
    signature: new Uint8Array(64),
  };
  const huge = randomBytes(limits.batchBytes);
  return [
    [
      'pre-prepare not-primary',
      { kind: 'pre-prepare', header: header(committed + 1), batch: huge, vote: vote(committed + 1, slot, view, true) },
    ],
    ['prepare unknown-sender', { kind: 'prepare', vote: vote(committed + 1, other.slot, view, true) }],
    ['prepare outside-window', { kind: 'prepare', vote: vote(committed + 100_000, slot, view, true) }],
    [undefined, { kind: 'prepare', vote: vote(committed + 8, slot, view, false) }],
    [undefined, { kind: 'echo', vote: vote(committed + 1, slot, view, true) }],
    ['commit no-such-vote', { kind: 'commit', epoch, view, reveals: [{ sequence: committed + 100_000, nonce: zero }] }],
    ['view-change unknown-sender', { kind: 'view-change', viewChange: viewChange(1, other.slot, true) }],
    ['view-change bad-signature', { kind: 'view-change', viewChange: viewChange(1, slot, false) }],
    [
      'new-view not-primary',
      {
        kind: 'new-view',
        newView: { service, epoch, view: 4001, slot, viewChanges: [], signature: new Uint8Array(64) },
      },
    ],
    [
      'new-view bad-signature',
      {
        kind: 'new-view',
        newView: { service, epoch, view: 4001, slot: 1, viewChanges: [], signature: new Uint8Array(64) },
      },
    ],
    ['checkpoint bad-signature', { kind: 'checkpoint', ...checkpoint }],
    ['checkpoint unknown-sender', { kind: 'checkpoint', ...checkpoint, slot: other.slot }],
    ['bundle inadmissible', { kind: 'forward', item: { kind: 'bundle', bundle } }],
    [
      'system inadmissible',
      {
        kind: 'forward',
        item: {
          kind: 'system',
          request: { kind: 'erasure', erasure: { ...erasure, signature: signer.sign(erasureStatement(erasure)) } },
        },
      },
    ],
    [
      'system inadmissible',
      {
        kind: 'forward',
        item: {
          kind: 'system',
          request: {
            kind: 'suspicion',
            suspicion: { ...suspicion, signature: signer.sign(suspicionStatement(suspicion)) },
          },
        },
      },
    ],
    [
      'entries not-asked',
      { kind: 'entries', entries: [{ header: header(committed + 1), batch: new Uint8Array(0) }], certificate },
    ],
    ['held not-asked', { kind: 'held', entries: [] }],
    ['outcomes not-asked', { kind: 'outcomes', sequence: committed, headerDigest: zero, outcomes: [] }],
    ['state not-asked', { kind: 'state', sequence: committed, parts: [], omitted: [] }],
    [undefined, { kind: 'fetch', from: far }],
    [undefined, { kind: 'fetch-held', from: 0, sequence: far, headerDigest: zero }],
    [undefined, { kind: 'fetch-state', sequence: far, paths: Array.from({ length: 1024 }, () => new Uint8Array(16)) }],
  ];
}

it('an intruder with a seated replica’s keys can say what it likes', async (t) => {
  const cluster = await found(t, { breach: true });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(50);
  const slot = 3;
  const loot = await rob(cluster, cluster.at(slot));
  const identity = signerOf(createPrivateKey(loot.identity));
  const signer = signerOf(createPrivateKey(loot.signingKeys.find(({ epoch }) => epoch === 0)!.key));
  const others = cluster.running().filter((one) => one.slot !== slot);
  const before = await Promise.all(others.map(statusOf));
  const expected = new Set<string>();

  for (const victim of others) {
    const { committed } = await statusOf(victim);
    const said = lies(cluster.local.service, slot, signer, client.chain.configuration, committed);
    for (const [reason] of said) if (reason !== undefined) expected.add(reason);
    const later = encodeMessage({ kind: 'commit', epoch: 0, view: 7, reveals: [] });
    for (let round = 0; round < 3; round++) {
      const channel = await tls(victim.address, identity);
      // As many messages as can be for a view that has not come.
      for (let i = 0; i < 600; i++) say(channel, later);
      for (const [, message] of said) say(channel, encodeMessage(message));
      // A few thousand questions.
      for (let i = 0; i < 2000; i++) {
        say(channel, encodeMessage({ kind: 'fetch', from: 1 }));
        say(channel, encodeMessage({ kind: 'fetch-snapshot', epoch: 0 }));
      }
      await sleep(500);
      channel.destroy();
    }
    const broken = await tls(victim.address, identity);
    say(broken, randomBytes(50));
    await sleep(100);
    broken.write(Buffer.from([255, 0, 0, 0]));
    await sleep(100);
    broken.destroy();
  }
  expected.add('frame malformed').add('connection oversized-frame').add('commit deferred-too-many');

  await load.progress(100);
  await until(
    'every other replica counts every lie',
    async () => {
      const all = await Promise.all(others.map(statusOf));
      const missing = [...expected].filter((reason) =>
        all.some(({ counters }) => (counters[`rejected ${reason}`] ?? 0) === 0),
      );
      if (missing.length > 0) throw new Error(`not counted: ${missing.join(', ')}`);
      return true;
    },
    { ms: 10_000 },
  );
  await load.progress(100);
  await load.finish();
  const after = await Promise.all(others.map(statusOf));
  const growth = after.map(({ memoryBytes }, i) => memoryBytes - before[i]!.memoryBytes);
  assert.ok(Math.max(...growth) < 400 * 1024 * 1024, `memory grew by ${growth.join(', ')} bytes`);
  t.diagnostic(
    `${load.describe()}; memory grew by ${growth.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ')} MiB`,
  );
});

it('a lie about how far the log has come keeps nobody from catching up', async (t) => {
  const cluster = await found(t, { breach: true });
  const load = new Load(await cluster.client());
  await load.progress(50);
  const [slow, liar] = [cluster.at(2), cluster.at(3)];
  const identity = signerOf(createPrivateKey((await rob(cluster, liar)).identity));
  cluster.signal(slow, 'SIGSTOP');
  await load.progress(300);
  // Now nothing goes on without the slow one, and the last that it hears of the liar is that it has committed more than anyone.
  cluster.signal(liar, 'SIGKILL');
  cluster.signal(slow, 'SIGCONT');
  const channel = await tls(slow.address, identity);
  const lie: Message = { kind: 'status', epoch: 0, view: 0, committed: far, stable: far };
  for (let i = 0; i < 20; i++) {
    say(channel, encodeMessage(lie));
    await sleep(10);
  }
  channel.destroy();
  await load.progress(200);
  await load.finish();
  t.diagnostic(load.describe());
});
