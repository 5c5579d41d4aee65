/**
 * What a client has had executed: the exactly-once record. spec/requests.md, lines 9-14 and 20-22.
 *
 * A request is named by (client, number). The record remembers every executed number above what the client
 * acknowledged, in runs of consecutive numbers that one batch executed in a row; at or below it, nothing is executed
 * any more. So a record is as long as what its client leaves open: a client that acknowledges has a few runs.
 *
 * - Runs ascend, do not overlap, and lie in (acknowledged, acknowledged + window].
 */
import type { RequestStatus } from '@coppice/protocol';
import { ascending, decode, encode, struct, type TypeOf, u32, u64 } from '@coppice/wire';

/** How far above what it acknowledged a client's numbers may be. */
export const requestWindow = 4096;
/** Runs of one record. With all of them in use, the client has to acknowledge before it goes on. */
export const runsMax = 512;

const runCodec = struct({
  first: u64,
  count: u32,
  /** Where the first of them is: the others follow it. */
  sequence: u64,
  index: u32,
});

type Run = { -readonly [K in keyof TypeOf<typeof runCodec>]: TypeOf<typeof runCodec>[K] };

const recordCodec = struct({
  acknowledged: u64,
  /** Agreed time, in milliseconds, of the last batch that executed something of this client. */
  lastTime: u64,
  runs: ascending(runCodec, runsMax, (run) => run.first),
});

export class ClientRecord {
  lastTime: number;
  #acknowledged: number;
  readonly #runs: Run[];

  /** A client without history, whose numbers must be above `acknowledged`. */
  constructor(acknowledged: number, lastTime = 0, runs: readonly Readonly<Run>[] = []) {
    this.#acknowledged = acknowledged;
    this.lastTime = lastTime;
    this.#runs = runs.map((run) => ({ ...run }));
  }

  static decode(bytes: Uint8Array): ClientRecord | undefined {
    const decoded = decode(recordCodec, bytes);
    if (!decoded.ok) return undefined;
    const { acknowledged, lastTime, runs } = decoded.value;
    return new ClientRecord(acknowledged, lastTime, runs);
  }

  encode(): Uint8Array {
    const { lastTime } = this;
    return encode(recordCodec, { acknowledged: this.#acknowledged, lastTime, runs: this.#runs }, this.bytes);
  }

  /** Bytes of the encoding. */
  get bytes(): number {
    return 20 + 24 * this.#runs.length;
  }

  copy(): ClientRecord {
    return new ClientRecord(this.#acknowledged, this.lastTime, this.#runs);
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The highest number that was executed or acknowledged. */
  get highest(): number {
    const last = this.#runs.at(-1);
    return last === undefined ? this.#acknowledged : last.first + last.count - 1;
  }

  /** Where the request with this number stands. */
  standing(number: number): RequestStatus {
    if (number <= this.#acknowledged || number > this.#acknowledged + requestWindow) return { kind: 'outside-window' };
    const run = this.#runs[this.#runAt(number)];
    if (run !== undefined && number < run.first + run.count) {
      return { kind: 'executed', sequence: run.sequence, index: run.index + number - run.first };
    }
    return this.#runs.length < runsMax ? { kind: 'new' } : { kind: 'outside-window' };
  }

  /** Notes that the batch `sequence` executed this new request as its transaction `index`. */
  add(number: number, sequence: number, index: number): void {
    const at = this.#runAt(number);
    const run = this.#runs[at];
    const follows =
      run?.first === number - (run?.count ?? 0) && run.sequence === sequence && run.index + run.count === index;
    if (follows) run.count += 1;
    else this.#runs.splice(at + 1, 0, { first: number, count: 1, sequence, index });
  }

  /** The client needs nothing up to `number` any more. No more than was executed: spec/requests.md, lines 9 and 22. */
  acknowledge(number: number): void {
    const upTo = Math.min(number, this.highest);
    if (upTo <= this.#acknowledged) return;
    this.#acknowledged = upTo;
    const at = this.#runAt(upTo);
    const run = this.#runs[at];
    if (run === undefined) return;
    const covered = upTo + 1 - run.first;
    if (covered >= run.count) {
      this.#runs.splice(0, at + 1);
    } else {
      this.#runs.splice(0, at);
      run.first += covered;
      run.index += covered;
      run.count -= covered;
    }
  }

  /** The index of the last run that begins at or below `number`; -1 if there is none. */
  #runAt(number: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.first <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
