/**
 * Turns with real processes: a whole round under load, and launches that fail in every way.
 */
import assert from 'node:assert/strict';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import { auditFolder } from '@coppice/cli';
import type { Client } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { type Receipt, receiptCodec, verifyReceipt } from '@coppice/ledger';
import { Host, type HostEvent, type LaunchRequest, type RunningInstance } from '@coppice/host';
import { selfSignedCertificate } from '@coppice/node';
import {
  type ClientAnswer,
  clientAnswerCodec,
  type ClientRequest,
  clientRequestCodec,
  decode,
  encode,
  fromHex,
  toHex,
} from '@coppice/wire';
import {
  type Cluster,
  earlyTurn,
  found,
  foundersRelease,
  log,
  lyingDriver,
  openTurn,
  type OpenTurn,
  operation,
  rob,
  statusOf,
  turned,
  until,
  whole,
} from '../cluster.ts';
import { listen, say } from '../hostile.ts';
import { Load } from '../load.ts';

it('every slot is replaced under load, and no request fails', async (t) => {
  const cluster = await found(t);
  const { local } = cluster;
  local.startHost();
  const client = await cluster.client();
  const founders = new Set(client.chain.configuration.seats.map((seat) => toHex(seat.instance)));
  const load = new Load(client);
  await load.progress(50);
  for (let slot = 0; slot < 4; slot++) {
    await turned(cluster, client, slot);
    await load.progress(50);
  }
  await load.finish();
  t.diagnostic(load.describe());

  // Nobody who founded the service is left, and its receipts of then hold.
  const { seats } = client.chain.configuration;
  assert.equal(seats.length, 4);
  assert.ok(seats.every((seat) => !founders.has(toHex(seat.instance)) && seat.turn > 0));
  const receipts = load.acknowledged.map(({ committed }) => committed.receipt());
  const epochs = new Map<number, Receipt>();
  for (const receipt of receipts) epochs.set(receipt.header.epoch, receipt);
  assert.deepEqual([...epochs.keys()], [0, 1, 2, 3, 4]);
  for (const receipt of receipts) {
    const verdict = verifyReceipt(nodeCryptography, encode(receiptCodec, receipt), { service: local.service });
    assert.ok(verdict.ok, JSON.stringify(verdict));
  }

  // A client that knows the digest, and one replica of today, finds out all the rest.
  const [last] = seats;
  const stranger = await cluster.client({ addresses: [last!.clientAddress] });
  assert.equal(stranger.chain.verifier.epoch, 4);
  await stranger.submit(operation({ command: 'increment', input: { key: 'stranger' } }));
  await assert.rejects(
    cluster.client({ service: new Uint8Array(32), addresses: [last!.clientAddress] }),
    /not that of the service/,
  );

  // The last instance to come has the whole log, from genesis on; an auditor finds nothing in it.
  const newest = cluster.at(3);
  await whole([newest]);
  await local.destroy();
  const report = await auditFolder(newest.folder, local.service);
  assert.deepEqual(report.problems, []);
  assert.equal(report.turns.length, 4);
});

describe('a turn whose launch fails', () => {
  /** Turns follow each other quickly here; a slot's failed turn is opened again at once. */
  const policy = { turnDeadlineMs: 6000 };

  it('expires and is opened again, with another challenge, when the candidate dies while it learns', async (t) => {
    const cluster = await found(t, { policy });
    const client = await cluster.client();
    const load = new Load(client);
    await load.progress(50);
    await earlyTurn(cluster, 1);
    const first = await openTurn(cluster);
    const candidate = await launch(cluster, client, first);
    await until('the candidate is admitted', async () => (await statusOf(cluster.at(0))).turn?.candidate, {
      everyMs: 5,
    });
    cluster.signal(candidate, 'SIGKILL');
    // Another launch for this turn is too late: it has its candidate.
    cluster.local.startHost();
    await seatedBy(cluster, client, 1);
    const outcomes = (await statusOf(cluster.at(0))).finishedTurns.filter(({ slot }) => slot === 1);
    assert.equal(outcomes[0]?.turn, first.turn);
    assert.equal(outcomes[0]?.outcome, 'expired');
    assert.equal(outcomes.at(-1)?.outcome, 'seated');
    await load.finish();
  });

  it('expires when the host launches nothing for a while', async (t) => {
    const cluster = await found(t, { policy });
    const client = await cluster.client();
    const load = new Load(client);
    await earlyTurn(cluster, 2);
    const first = await openTurn(cluster);
    const second = await until('the turn expired and another is open', async () => {
      const { finishedTurns, turn } = await statusOf(cluster.at(0));
      return (
        finishedTurns.some((one) => one.turn === first.turn && one.outcome === 'expired') &&
        turn !== null &&
        turn.challenge !== null &&
        turn
      );
    });
    assert.equal(second.slot, 2);
    assert.ok(second.turn > first.turn);
    assert.notEqual(second.challenge, first.challenge);
    cluster.local.startHost();
    await seatedBy(cluster, client, 2);
    await load.finish();
  });

  it('has one candidate, however many are launched', async (t) => {
    const cluster = await found(t);
    const client = await cluster.client();
    const load = new Load(client);
    await earlyTurn(cluster, 3);
    const turn = await openTurn(cluster);
    const rivals = await Promise.all([1, 2].map(() => launch(cluster, client, turn)));
    await seatedBy(cluster, client, 3);
    const seat = client.chain.configuration.seats.find(({ slot }) => slot === 3)!;
    assert.equal(rivals.filter(({ instance }) => instance === toHex(seat.instance)).length, 1);
    const loser = rivals.find(({ instance }) => instance !== toHex(seat.instance))!;
    await until('the other is told', () =>
      /already-done: the turn has its candidate|no-such-turn/.test(log(loser.folder)),
    );
    await load.progress(50);
    await load.finish();
  });

  it('does not take an instance that was launched for another turn, slot or release, or before the challenge', async (t) => {
    const cluster = await found(t, { seeds: ['another'] });
    const client = await cluster.client();
    await earlyTurn(cluster, 1);
    const turn = await openTurn(cluster);
    const manifest: { variants: { id: string }[] } = JSON.parse(
      readFileSync(join(foundersRelease(cluster), 'manifest.json'), 'utf8'),
    );
    const variant = manifest.variants.map(({ id }) => id).find((id) => id !== turn.variant)!;
    const wrong = [
      [{ challenge: new Uint8Array(32) }, /not-admitted/],
      [{ turn: turn.turn + 1 }, /no-such-turn/],
      [{ slot: 0 }, /no-such-turn/],
      [{ release: new Uint8Array(32) }, /wrong-release/],
      [{ variant }, /wrong-release/],
    ] as const;
    for (const [change, why] of wrong) {
      const instance = await launch(cluster, client, turn, change);
      await until(
        'it is refused and ends',
        () => why.test(log(instance.folder)) && log(instance.folder).includes('"exit"'),
      );
    }
    assert.equal((await statusOf(cluster.at(0))).turn?.candidate, null);
  });
});

