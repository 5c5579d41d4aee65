/**
 * The main job, in under two minutes: a consortium founds a service, four replicas record supply-chain events under load, members approve
 * the service's next version, the turns bring it into every slot, and it is activated with its migration; meanwhile one replica is robbed
 * of its memory and evicted, and one is killed. At the end everything is verified offline. Exit status 0 only if all of it held.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { bindsTransaction, ChainVerifier, verifyReceipt } from '@coppice/ledger';
import { toHex } from '@coppice/wire';
import { HistoryRecorder } from '@coppice/history';
import { cryptographyNames } from '@coppice/host';
import type { Loot } from '@coppice/node';
import { fleetStatus, turnStep } from '../commands/status.ts';
import { auditFolder, receiptText } from '../commands/verify.ts';
import { fail } from '../failure.ts';
import { tryEverything } from '../intruder.ts';
import { type LocalPlatforms, parseLocalPlatforms, platformNameOf } from '../local-platforms.ts';
import { everyRuntime, parseCryptography, parseLocalRuntimes } from '../local-runtimes.ts';
import { type FoundingOptions, LocalService } from '../local-service.ts';
import { duration, Output } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { commandLine } from './command-line.ts';
import { documents } from './documents.ts';
import { seatedPrograms } from './fleet.ts';
import { Load, percentile } from './load.ts';
import { reportLines } from './report.ts';
import { seatedTurns, TurnWatch } from './turns.ts';
import { approveNext, proveUpgrade } from './upgrade.ts';

const slots = 4;
const turnIntervalMs = 12_000;
const senders = 12;
const pauseMs = 120;
/** The load of the first turns ends when all this has happened, or after this long. */
const patienceMs = 100_000;
/** What the programs of the fleet are diversified by, besides the one that is as the bundler made it. */
const defaultSeeds = ['beech', 'hazel', 'oak'];
/** Receipts that are also verified from their text, one by one, as a stranger would. */
const strangersReceipts = 40;

const [serviceFile, nextServiceFile] = ['service.ts', 'next.ts'].map((name) =>
  fileURLToPath(new URL(name, import.meta.resolve('@coppice/example-supply-chain'))),
) as [string, string];

interface Scene {
  readonly output: Output;
  readonly local: LocalService;
  readonly client: Client;
  readonly load: Load;
  readonly watch: TurnWatch;
  epoch: number;
  /** Who sits in each slot now. */
  readonly seats: Map<number, string>;
  /** Slots that have an instance of the next release. */
  moved: Set<number>;
  /** The version of the service that is active. */
  version: number;
  /** Opening times of turns, agreed. */
  readonly opened: Map<number, number>;
}

interface DemoOptions extends Required<Pick<FoundingOptions, 'platforms' | 'runtimes' | 'cryptography' | 'seeds'>> {
  readonly events: string | undefined;
  readonly history: string | undefined;
  readonly folder: string;
}

async function demo(
  output: Output,
  { cryptography, events, folder, history, platforms, runtimes, seeds }: DemoOptions,
): Promise<boolean> {
  const began = Date.now();
  const stream = documents(events);
  const recorder = new HistoryRecorder(history);
  output.say('A consortium of three members founds a service. No member trusts another, nor the host.');
  const local = await LocalService.found(folder, {
    serviceFile,
    nextServiceFile,
    name: 'supply-chain',
    slots,
    members: 3,
    breach: true,
    platforms,
    runtimes,
    cryptography,
    seeds,
    policy: {
      recoveryPeriodMs: 120_000,
      turnIntervalMs,
      turnDeadlineMs: turnIntervalMs / 2,
      heartbeatMs: 200,
      viewTimeoutMs: 1000,
    },
    onStep: (step) => output.say(`  ${step}`),
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      output.say('\ninterrupted: all replicas are stopped');
      void local.destroy().then(() => process.exit(130));
    });
  }
  try {
    return await run(output, local, platforms, stream, folder, began, recorder);
  } finally {
    await local.destroy();
  }
}

