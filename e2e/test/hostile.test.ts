/**
 * Everything that can be said to a replica by somebody who means it no good, on both of its ports, while others use the
 * service: it is refused with a reason that is counted, costs a bounded amount of memory, and no request fails for it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { newSigner } from '@coppice/cryptography';
import { encodeOperation } from '@coppice/service';
import {
  type ClientAnswer,
  clientAnswerCodec,
  type ClientRequest,
  decode,
  limits,
  type Operation,
} from '@coppice/wire';
import { type Cluster, found, operation, sleep, statusOf, until } from '../cluster.ts';
import { ask, bundleOf, ended, garbage, listen, say, tcp, tls } from '../hostile.ts';
import { Load } from '../load.ts';

/** What one replica's memory may grow by, in bytes: V8 takes its time to give back. */
const growthMax = 400 * 1024 * 1024;

/** Under load, does `attack`; afterwards everything is as it should be. */
async function attacked(cluster: Cluster, attack: () => Promise<void>): Promise<string> {
  const before = await Promise.all(cluster.running().map(statusOf));
  const load = new Load(await cluster.client());
  await load.progress(50);
  await attack();
  await load.progress(50);
  await load.finish();
  const after = await Promise.all(cluster.running().map(statusOf));
  assert.equal(after.length, 4, 'no replica ended');
  const growth = after.map(({ memoryBytes }, i) => memoryBytes - before[i]!.memoryBytes);
  assert.ok(Math.max(...growth) < growthMax, `memory grew by ${growth.join(', ')} bytes`);
  await until('all replicas are well', async () =>
    (await Promise.all(cluster.running().map(statusOf))).every(({ health }) => health === 'ok'),
  );
  return `${load.describe()}; memory grew by ${growth.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ')} MiB`;
}

/** Waits until every replica has counted this often. */
async function counted(cluster: Cluster, reason: string, times = 1): Promise<void> {
  await until(`every replica counts ${reason}`, async () => {
    const all = await Promise.all(cluster.running().map(statusOf));
    return all.every(({ counters }) => (counters[`rejected ${reason}`] ?? 0) >= times);
  });
}

/** Does the same to every replica. */
async function each<T>(
  cluster: Cluster,
  attack: (at: { address: string; clientAddress: string }) => Promise<T>,
): Promise<T[]> {
  return Promise.all(cluster.running().map(attack));
}

describe('on either port', () => {
  it('garbage, silence, and thousands of connections', async (t) => {
    const cluster = await found(t);
    const sockets: Socket[] = [];
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    const report = await attacked(cluster, async () => {
      await each(cluster, async ({ address, clientAddress }) => {
        const silent = await Promise.all([address, clientAddress].map(tcp));
        for (const bytes of garbage()) {
          for (const port of [address, clientAddress]) {
            const socket = await tcp(port);
            socket.write(bytes);
            // What could be the beginning of a handshake is waited for, as long as handshakes may take.
            sockets.push(socket);
          }
        }
        assert.deepEqual(
          await Promise.all(silent.map((socket) => ended(socket, 20_000))),
          [true, true],
          'nobody may keep a connection by silence',
        );
      });
      await counted(cluster, 'connection client-handshake-failed', 5);
      await counted(cluster, 'connection peer-handshake-failed', 5);
      for (const { address, clientAddress } of cluster.running()) {
        for (let i = 0; i < 600; i++) sockets.push(await tcp(clientAddress));
        for (let i = 0; i < 400; i++) sockets.push(await tcp(address));
      }
      await counted(cluster, 'connection client-connections-too-many', 80);
      await counted(cluster, 'connection peer-connections-too-many', 300);
      // The door is not shut to whoever comes now.
      const late = await cluster.client();
      await late.submit(operation({ command: 'increment', input: { key: 'late' } }));
    });
    t.diagnostic(report);
  });

  it('frames that are too large, too slow, or no frames; keys that nobody knows', async (t) => {
    const cluster = await found(t);
    const report = await attacked(cluster, async () => {
      await each(cluster, async ({ address, clientAddress }) => {
        // Replicas speak with replicas only.
        const stranger = newSigner();
        const [anonymous, unknown] = [await tls(address), await tls(address, stranger)];
        assert.ok((await ended(anonymous, 5000)) && (await ended(unknown, 5000)));

        const endings = [
          async (socket: Socket) => socket.write(Buffer.from([255, 255, 255, 255])),
          async (socket: Socket) => say(socket, randomBytes(100)),
          async (socket: Socket) => say(socket, new Uint8Array(0)),
          // Announces a large frame, and then lets it drip.
          async (socket: Socket) => {
            socket.write(Buffer.from([0, 15, 0, 0]));
            for (let i = 0; i < 200 && !socket.destroyed; i++) {
              socket.write(Buffer.from([i]));
              await sleep(100);
            }
          },
          // Announces one, and that is all.
          async (socket: Socket) => socket.write(Buffer.from([0, 0, 0, 9])),
        ];
        const cut = await Promise.all(
          endings.map(async (bad) => {
            const socket = await tls(clientAddress);
            const end = ended(socket, 25_000);
            await bad(socket);
            return end;
          }),
        );
        assert.deepEqual(
          cut,
          endings.map(() => true),
        );
      });
      await counted(cluster, 'connection peer-without-key');
      await counted(cluster, 'connection peer-not-admitted');
      await counted(cluster, 'connection client-oversized-frame');
      await counted(cluster, 'connection client-malformed-frame', 2);
      await counted(cluster, 'connection client-slow-frame', 2);
    });
    t.diagnostic(report);
  });
});