it('a host launches and destroys nothing for what one replica says', async (t) => {
  const cluster = await found(t, { breach: true });
  const client = await cluster.client();
  const load = new Load(client);
  const loot = await rob(cluster, cluster.at(3));
  const truth = await statusOf(cluster.at(0));
  const turn = { turn: 7, slot: 0, release: truth.seats[0]!.release, challenge: '00'.repeat(32), variant: 'node-26' };
  const lie = { ...truth, committed: Number.MAX_SAFE_INTEGER, seats: [], turn };
  let asked = 0;
  const address = await doorOf(t, createPrivateKey(loot.identity), (request) => {
    asked += 1;
    const payload = new TextEncoder().encode(JSON.stringify(lie));
    return request.kind === 'status' ? { kind: 'answer', id: request.id, ok: true, sequence: 0, payload } : undefined;
  });
  const { driver, service } = cluster.local;
  const events: HostEvent[] = [];
  const host = new Host({
    cryptography: nodeCryptography,
    service,
    epochKeys: 22,
    missing: () => undefined,
    onEvent: (event) => events.push(event),
    driver: {
      launch: (request) => driver.launch(request),
      destroy: (instance) => driver.destroy(instance),
      running: () => driver.running().map((one) => (one.slot === 3 ? { ...one, clientAddress: address } : one)),
    },
  });
  const hosting = host.run();
  await until('the liar is asked often', () => asked > 10);
  assert.equal(events.length, 0);
  // A turn that the others speak of, too, is served.
  await earlyTurn(cluster, 1);
  await seatedBy(cluster, client, 1);
  host.stop();
  await hosting;
  assert.ok(events.every((event) => event.slot === 1));
  await load.finish();
});

/** A door with this identity key that answers as `answer` says. */
async function doorOf(
  t: TestContext,
  identity: KeyObject,
  answer: (request: ClientRequest) => ClientAnswer | undefined,
): Promise<string> {
  const server = createServer(
    { key: identity.export({ format: 'pem', type: 'pkcs8' }), cert: selfSignedCertificate(identity) },
    (socket) => {
      listen(socket, (frame) => {
        const request = decode(clientRequestCodec, frame);
        const said = request.ok ? answer(request.value) : undefined;
        if (said !== undefined) say(socket, encode(clientAnswerCodec, said));
      });
      socket.on('error', () => undefined);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Launches an instance for the turn, or for what is almost that turn. */
function launch(
  cluster: Cluster,
  client: Client,
  turn: OpenTurn,
  change: Partial<LaunchRequest['launch']> = {},
): Promise<RunningInstance> {
  const { service } = cluster.local;
  const right = {
    ...{ service, slot: turn.slot, turn: turn.turn },
    ...{ challenge: fromHex(turn.challenge!)!, release: fromHex(turn.release)!, variant: turn.variant! },
  };
  const bootstrap = client.chain.configuration.seats.map((seat) => seat.clientAddress);
  return lyingDriver(cluster).launch({ launch: { ...right, ...change }, bootstrap, epochKeys: 0, protocol: 2 });
}

async function seatedBy(cluster: Cluster, client: Client, slot: number): Promise<void> {
  await until(`a turn seats an instance in slot ${slot}`, async () => {
    await client.submit(operation({ command: 'increment', input: { key: 'seated' } }));
    return client.chain.configuration.seats.some((seat) => seat.slot === slot && seat.turn > 0);
  });
}
