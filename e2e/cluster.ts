/**
 * A service of real processes for one test, and what tests do to it.
 *
 * Everything runs on loopback, in a temporary folder, and ends with the test: only processes of this service are ever
 * signalled.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decide, type FoundingOptions, LocalService } from '@coppice/cli';
import { type Client, DoorConnection } from '@coppice/client';
import { findRuntime, installRuntimes, ProcessDriver, type RunningInstance } from '@coppice/host';
import type { Loot, NodeStatus } from '@coppice/node';
import { encodeOperation, type Operation as ServiceOperation } from '@coppice/service';
import { decodeResult, fromHex, type Operation, sameBytes, seatOf, toHex } from '@coppice/wire';

/** Liveness is promised, a time is not: this machine may be slow. Nothing here waits longer for anything. */
export const patienceMs = 60_000;

export const serviceFile = fileURLToPath(new URL('service.ts', import.meta.url));

export interface ClusterOptions extends Partial<FoundingOptions> {
  /** Gets the folders of the first instances, by slot, before they hold anything. */
  readonly onInstances?: (folders: readonly string[]) => void;
}

/** Founds a service that is destroyed with the test. */
export async function found(t: TestContext, { onInstances, ...options }: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  const onStep = (step: string): void => {
    const instances = join(folder, 'instances');
    if (/instances launched/.test(step)) onInstances?.(readdirSync(instances).map((name) => join(instances, name)));
  };
  const founding = LocalService.found(folder, { serviceFile, name: 'e2e', onStep, ...options });
  t.after(async () => {
    const founded = await founding.catch(() => undefined);
    await founded?.destroy();
    // What was launched for a service that could not be founded.
    const driver = new ProcessDriver({ folder, programOf: () => '' });
    for (const instance of driver.running()) driver.destroy(instance);
    // Whatever a test does to a replica from outside, none may crash.
    const crashes = founded === undefined ? [] : new Cluster(t, founded).crashes();
    // For looking at what happened.
    if (process.env['COPPICE_E2E_KEEP'] === undefined) rmSync(folder, { recursive: true, force: true });
    else t.diagnostic(`kept ${folder}`);
    assert.deepEqual(crashes, []);
  });
  const local = await founding;
  return new Cluster(t, local);
}

export class Cluster {
  readonly local: LocalService;
  readonly folder: string;
  readonly #test: TestContext;

  constructor(t: TestContext, local: LocalService) {
    this.#test = t;
    this.local = local;
    this.folder = local.folder.path;
  }

  /** A client that never gives up while the test is patient. */
  async client(options: Parameters<LocalService['connect']>[1] = {}): Promise<Client> {
    const client = await this.local.connect(undefined, { giveUpMs: patienceMs, ...options });
    this.#test.after(() => client.close());
    return client;
  }

  /** Instances that run, by slot, the later launch last. */
  running(): RunningInstance[] {
    return this.local.driver.running().sort((a, b) => a.slot - b.slot || a.turn - b.turn);
  }

  at(slot: number): RunningInstance {
    const instance = this.running().findLast((one) => one.slot === slot);
    assert.ok(instance, `no instance runs in slot ${slot}`);
    return instance;
  }

  signal(instance: RunningInstance, signal: NodeJS.Signals): void {
    process.kill(instance.pid, signal);
  }

  /** What the instances wrote when they crashed. */
  crashes(): string[] {
    const instances = join(this.folder, 'instances');
    return readdirSync(instances)
      .flatMap((name) => readFileSync(join(instances, name, 'node.log'), 'utf8').split('\n'))
      .filter((line) => line !== '' && (!line.startsWith('{') || line.includes('"event":"crash"')));
  }
}

/** The folder of the release that the founders run. */
export function foundersRelease({ folder, local }: Cluster): string {
  return join(folder, 'releases', toHex(local.release));
}

/** Launches a program whatever release the launch names: by default the founders'. */
export function lyingDriver(cluster: Cluster, program = join(foundersRelease(cluster), 'replica.mjs')): ProcessDriver {
  return new ProcessDriver({ folder: cluster.folder, programOf: () => program, runtimeOf: () => findRuntime(runtime) });
}

/** The runtime of this program, which runs the replicas, too, where a test asks for nothing else. */
const runtime = `node@${process.versions.node}`;

/** Installs the runtimes that are not there yet. Gives why tests that need them cannot be run, if so. */
export function runtimesMissing(): string | undefined {
  try {
    installRuntimes();
    return undefined;
  } catch (error) {
    if (process.env['COPPICE_REQUIRE_RUNTIMES'] === '1') throw error;
    return `the runtimes are not here and cannot be installed: ${String(error)}`;
  }
}

/** Everything that an intruder in this process would have: the service must have been founded with `breach`. */
export async function rob(cluster: Cluster, victim: RunningInstance): Promise<Loot> {
  const file = join(victim.folder, 'breach.json');
  cluster.signal(victim, 'SIGUSR2');
  return until(
    'the intruder has the memory',
    () => existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as Loot),
  );
}

/** As many members as it takes decide that a slot gets another instance. */
export function earlyTurn(cluster: Cluster, slot: number): Promise<void> {
  return decided(cluster, { kind: 'early-turn', slot });
}

