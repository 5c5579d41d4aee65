/**
 * The host: the untrusted hands of the service. The ledger is its queue: when a turn's challenge is committed, it
 * launches an instance with exactly that launch data; what the ledger no longer needs, it destroys.
 *
 * It keeps no state that matters. A host that lies, crashes or does nothing can stop turns, which the ledger shows, and
 * nothing else.
 */
import type { LaunchData } from '@coppice/attestation';
import { DoorConnection, ServiceChain } from '@coppice/client';
import {
  type Configuration,
  type Cryptography,
  type Digest,
  faultsTolerated,
  fromHex,
  sameBytes,
  toHex,
} from '@coppice/wire';
import type { Driver, RunningInstance } from './process-driver.ts';

/** Of a turn that drew no variant. spec/turns.md, line 34. */
const noneFits =
  'no variant of the release fits this slot, and as many turns as may waived a rule: members approve variants, or raise waiversMax';

/** What the host reads of a replica's status. */
interface ObservedStatus {
  readonly service: string;
  readonly epoch: number;
  readonly turn: ObservedTurn | null;
  /** What is spoken: by it joins are judged. */
  readonly active: { readonly protocol: number };
}

interface ObservedTurn {
  readonly turn: number;
  readonly slot: number;
  readonly release: string;
  readonly challenge: string | null;
  readonly variant: string | null;
}

/** What is so: proven, or said alike by more seats than may be faulty. */
interface Observed {
  readonly configuration: Configuration;
  /** The open turn; `null`: none is. `undefined`: too few say the same. */
  readonly turn: ObservedTurn | null | undefined;
  /** Version of the protocol. */
  readonly protocol: number;
}

export type HostEvent =
  | { readonly kind: 'launching'; readonly turn: number; readonly slot: number }
  | { readonly kind: 'launched'; readonly turn: number; readonly slot: number; readonly pid: number }
  | { readonly kind: 'failed'; readonly turn: number; readonly slot: number; readonly reason: string }
  | { readonly kind: 'destroyed'; readonly turn: number; readonly slot: number; readonly reason: string };

export interface HostOptions {
  readonly cryptography: Cryptography;
  readonly driver: Pick<Driver, 'launch' | 'destroy' | 'running'>;
  readonly service: Digest;
  readonly epochKeys: number;
  /** What this machine lacks for a launch, and what to do about it; `undefined`: nothing. Asked again until nothing is missing. */
  readonly missing: (launch: LaunchData) => string | undefined;
  readonly onEvent: (event: HostEvent) => void;
}

/** Between rounds: each asks every replica. */
const pollMs = 250;
/** How long an instance that has no seat any more may go on serving. */
const graceMs = 20_000;
/** Launches for one turn, at most: a turn whose instance keeps dying is left to its deadline. */
const launchesMax = 3;

