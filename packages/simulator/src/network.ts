/**
 * The virtual network: channels between processes, as TLS over TCP gives them.
 *
 * A channel delivers in order, late, and nothing twice. When it breaks, what was under way is lost, and both ends learn
 * that it is up again. Where a cut separates two processes, their channel breaks or stalls, as TCP does either.
 */
import type { InstanceId } from '@coppice/protocol';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** A process, as the network knows it. Two may have one identity: clones. */
export interface Endpoint {
  /** Distinct. */
  readonly number: number;
  readonly name: string;
  readonly id: InstanceId;
  /** Its process exists: it may be stopped all the same. */
  readonly alive: boolean;
  /** Whether it accepts a channel with this instance now. */
  admits(id: InstanceId): boolean;
  connected(peer: InstanceId): void;
  receive(from: InstanceId, frame: Uint8Array): void;
}

interface Lane {
  readonly to: Endpoint;
  readonly baseMs: number;
  /** When the last frame arrives. */
  lastAt: number;
  /** What a cut holds back. */
  readonly held: Uint8Array[];
}

interface Channel {
  readonly ends: readonly [Endpoint, Endpoint];
  /** To the first end, to the second. */
  readonly lanes: readonly [Lane, Lane];
  open: boolean;
}

/** Separates one side from another, or from everyone else, until it is mended. */
export interface Cut {
  readonly side: ReadonlySet<Endpoint>;
  readonly other: ReadonlySet<Endpoint> | undefined;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Most milliseconds of one way, without trouble. */
  readonly latencyMs: number;
  readonly onDelivery: (from: Endpoint, to: Endpoint, frame: Uint8Array, sentAt: number) => void;
}

function separates({ side, other }: Cut, a: Endpoint, b: Endpoint): boolean {
  if (other === undefined) return side.has(a) !== side.has(b);
  return (side.has(a) && other.has(b)) || (side.has(b) && other.has(a));
}

/** Between attempts to dial. */
const redialMs = 100;

export class Network {
  readonly #options: NetworkOptions;
  readonly #endpoints: Endpoint[] = [];
  readonly #channels = new Map<Endpoint, Map<InstanceId, Channel>>();
  readonly #cuts = new Set<Cut>();
  /** Shares of a hundred frames that are late by up to `lateMs`. */
  latePercent = 0;
  lateMs = 200;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#redial();
  }

  add(endpoint: Endpoint): void {
    this.#endpoints.push(endpoint);
    this.#channels.set(endpoint, new Map());
  }

  /** Its process is gone. */
  remove(endpoint: Endpoint): void {
    for (const channel of this.#channels.get(endpoint)?.values() ?? []) this.#close(channel);
    this.#channels.delete(endpoint);
    this.#endpoints.splice(this.#endpoints.indexOf(endpoint), 1);
  }

  send(from: Endpoint, to: InstanceId, frame: Uint8Array): void {
    const channel = this.#channels.get(from)?.get(to);
    if (channel === undefined) return;
    const lane = channel.lanes[channel.ends[0] === from ? 1 : 0];
    if (this.reachable(from, lane.to)) this.#dispatch(channel, lane, from, frame);
    else lane.held.push(frame);
  }

  /** Whom this process has a channel with. */
  peers(of: Endpoint): InstanceId[] {
    return [...(this.#channels.get(of)?.keys() ?? [])];
  }

  reachable(a: Endpoint, b: Endpoint): boolean {
    for (const cut of this.#cuts) if (separates(cut, a, b)) return false;
    return true;
  }

  /** Milliseconds until something sent outside of channels arrives. */
  delay(): number {
    return this.#options.random.between(1, this.#options.latencyMs);
  }

  cut(side: readonly Endpoint[], other?: readonly Endpoint[]): Cut {
    const cut = { side: new Set(side), other: other && new Set(other) };
    this.#cuts.add(cut);
    for (const channel of this.#all()) {
      if (separates(cut, ...channel.ends) && this.#options.random.percent(50)) this.#close(channel);
    }
    return cut;
  }

  mend(cut: Cut): void {
    this.#cuts.delete(cut);
    for (const channel of this.#all()) {
      const [a, b] = channel.ends;
      if (!this.reachable(a, b)) continue;
      for (const lane of channel.lanes) {
        const from = lane.to === a ? b : a;
        for (const frame of lane.held.splice(0)) this.#dispatch(channel, lane, from, frame);
      }
    }
  }

  *#all(): Iterable<Channel> {
    for (const [endpoint, channels] of this.#channels) {
      // Each channel is in the maps of both ends.
      for (const channel of [...channels.values()]) if (channel.ends[0] === endpoint) yield channel;
    }
  }

  #dispatch(channel: Channel, lane: Lane, from: Endpoint, frame: Uint8Array): void {
    const { random, scheduler, onDelivery } = this.#options;
    const late = random.percent(this.latePercent) ? random.between(1, this.lateMs) : 0;
    const sentAt = scheduler.now;
    lane.lastAt = Math.max(lane.lastAt, sentAt + lane.baseMs + random.below(2) + late);
    scheduler.at(lane.lastAt, () => {
      if (!channel.open) return;
      // Whoever is not admitted any more keeps its socket, and is not heard.
      if (!lane.to.admits(from.id)) return this.#close(channel);
      onDelivery(from, lane.to, frame, sentAt);
      lane.to.receive(from.id, frame);
    });
  }

  #redial(): void {
    for (const [i, a] of this.#endpoints.entries()) {
      for (const b of this.#endpoints.slice(i + 1)) {
        if (this.#channels.get(a)!.has(b.id) || this.#channels.get(b)!.has(a.id) || a.id === b.id) continue;
        // Dialling takes a while, and of two clones either may be the first.
        const now = this.#options.random.percent(70);
        if (now && this.reachable(a, b) && a.admits(b.id) && b.admits(a.id)) this.#open(a, b);
      }
    }
    this.#options.scheduler.after(redialMs, () => this.#redial());
  }

  #open(a: Endpoint, b: Endpoint): void {
    const lane = (to: Endpoint): Lane => ({ to, baseMs: this.delay(), lastAt: 0, held: [] });
    const channel: Channel = { ends: [a, b], lanes: [lane(a), lane(b)], open: true };
    this.#channels.get(a)!.set(b.id, channel);
    this.#channels.get(b)!.set(a.id, channel);
    a.connected(b.id);
    b.connected(a.id);
  }

  #close(channel: Channel): void {
    if (!channel.open) return;
    channel.open = false;
    const [a, b] = channel.ends;
    this.#channels.get(a)?.delete(b.id);
    this.#channels.get(b)?.delete(a.id);
  }
}
