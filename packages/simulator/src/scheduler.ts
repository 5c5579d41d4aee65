/**
 * Virtual time: what happens next is whatever is due first, and of two that are due at once, what was planned first.
 */
interface Event {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  /** Milliseconds since the simulation began. */
  now = 0;
  /** A binary heap. */
  readonly #events: Event[] = [];
  #planned = 0;

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run);
  }

  at(time: number, run: () => void): void {
    const events = this.#events;
    const event = { time: Math.max(time, this.now), order: this.#planned++, run };
    let i = events.length;
    events.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, events[parent]!)) break;
      events[i] = events[parent]!;
      i = parent;
    }
    events[i] = event;
  }

  /** Runs what is due up to and including `time`, or until `enough`. */
  runUntil(time: number, enough = (): boolean => false): void {
    for (let next = this.#events[0]; next !== undefined && next.time <= time; next = this.#events[0]) {
      if (enough()) return;
      this.#remove();
      this.now = next.time;
      next.run();
    }
    this.now = time;
  }

  #remove(): void {
    const events = this.#events;
    const last = events.pop()!;
    if (events.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
      if (!before(events[child]!, last)) break;
      events[i] = events[child]!;
      i = child;
    }
    events[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.time !== b.time ? a.time < b.time : a.order < b.order;
}