/** As many members as it takes sign for an action. */
export async function decided(cluster: Cluster, action: Parameters<typeof decide>[2]): Promise<void> {
  const { folder } = cluster.local;
  const client = await cluster.local.connect(undefined, { giveUpMs: patienceMs });
  try {
    const members = folder.keys('members').map((name) => folder.key('members', name));
    assert.equal((await decide(client, members, action)).state, 'accepted');
  } finally {
    client.close();
  }
}

export type OpenTurn = NonNullable<NodeStatus['turn']>;

/** The open turn, with its challenge. */
export function openTurn(cluster: Cluster): Promise<OpenTurn> {
  return until('a challenge is drawn', async () => {
    const { turn } = await statusOf(cluster.at(0));
    return turn?.challenge === null ? undefined : turn;
  });
}

/** Replaces the instance in a slot, by the members' decision, and waits until `client` has followed. */
export async function turned(cluster: Cluster, client: Client, slot: number): Promise<void> {
  const { configuration } = client.chain;
  const before = seatOf(configuration, slot)?.instance;
  await earlyTurn(cluster, slot);
  await until(`slot ${slot} has another instance`, async () => {
    // Any answer from the new epoch makes the client follow.
    await client.submit(operation({ command: 'increment', input: { key: 'turned' } }));
    const after = seatOf(client.chain.configuration, slot)?.instance;
    return after !== undefined && (before === undefined || !sameBytes(before, after));
  });
}

/**
 * Waits until every slot has an instance that votes, and `client` knows it. One that voted for something else than was committed, as a
 * frozen primary may have, is silent until its view ends: members have it replaced.
 */
export async function healthy(cluster: Cluster, client: Client, when: string): Promise<void> {
  const replaced = new Set<number>();
  await until(`all slots are well ${when}`, async () => {
    await client.submit(operation({ command: 'increment', input: { key: 'healthy' } }));
    const { epoch, seats, slots } = client.chain.configuration;
    const seated = seats.flatMap(({ slot }) => cluster.local.instanceIn(client, slot) ?? []);
    const statuses = await Promise.all(seated.map(statusOf));
    const unwell = statuses.filter(
      (status) => status.health !== 'ok' || status.epoch !== epoch || status.turn !== null,
    );
    for (const { health, slot, turn } of unwell) {
      if (health !== 'not-voting' || slot === null || turn !== null || replaced.has(slot)) continue;
      replaced.add(slot);
      await earlyTurn(cluster, slot);
    }
    if (unwell.length > 0)
      throw new Error(
        unwell
          .map(({ slot, health, epoch, turn }) => `${slot}: ${health}, epoch ${epoch}, turn ${turn?.turn}`)
          .join('; '),
      );
    return seated.length === slots;
  });
}

/** What the instance with this folder logged. */
export function log(folder: string): string {
  return readFileSync(join(folder, 'node.log'), 'utf8');
}

/** How often an instance's log tells of such an event. */
export function told({ folder }: Pick<RunningInstance, 'folder'>, event: string): number {
  return log(folder).split(`"event":"${event}"`).length - 1;
}

/** Waits until these instances have fetched everything that was recorded before the states that they received. */
export async function whole(instances: readonly RunningInstance[]): Promise<void> {
  await until('no ledger has a gap', () =>
    instances.every((one) => told(one, 'installed') === told(one, 'history-complete')),
  );
}

/** Works until each ledger surely holds a checkpoint's certificate: it is written no later than that of the next one. */
export async function checkpointed(client: Client, instances: readonly RunningInstance[]): Promise<void> {
  const first = new Map<number, number>();
  await until('every replica has two more checkpoints', async () => {
    await client.submit(operation({ command: 'increment', input: { key: 'checkpoint' } }));
    const statuses = await Promise.all(instances.map(statusOf));
    return statuses.every(({ slot, stable }) => {
      if (slot === null || stable === null || stable === 0) return false;
      if (!first.has(slot)) first.set(slot, stable);
      return stable > first.get(slot)!;
    });
  });
}

/** A connection to an instance that runs: on a busy machine opening it takes longer than clients wait. */
export function doorTo({
  clientAddress,
  instance,
}: Pick<RunningInstance, 'clientAddress' | 'instance'>): Promise<DoorConnection> {
  return until('a door opens', () => DoorConnection.open(clientAddress, fromHex(instance)));
}

/** What a replica says of itself. Throws DoorError where it does not answer. */
export async function statusOf(instance: RunningInstance): Promise<NodeStatus> {
  const door = await DoorConnection.open(instance.clientAddress, fromHex(instance.instance));
  try {
    const { payload } = await door.ask({ kind: 'status' }, 'answer');
    return JSON.parse(new TextDecoder().decode(payload)) as NodeStatus;
  } finally {
    door.close();
  }
}

/** Waits until `probe` gives something, and gives that. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { ms = patienceMs, everyMs = 50 }: { readonly ms?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + ms;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found;
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  }
  assert.fail(`${what}: not within ${ms} ms${last instanceof Error ? ` (${last.message})` : ''}`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function operation(call: ServiceOperation): Operation {
  return { target: 'service', payload: encodeOperation(call) };
}

/** The value in an encoded result; fails for a refusal of the service. */
export function valueOf(result: Uint8Array): unknown {
  const decoded = decodeResult(result);
  assert.ok(decoded.ok && decoded.value.ok, JSON.stringify(decoded));
  return decoded.value.value;
}