export class Host {
  readonly #options: HostOptions;
  readonly #launches = new Map<number, number>();
  readonly #connections = new Map<string, DoorConnection>();
  #chain: ServiceChain | undefined;
  /** When an instance was first seen without a seat. */
  readonly #unseated = new Map<string, number>();
  #launching: number | undefined;
  /** What was last found missing, which is said once. */
  #lacking: string | undefined;
  #stopped = false;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Runs until {@link stop}. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const started = Date.now();
      // Whatever went wrong with one replica, the next round asks again.
      await this.#round().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, Math.max(10, pollMs - (Date.now() - started))));
    }
    for (const connection of this.#connections.values()) connection.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #round(): Promise<void> {
    const running = this.#options.driver.running();
    const observed = await this.#observe(running);
    if (observed === undefined) return;
    this.#destroyUnneeded(observed, running);
    const { configuration, protocol, turn } = observed;
    if (turn === undefined || turn === null) return;
    if (turn.challenge === null || turn.variant === null) return;
    if (this.#launching !== undefined || running.some((instance) => instance.turn === turn.turn)) return;
    if ((this.#launches.get(turn.turn) ?? 0) >= launchesMax) return;
    await this.#launch({ configuration, protocol }, turn, turn.challenge, turn.variant);
  }

  /**
   * Seats by the chain of epochs, which proves itself; the open turn by what f + 1 of them say. A host that believed one replica would
   * let it end the service: it would destroy whomever that one does not name.
   */
  async #observe(running: readonly RunningInstance[]): Promise<Observed | undefined> {
    const answers = await Promise.all(
      running.map(async (instance) => ({ instance, status: await this.#status(instance) })),
    );
    const addresses = running.map((instance) => instance.clientAddress);
    this.#chain ??= await ServiceChain.begin(this.#options.cryptography, this.#options.service, addresses);
    const chain = this.#chain;
    for (const { instance, status } of answers) {
      const connection = this.#connections.get(instance.instance);
      if (status === undefined || status.epoch <= chain.verifier.epoch || connection === undefined) continue;
      await chain.follow(connection, 1000).catch(() => undefined);
    }
    const { configuration } = chain;
    const said = new Map<string, { turn: ObservedTurn | null; protocol: number; times: number }>();
    for (const { instance, status } of answers) {
      const seated = configuration.seats.some((seat) => toHex(seat.instance) === instance.instance);
      if (!seated || status?.epoch !== configuration.epoch) continue;
      const turn = status.turn && turnOf(status.turn);
      const { protocol } = status.active;
      const key = JSON.stringify({ turn, protocol });
      said.set(key, { turn, protocol, times: (said.get(key)?.times ?? 0) + 1 });
    }
    const alike = [...said.values()].filter(({ times }) => times > faultsTolerated(configuration.slots));
    // Of two, one is of replicas that lag.
    const newest = alike.sort((a, b) => (b.turn?.turn ?? 0) - (a.turn?.turn ?? 0))[0];
    return { configuration, turn: newest?.turn, protocol: newest?.protocol ?? 1 };
  }

  async #status(instance: RunningInstance): Promise<ObservedStatus | undefined> {
    try {
      let connection = this.#connections.get(instance.instance);
      if (connection?.open !== true) {
        connection = await DoorConnection.open(instance.clientAddress, fromHex(instance.instance));
        this.#connections.set(instance.instance, connection);
      }
      const answer = await connection.ask({ kind: 'status' }, 'answer', 1000);
      const status = JSON.parse(Buffer.from(answer.payload).toString('utf8')) as ObservedStatus;
      const service = fromHex(status.service);
      return service !== undefined && sameBytes(service, this.#options.service) ? status : undefined;
    } catch {
      return undefined;
    }
  }

  async #launch(
    { configuration, protocol }: Pick<Observed, 'configuration' | 'protocol'>,
    turn: ObservedTurn,
    challengeHex: string,
    variant: string,
  ): Promise<void> {
    const { driver, epochKeys, missing, onEvent, service } = this.#options;
    const release = fromHex(turn.release);
    const challenge = fromHex(challengeHex);
    if (release === undefined || challenge === undefined) return;
    const launch = { service, slot: turn.slot, turn: turn.turn, challenge, release, variant };
    const fail = (reason: string): void => onEvent({ kind: 'failed', turn: turn.turn, slot: turn.slot, reason });
    const lacking = variant === '' ? noneFits : missing(launch);
    if (lacking !== undefined) {
      if (lacking !== this.#lacking) fail(lacking);
      this.#lacking = lacking;
      return;
    }
    this.#lacking = undefined;
    this.#launches.set(turn.turn, (this.#launches.get(turn.turn) ?? 0) + 1);
    onEvent({ kind: 'launching', turn: turn.turn, slot: turn.slot });
    this.#launching = turn.turn;
    try {
      const bootstrap = configuration.seats.map((seat) => seat.clientAddress);
      const instance = await driver.launch({ launch, bootstrap, epochKeys, protocol });
      onEvent({ kind: 'launched', turn: turn.turn, slot: turn.slot, pid: instance.pid });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.#launching = undefined;
    }
  }

  /** An instance that is neither seated nor of the open turn ends by itself, once others can do without it; or here. */
  #destroyUnneeded({ configuration, turn }: Observed, running: readonly RunningInstance[]): void {
    const { driver, onEvent } = this.#options;
    for (const instance of running) {
      const seat = configuration.seats.find(({ slot }) => slot === instance.slot);
      const seated = seat !== undefined && toHex(seat.instance) === instance.instance;
      if (seated || turn?.turn === instance.turn) {
        this.#unseated.delete(instance.instance);
        continue;
      }
      const since = this.#unseated.get(instance.instance) ?? Date.now();
      this.#unseated.set(instance.instance, since);
      // A candidate whose turn is over never was a member: nothing depends on it.
      const wasSeated = instance.turn === 0 || seat === undefined || seat.turn > instance.turn;
      if (wasSeated ? Date.now() - since < graceMs : turn === undefined) continue;
      driver.destroy(instance);
      const reason = wasSeated ? 'retired' : 'its turn is over';
      onEvent({ kind: 'destroyed', turn: instance.turn, slot: instance.slot, reason });
    }
  }
}

/** What replicas say alike of a turn. */
function turnOf({ turn, slot, release, challenge, variant }: ObservedTurn): ObservedTurn {
  return { turn, slot, release, challenge, variant };
}