async function run(
  output: Output,
  local: LocalService,
  platforms: LocalPlatforms,
  stream: Iterator<unknown>,
  folder: string,
  began: number,
  history: HistoryRecorder,
): Promise<boolean> {
  output.say(`  service ${toHex(local.service)}`);
  local.startHost();
  const client = await local.connect();
  const load = new Load(client, stream, senders, pauseMs, history);
  const loadBegan = Date.now();
  const scene: Scene = {
    output,
    local,
    client,
    load,
    watch: new TurnWatch(),
    epoch: 0,
    seats: new Map(),
    moved: new Set(),
    version: 1,
    opened: new Map(),
  };
  output.say(
    '\nEvents are recorded under load, each with a receipt that the client verifies.\nThe service is upgraded meanwhile, slot by slot.',
  );
  const watching = watchFleet(scene);
  say(scene, `  ${await approveNext(local, client, platforms)}.`);

  const loot = await robReplica(scene, 2);
  await waitFor(scene, () => scene.moved.size === slots, 'every slot to move to the next release');
  await waitFor(scene, () => scene.version > 1, 'its activation');
  say(
    scene,
    `  Every slot has moved, and version ${scene.version} of the service is active: its migration was voted on.`,
  );
  const victim = await killReplica(scene);
  await waitFor(
    scene,
    () => scene.seats.get(victim.slot) !== victim.instance,
    `slot ${victim.slot} to be filled again`,
  );
  await waitFor(scene, () => client.chain.verifier.epoch >= scene.epoch, 'the client to follow');
  const attempts = await tryEverything({ client, service: local.service, loot, receipt: load.committed[0]!.receipt() });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await load.stop();
  history.close();
  const loadEnded = Date.now();
  watching.stop();

  output.say('\nEverything is verified offline.');
  const verified = verifyReceipts(client, load, folder);
  output.say(`  ${verified} of ${load.committed.length} receipts verify`);
  const survivor = local.driver
    .running()
    .find((one) => one.slot !== victim.slot && one.instance === scene.seats.get(one.slot))!;
  await historyComplete(survivor.folder);
  const report = await auditFolder(survivor.folder, local.service);
  output.say(
    `  audit of ${survivor.folder}: ${report.ok ? 'the ledger holds' : 'THE LEDGER DOES NOT HOLD'}: ${report.batches} batches, ${report.transactions} transactions, ${report.epochs.length} epochs`,
  );
  for (const problem of report.problems.slice(0, 5))
    output.say(`  ! ${problem.code} at batch ${problem.sequence}: ${problem.message}`);
  const turns = await seatedTurns(survivor.folder, folder, client.chain, report, scene.opened);

  const ledgers = local.driver.running().filter((one) => one.instance === scene.seats.get(one.slot));
  const upgrade = await proveUpgrade(
    local,
    ledgers.map((one) => one.folder),
  );
  output.say(`  upgrade certificate: ${upgrade.certificate}`);

  const steadyMs = loadEnded - loadBegan - scene.watch.overlap(loadBegan, loadEnded);
  const turningMs = scene.watch.overlap(loadBegan, loadEnded);
  const [during, outside] = [
    load.samples.filter(({ at }) => scene.watch.during(at)),
    load.samples.filter(({ at }) => !scene.watch.during(at)),
  ];
  const latency = (samples: typeof during): { p50: number; p99: number } => {
    const values = samples.map((sample) => sample.latencyMs);
    return { p50: round(percentile(values, 0.5)), p99: round(percentile(values, 0.99)) };
  };
  const { configuration } = client.chain;
  const fleet = seatedPrograms(configuration, local.folder.releases);
  const all = latency(load.samples);
  const issued = load.committed.length;
  const ok =
    load.failed === 0 &&
    verified === issued &&
    issued > 0 &&
    report.ok &&
    upgrade.certificate === 'verified' &&
    upgrade.service?.to === 2 &&
    turns.every((turn) => turn.cleanStartValid && turn.platform === platformNameOf(platforms, turn.slot)) &&
    configuration.seats.every((seat) => seat.platform === platformNameOf(platforms, seat.slot)) &&
    fleet.length === slots &&
    attempts.length > 0 &&
    attempts.every((attempt) => attempt.refused);
  const document = {
    ok,
    service: local.service,
    operations: issued,
    failed: load.failed,
    rejected: load.rejected,
    seconds: round((Date.now() - began) / 1000),
    throughput: { steady: perSecond(outside.length, steadyMs), duringTurns: perSecond(during.length, turningMs) },
    latencyMs: { ...all, steady: latency(outside), duringTurns: latency(during) },
    platforms: configuration.seats.map(({ platform, slot }) => ({ slot, platform })),
    fleet,
    upgrade,
    turns,
    killed: { slot: victim.slot, instance: victim.instance },
    intruder: attempts,
    receipts: { issued, verified },
    audit: {
      ok: report.ok,
      batches: report.batches,
      transactions: report.transactions,
      epochs: report.epochs.length,
      problems: report.problems,
      end: report.end,
    },
    folder,
  };
  client.close();
  output.answer(document, reportLines(document, load, survivor.folder));
  return ok;
}

