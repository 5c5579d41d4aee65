/**
 * What is measured, in a process of its own: it founds a service of four replica processes, and is then the clients.
 *
 * The driver (bench.ts) is no part of it and does next to nothing meanwhile, so the CPU time of this process is that of
 * the clients: submitting, signing, and verifying every receipt. Each checkout of the project brings its own subject,
 * so that two of them can be measured in turn.
 */
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { LocalService } from '@coppice/cli';
import { ClosedLoop, type Load, sleep, type Window } from './load.ts';
import type { FromSubject, ToSubject } from './messages.ts';

const drainMs = 50;

let service: LocalService | undefined;
let loop: ClosedLoop | undefined;
let endWindow: (() => Promise<Window>) | undefined;
let connected: { clients: Awaited<ReturnType<LocalService['connect']>>[] } = { clients: [] };

async function found(message: Extract<ToSubject, { kind: 'found' }>): Promise<void> {
  const { clients, cryptography, folder, fsync, nodeArguments, stateCacheBytes } = message;
  service = await LocalService.found(folder, {
    serviceFile: fileURLToPath(new URL('service.ts', import.meta.url)),
    name: 'bench',
    members: 1,
    fsync,
    cryptography: [cryptography],
    nodeArguments,
    ...(stateCacheBytes === undefined ? {} : { stateCacheBytes }),
  });
  const local = service;
  connected = { clients: await Promise.all(Array.from({ length: clients }, () => local.connect())) };
}

async function start(load: Load, warmUpMs: number): Promise<void> {
  loop = new ClosedLoop(connected.clients, load);
  await sleep(warmUpMs);
}

async function stop(): Promise<void> {
  await loop?.stop();
  loop = undefined;
  await sleep(drainMs);
}

/** Replicas are asked to end, so that they can write their profiles. */
async function end(): Promise<void> {
  // Where something failed, load is still on.
  const stopped = loop?.stop();
  for (const client of connected.clients) client.close();
  await stopped;
  const running = service?.driver.running() ?? [];
  for (const { pid } of running) process.kill(pid, 'SIGTERM');
  const until = performance.now() + 10_000;
  while (performance.now() < until && (service?.driver.running() ?? []).length > 0) await sleep(50);
  await service?.destroy();
}

async function handle(message: ToSubject): Promise<FromSubject> {
  switch (message.kind) {
    case 'found':
      await found(message);
      return { kind: 'done' };
    case 'start':
      await start(message.load, message.warmUpMs);
      return { kind: 'done' };
    case 'begin-window':
      endWindow = await loop!.window();
      return { kind: 'done' };
    case 'end-window':
      return { kind: 'window', window: await endWindow!() };
    case 'stop':
      await stop();
      return { kind: 'done' };
    case 'end':
      await end();
      return { kind: 'done' };
  }
}

process.on('message', (message: ToSubject) => {
  handle(message).then(
    (answer) => process.send!(answer, () => message.kind === 'end' && process.exit(0)),
    (error: unknown) => {
      process.send!({
        kind: 'failed',
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
  );
});
// Without its driver, nobody would end the replicas.
process.on('disconnect', () => void end().then(() => process.exit(1)));