describe('well-formed requests with hostile contents', () => {
  it('bundles that are nobody’s, empty, replayed, too large, or out of their window', async (t) => {
    const cluster = await found(t);
    const { service } = cluster.local;
    const put = (key: string, value = 'x'): Operation => operation({ command: 'put', input: { key, value } });
    const report = await attacked(cluster, async () => {
      await each(cluster, async ({ clientAddress }) => {
        const socket = await tls(clientAddress);
        const answers: ClientAnswer[] = [];
        listen(socket, (frame) => {
          const answer = decode(clientAnswerCodec, frame);
          assert.ok(answer.ok);
          answers.push(answer.value);
        });
        const submit = (bundle: ReturnType<typeof bundleOf>): void => ask(socket, { kind: 'submit', bundle });
        const operations = [put('mine')];
        const good = bundleOf(service, { operations });
        submit({ ...good, signature: new Uint8Array(64).fill(1) });
        submit({ ...good, client: newSigner().publicKey });
        submit({ ...good, operations: [put('yours')] });
        submit({ ...good, first: 2 });
        submit(bundleOf(randomBytes(32), { operations }));
        submit(bundleOf(service, { operations: [] }));
        submit(bundleOf(service, { operations, first: 0 }));
        submit(bundleOf(service, { operations, time: Date.now() + 3_600_000 }));
        submit(bundleOf(service, { operations, first: 1_000_000 }));
        submit(
          bundleOf(service, {
            operations: [500, 500, 25].map((kib) => ({ target: 'service', payload: randomBytes(kib * 1024) })),
          }),
        );
        const permanent = ['bad-signature', 'empty-bundle', 'bad-number', 'clock-ahead', 'bundle-too-large'];
        await until('all are refused', () => answers.filter(({ kind }) => kind === 'refused').length >= 10);
        const reasons = answers.map((answer) => (answer.kind === 'refused' ? answer.reason : answer.kind));
        for (const reason of [...permanent, 'outside-window'])
          assert.ok(reasons.includes(reason), `${reason} is not among ${reasons.join()}`);
        assert.equal(reasons.filter((reason) => reason === 'bad-signature').length, 5);

        // One bundle, a thousand times, is one request.
        answers.length = 0;
        const signer = newSigner();
        const counter = `replayed-${clientAddress}`;
        const once = bundleOf(service, {
          signer,
          operations: [operation({ command: 'increment', input: { key: counter } })],
        });
        for (let i = 0; i < 1000; i++) submit(once);
        await until('the replayed bundle is answered', () => answers.some(({ kind }) => kind === 'committed'));
        // What the service cannot read is ordered, and refused by the service.
        submit(
          bundleOf(service, {
            signer,
            first: 2,
            acknowledged: 1,
            operations: [
              { target: 'service', payload: randomBytes(1000) },
              { target: 'governance', payload: randomBytes(1000) },
            ],
          }),
        );
        await until('nonsense is answered', () =>
          answers.some(
            (answer) =>
              answer.kind === 'committed' && answer.first <= 3 && answer.first + answer.transactions.length > 3,
          ),
        );
        socket.destroy();
      });
      await counted(cluster, 'bundle inadmissible', 9);
      await counted(cluster, 'bundle outside-window');
    });
    const client = await cluster.client();
    for (const { clientAddress } of cluster.running()) {
      const { result } = await client.submit(
        operation({ command: 'increment', input: { key: `replayed-${clientAddress}` } }),
      );
      assert.equal(new TextDecoder('latin1').decode(result).slice(-1), '\x02');
    }
    t.diagnostic(report);
  });

  it('floods of everything that can be asked, with answers that nobody takes', async (t) => {
    const cluster = await found(t);
    const { service } = cluster.local;
    const floods: Socket[] = [];
    t.after(() => {
      for (const socket of floods) socket.destroy();
    });
    const report = await attacked(cluster, async () => {
      await each(cluster, async ({ clientAddress }) => {
        const forged = { key: randomBytes(32), signature: randomBytes(64) };
        const questions: ClientRequest[] = [
          { kind: 'status', id: 1 },
          { kind: 'chain', id: 2, from: 0 },
          { kind: 'chain', id: 3, from: Number.MAX_SAFE_INTEGER },
          { kind: 'ledger', id: 4, from: 0, as: undefined },
          { kind: 'ledger', id: 5, from: Number.MAX_SAFE_INTEGER, as: forged },
          { kind: 'subscribe', id: 6, from: 0, as: undefined },
          { kind: 'subscribe', id: 7, from: Number.MAX_SAFE_INTEGER, as: forged },
          { kind: 'freshness', id: 8, nonce: randomBytes(32) },
          { kind: 'founding', id: 9 },
          { kind: 'query', id: 10, target: 'no such', payload: new Uint8Array(0), as: undefined },
          { kind: 'query', id: 11, target: 'service', payload: randomBytes(100), as: undefined },
          {
            kind: 'query',
            id: 12,
            target: 'service',
            payload: encodeOperation({ command: 'get', input: { key: 'x'.repeat(10_000) } }),
            as: forged,
          },
          { kind: 'query', id: 13, target: 'constitution', payload: new Uint8Array(0), as: undefined },
          { kind: 'query', id: 14, target: 'client', payload: randomBytes(32), as: undefined },
          { kind: 'query', id: 15, target: 'service', payload: randomBytes(limits.operationBytes), as: undefined },
        ];
        const takers = await Promise.all(Array.from({ length: 8 }, () => tls(clientAddress)));
        for (const [i, socket] of takers.entries()) {
          // Half of them never read.
          if (i % 2 === 0) socket.resume();
          else socket.pause();
          for (let round = 0; round < 20; round++) for (const question of questions.slice(0, 14)) ask(socket, question);
          ask(socket, questions[14]!);
          // Each with a key of its own: whom it waits for is forgotten.
          for (let key = 0; key < 50; key++)
            ask(socket, {
              kind: 'submit',
              bundle: { ...bundleOf(service, { operations: [] }), client: randomBytes(32) },
            });
        }
        floods.push(...takers);
      });
      // Those who take their answers are answered to the last question; of the others, nobody waits for an answer to be taken.
      await counted(cluster, 'bundle inadmissible', 4 * 50);
      await sleep(1000);
    });
    t.diagnostic(report);
  });
});