/** Follows the fleet until it is stopped, and shows what it sees. */
function watchFleet(scene: Scene): { stop: () => void } {
  const { client, load, local, output, watch } = scene;
  const next = local.next && toHex(local.next.digest);
  const stop = new AbortController();
  let said = '';
  let lastCount = 0;
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const { best } = await fleetStatus(client);
      if (best !== undefined) {
        watch.observe(best, turnStep);
        scene.epoch = best.epoch;
        scene.version = best.active.service;
        for (const seat of best.seats) {
          scene.seats.set(seat.slot, seat.instance);
          if (seat.release === next) scene.moved.add(seat.slot);
        }
        if (best.turn !== null) scene.opened.set(best.turn.turn, best.turn.openedTime);
        for (const turn of best.finishedTurns) scene.opened.set(turn.turn, turn.openedTime);
        const count = load.samples.length;
        const line = `  epoch ${best.epoch}, batch ${best.committed}: ${count} recorded, ${load.failed} failed. ${watch.step}`;
        if (output.terminal) process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns ?? 100) - 1)}`);
        else if (watch.step !== said || count > lastCount + 2000) {
          output.say(line);
          said = watch.step;
          lastCount = count;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  void loop();
  return {
    stop() {
      stop.abort();
      if (output.terminal) process.stdout.write('\r\x1b[K');
    },
  };
}

async function waitFor(scene: Scene, done: () => boolean, what: string): Promise<void> {
  const until = Date.now() + patienceMs;
  while (!done()) {
    if (Date.now() > until)
      throw new UserError(
        `waited ${duration(patienceMs)} for ${what} in vain; the files are in ${scene.local.folder.path}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function say(scene: Scene, line: string): void {
  if (scene.output.terminal) process.stdout.write('\r\x1b[K');
  scene.output.say(line);
}

/** In the middle of the load, an intruder gets everything that the replica in `slot` has in memory. */
async function robReplica(scene: Scene, slot: number): Promise<Loot> {
  await waitFor(scene, () => scene.moved.has(0), 'the first turn');
  const instance = scene.local.driver.running().find((one) => one.instance === scene.seats.get(slot));
  if (instance === undefined) throw new UserError(`no process sits in slot ${slot}`);
  const file = join(instance.folder, 'breach.json');
  process.kill(instance.pid, 'SIGUSR2');
  await waitFor(scene, () => existsSync(file), 'the intruder to read the memory');
  const loot = JSON.parse(readFileSync(file, 'utf8')) as Loot;
  say(
    scene,
    `  An intruder has the memory of slot ${slot}: its identity key, ${loot.signingKeys.length} signing keys, ${loot.nonces.length} nonces.\n  Its next turn evicts them.`,
  );
  return loot;
}

/** The killed replica is one that a turn seated, and not the primary: the service should hardly notice. */
async function killReplica(scene: Scene): Promise<{ slot: number; instance: string }> {
  const { best } = await fleetStatus(scene.client);
  const seat = best?.seats.find((one) => one.slot !== best.primary && one.slot !== 2);
  const running = scene.local.driver.running().find((one) => one.instance === seat?.instance);
  if (running === undefined) throw new UserError('there is no replica to kill');
  process.kill(running.pid, 'SIGKILL');
  say(scene, `  Slot ${running.slot} is killed with SIGKILL. A turn must replace it.`);
  return { slot: running.slot, instance: running.instance };
}

/** All receipts against one chain from the service digest; some of them alone, as text, as a stranger would get them. */
function verifyReceipts(client: Client, load: Load, folder: string): number {
  const { genesis, service } = client.chain;
  const chain = ChainVerifier.fromGenesis(nodeCryptography, service, genesis);
  if (!chain.ok) return 0;
  for (const certificate of client.chain.epochs) if (chain.value.extend(certificate) !== undefined) return 0;
  const alone = new Set(
    Array.from({ length: strangersReceipts }, (_, i) => Math.floor((i * load.committed.length) / strangersReceipts)),
  );
  mkdirSync(join(folder, 'receipts'), { recursive: true });
  let verified = 0;
  for (const [i, committed] of load.committed.entries()) {
    const receipt = committed.receipt();
    const certified = chain.value.verifyCertified(receipt.header, receipt.via, receipt.certificate) === undefined;
    const bound = certified && bindsTransaction(nodeCryptography, receipt.header, receipt.transaction);
    if (!bound) continue;
    if (alone.has(i)) {
      const text = receiptText(receipt);
      writeFileSync(join(folder, 'receipts', `${i}.json`), text);
      if (!verifyReceipt(nodeCryptography, text, { service }).ok) continue;
    }
    verified += 1;
  }
  return verified;
}

/** An instance that began with a snapshot fetches the time before it in the background. */
async function historyComplete(instanceFolder: string): Promise<void> {
  const log = join(instanceFolder, 'node.log');
  const until = Date.now() + 20_000;
  while (Date.now() < until) {
    const text = readFileSync(log, 'utf8');
    if (!text.includes('"installed"') || text.includes('"history-complete"')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function perSecond(count: number, ms: number): number {
  return ms > 0 ? Math.round((count * 1000) / ms) : 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const values = commandLine();
const output = new Output(values.json);
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'coppice-demo-'));
try {
  const ok = await demo(output, {
    folder,
    events: values.events,
    history: values.history,
    platforms: parseLocalPlatforms(values.platform ?? []),
    runtimes:
      values.runtimes === undefined ? everyRuntime((line) => output.say(line)) : parseLocalRuntimes(values.runtimes),
    cryptography: parseCryptography(values.cryptography, cryptographyNames),
    seeds: values.variant ?? defaultSeeds,
  });
  process.exit(ok ? 0 : 1);
} catch (error) {
  // Not behind what is shown live.
  if (output.terminal) output.say();
  fail('demo', error);
}
