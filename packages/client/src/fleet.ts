/**
 * The replicas of a service, as a client sees them: one connection a slot, the chain of epochs that says who sits there, and
 * which of them is the primary.
 *
 * Nobody is waited for: whatever is asked of one is asked of all, so one that stands still or lies holds up nothing.
 */
import type { ClientAnswer, ClientAnswerOf, ClientRequest, Seat } from '@coppice/wire';
import type { ServiceChain } from './chain.ts';
import { DoorConnection, DoorError } from './door-connection.ts';

export class Fleet {
  readonly chain: ServiceChain;
  /** The slot to send to. */
  preferred = 0;
  readonly #onAnswer: (answer: ClientAnswer, slot: number) => void;
  readonly #connections = new Map<number, DoorConnection>();
  readonly #connecting = new Map<number, Promise<DoorConnection | undefined>>();
  #choosing = false;
  #following: Promise<void> | undefined;
  #closed = false;

  constructor(chain: ServiceChain, onAnswer: (answer: ClientAnswer, slot: number) => void) {
    this.chain = chain;
    this.#onAnswer = onAnswer;
  }

  seat(slot: number): Seat | undefined {
    return this.chain.configuration.seats.find((seat) => seat.slot === slot);
  }

  /** The connection to whoever sits in this slot now; `undefined` where nobody answers. */
  connection(slot: number): Promise<DoorConnection | undefined> {
    const known = this.#open(slot);
    if (known !== undefined) return Promise.resolve(known);
    const seat = this.seat(slot);
    if (seat === undefined || this.#closed) return Promise.resolve(undefined);
    let connecting = this.#connecting.get(slot);
    if (connecting === undefined) {
      connecting = DoorConnection.open(seat.clientAddress, seat.instance, {
        onAnswer: (answer) => this.#onAnswer(answer, slot),
      })
        .then((connection) => {
          if (this.#closed) connection.close();
          this.#connections.get(slot)?.close();
          this.#connections.set(slot, connection);
          return connection;
        })
        .catch(() => undefined)
        .finally(() => this.#connecting.delete(slot));
      this.#connecting.set(slot, connecting);
    }
    return connecting;
  }

  #open(slot: number): DoorConnection | undefined {
    const known = this.#connections.get(slot);
    return known?.open === true && known.address === this.seat(slot)?.clientAddress ? known : undefined;
  }

  /** Sends to whoever sits in the slot, if it answers. */
  send(slot: number, request: ClientRequest): void {
    const known = this.#open(slot);
    if (known !== undefined) known.send(request);
    else void this.connection(slot).then((opened) => opened?.send(request));
  }

  /**
   * Asks the preferred replica, and others if it does not answer, or `passes` its answer on: the last of these where all do. What one says is
   * its own word. Throws {@link DoorError}.
   */
  async askAny(
    questionTo: (connection: DoorConnection) => Parameters<DoorConnection['ask']>[0],
    passes: (answer: ClientAnswerOf<'answer'>) => boolean = () => false,
  ): Promise<ClientAnswerOf<'answer'>> {
    let passed: ClientAnswerOf<'answer'> | undefined;
    try {
      // A refusal is an answer.
      return await this.askEach(async (connection) => {
        const answer = await connection.ask(questionTo(connection), 'answer');
        if (!passes(answer)) return answer;
        passed = answer;
        throw new DoorError('UNREACHABLE', 'the replica cannot answer now');
      }, 'REFUSED');
    } catch (error) {
      if (passed === undefined || (error instanceof DoorError && error.code === 'REFUSED')) throw error;
      return passed;
    }
  }

  /**
   * What `ask` gives of the preferred replica, or of the first other one where it throws a {@link DoorError}: the last of these, where
   * all do, and at once one of code `final`.
   */
  async askEach<T>(
    ask: (connection: DoorConnection, slot: number) => Promise<T>,
    final?: DoorError['code'],
  ): Promise<T> {
    const { seats } = this.chain.configuration;
    let last = new DoorError('UNREACHABLE', 'no replica of the service answers');
    for (let i = 0; i < seats.length; i++) {
      try {
        const { slot } = seats[(this.preferred + i) % seats.length]!;
        const connection = await this.connection(slot);
        if (connection !== undefined) return await ask(connection, slot);
      } catch (error) {
        if (!(error instanceof DoorError) || error.code === final) throw error;
        last = error;
      }
    }
    throw last;
  }

  /** The next slot, until it is known who is primary. */
  preferNext(): void {
    const { seats } = this.chain.configuration;
    this.preferred = (seats.find((seat) => seat.slot > this.preferred) ?? seats[0])?.slot ?? 0;
  }

  /** Prefers the primary from now on, by what most replicas say that have answered so far. Resolves with the first answer. */
  async choosePrimary(): Promise<void> {
    if (this.#choosing) return;
    this.#choosing = true;
    const claims = new Map<number, number>();
    const asked = this.chain.configuration.seats.map(async ({ slot }) => {
      const connection = await this.connection(slot);
      if (connection === undefined) throw new DoorError('UNREACHABLE', `the replica in slot ${slot} does not answer`);
      const answer = await connection.ask({ kind: 'status' }, 'answer', 1000);
      const { epoch, primary } = JSON.parse(new TextDecoder().decode(answer.payload)) as {
        epoch?: unknown;
        primary?: unknown;
      };
      if (typeof epoch === 'number' && epoch > this.chain.verifier.epoch) void this.follow(slot);
      if (typeof primary !== 'number' || this.seat(primary) === undefined) return;
      const claimed = (claims.get(primary) ?? 0) + 1;
      claims.set(primary, claimed);
      if (claimed >= Math.max(...claims.values())) this.preferred = primary;
    });
    void Promise.allSettled(asked).then(() => (this.#choosing = false));
    await Promise.any(asked).catch(() => undefined);
  }

  /** Learns of new epochs from a replica, once at a time. */
  follow(slot: number): Promise<void> {
    const { epoch } = this.chain.verifier;
    this.#following ??= this.connection(slot)
      .then(async (connection) => {
        if (connection !== undefined) await this.chain.follow(connection);
        // The seats are others now: so may the primary be.
        if (this.chain.verifier.epoch > epoch) void this.choosePrimary();
      })
      .catch(() => undefined)
      .finally(() => (this.#following = undefined));
    return this.#following;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
  }
}
