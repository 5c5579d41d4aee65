/**
 * A client: submits requests, believes nothing without proof, and is answered exactly once.
 *
 * Requests that are submitted together are signed once, as a bundle. Whichever replica it goes to answers with a certificate and
 * paths; the client checks them against the chain of epochs that it follows from the service digest. What is not answered in
 * time is sent again, the same bytes under the same numbers, to other replicas: a request is executed once, however often
 * it is sent.
 */
import { proveRange, type RangeProof, type Receipt, receiptVersion } from '@coppice/ledger';
import {
  type Bundle,
  bundleStatement,
  type CallerProof,
  type ClientAnswer,
  type ClientAnswerOf,
  type Cryptography,
  decodeResult,
  type Digest,
  faultsTolerated,
  freshnessStatement,
  merkleLeaf,
  type Operation,
  rehashedFrom,
  requestDigests,
  resultDigest,
  sameBytes,
  type Signer,
  transactionLeaf,
} from '@coppice/wire';
import { ServiceChain } from './chain.ts';
import { askHistory, type Historical } from './historical.ts';
import { followBatches, type FollowedBatch } from './subscription.ts';
import { type DoorConnection, DoorError } from './door-connection.ts';
import { Fleet } from './fleet.ts';
import { highestNumber } from './numbers.ts';

export interface ClientOptions {
  readonly service: Digest;
  /** Client doors of some replicas: the others are found through the chain. */
  readonly addresses: readonly string[];
  readonly signer: Signer;
  readonly cryptography: Cryptography;
  /** An unanswered bundle is sent to another replica after this time. Default 1000. */
  readonly retryMs?: number;
  /** Time after which a request is given up: it may or may not have been executed. Default 30,000. */
  readonly giveUpMs?: number;
  /** Requests that one signature covers. Default 256. */
  readonly bundleMax?: number;
}

/** A committed request. */
export interface Committed {
  readonly result: Uint8Array;
  readonly sequence: number;
  readonly index: number;
  /** Agreed time of its batch. */
  readonly time: number;
  /** The proof, self-contained. Made when asked for. */
  receipt(): Receipt;
}

/** No committed answer. `refused`: never executed. `unknown`: the client stopped waiting. */
export class RequestError extends Error {
  override name = 'RequestError';
  readonly code: 'refused' | 'unknown' | 'closed';

  constructor(code: RequestError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

interface Request {
  readonly operation: Operation;
  readonly since: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: RequestError) => void;
}

interface Sent {
  bundle: Bundle;
  /** For which the bundle is signed. */
  service: Digest;
  /** Of its requests. */
  readonly digests: readonly Digest[];
  /** By number; answered ones are gone. */
  readonly open: Map<number, Request>;
  readonly since: number;
  /** When it is sent again. */
  dueAt: number;
  attempts: number;
  /** Why a replica refused it for now, the last time. */
  putOff: string | undefined;
  /** Slots that refused it for good, and why the first of them did. */
  readonly refusedBy: Map<number, string>;
}

/** Requests that are under way: the service remembers as many beyond what is acknowledged. */
const windowMax = 1024;
const bundleBytesMax = 768 * 1024;
/** Until replicas that have no state to read are asked again. */
const stateRetryMs = 500;
/** A bundle that was refused for now is not sent again before this time. */
const refusedRetryMsMin = 100;

export class Client {
  readonly #options: Required<ClientOptions>;
  readonly #fleet: Fleet;
  readonly #queue: Request[] = [];
  readonly #sent = new Map<number, Sent>();
  /** Number of the next request, once it is known where this key stopped. */
  #next: number | undefined;
  #numbering = false;
  #acknowledged = 0;
  #outstanding = 0;
  #flushing = false;
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  /** What this client noticed, by name. */
  readonly counters = { retries: 0, refusals: 0, invalidAnswers: 0, verified: 0 };

  private constructor(options: Required<ClientOptions>, chain: ServiceChain) {
    this.#options = options;
    this.#fleet = new Fleet(chain, (answer, slot) => this.#onAnswer(answer, slot));
    this.#timer = setInterval(() => this.#watch(), Math.min(100, options.retryMs / 4));
    this.#timer.unref();
  }

  /** Finds the service, and verifies that it is the one. Throws {@link DoorError}. */
  static async connect(options: ClientOptions): Promise<Client> {
    const chain = await ServiceChain.begin(options.cryptography, options.service, options.addresses);
    const client = new Client({ retryMs: 1000, giveUpMs: 30_000, bundleMax: 256, ...options }, chain);
    await client.#fleet.choosePrimary();
    void client.#takeUpNumbers();
    return client;
  }

  /**
   * Goes on where this key stopped. What an earlier session still had under way may yet be executed, so its numbers are left alone.
   * Without a quorum, requests wait, as they would have to anyway.
   */
  async #takeUpNumbers(): Promise<void> {
    if (this.#numbering || this.#next !== undefined) return;
    this.#numbering = true;
    const highest = await highestNumber(this.#fleet, this.#options.signer.publicKey);
    this.#numbering = false;
    if (highest === undefined) return;
    this.#acknowledged = highest;
    this.#next = highest === 0 ? 1 : highest + windowMax + 1;
    this.#flush();
  }

  /**
   * The service was lost: goes on with the one that its members founded in its place, if it is that, at these client doors. What is under way is sent
   * there, under its old numbers: what had been executed is not executed again. Throws {@link DoorError}, with code `FORK` where the
   * successor lacks what this client saw committed.
   */
  async succeed(addresses: readonly string[]): Promise<void> {
    await this.chain.succeed(addresses);
    for (const sent of this.#sent.values()) sent.dueAt = 0;
    await this.#fleet.choosePrimary();
    this.#watch();
  }

  get chain(): ServiceChain {
    return this.#fleet.chain;
  }

  /** Why replicas refuse for now what was sent and is not answered yet. */
  get putOff(): string[] {
    return [...new Set([...this.#sent.values()].flatMap(({ putOff }) => putOff ?? []))];
  }

  /** Has the operation ordered and executed. Throws {@link RequestError}. */
  submit(operation: Operation): Promise<Committed> {
    if (this.#closed) return Promise.reject(new RequestError('closed', 'the client is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, since: Date.now(), resolve, reject });
      // Whoever waits gets an answer, also when no connection is left that would keep the process.
      this.#timer.ref();
      if (this.#flushing) return;
      this.#flushing = true;
      // At the end of this turn of the event loop: what is submitted together shares a signature.
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    });
  }

  /**
   * Whether the epoch that this client has come to is the present one: f + 1 of its seats sign a nonce that nobody could foresee.
   * Without it, instances that were evicted long ago could keep a client in their past. Ask before sending what is private.
   */
  async fresh(): Promise<boolean> {
    const { cryptography } = this.#options;
    const { configuration, service } = this.chain;
    const nonce = cryptography.hash(crypto.getRandomValues(new Uint8Array(32)));
    const signed = await Promise.all(
      configuration.seats.map(async (seat) => {
        try {
          const connection = await this.#fleet.connection(seat.slot);
          const answer = await connection?.ask({ kind: 'freshness', nonce }, 'freshness', 3000);
          if (answer === undefined || answer.epoch !== configuration.epoch) return false;
          const { committed, epoch, signature } = answer;
          return cryptography.verify(
            seat.signingKey,
            freshnessStatement({ service, epoch, committed, nonce }),
            signature,
          );
        } catch {
          return false;
        }
      }),
    );
    return signed.filter((one) => one).length > faultsTolerated(configuration.slots);
  }

  /** Committed batches from this sequence number on, verified, until the signal: if this client may read the log. */
  follow(from: number, signal: AbortSignal): AsyncGenerator<FollowedBatch> {
    return followBatches(this.chain, this.#options.signer, from, signal);
  }

  /**
   * Asks one replica's committed state: as good as that replica. One that has no state to read, or not the version of the service, says so: then
   * the others are asked, and all of them again until the time is over in which a request is given up.
   */
  async query(target: string, payload: Uint8Array): Promise<{ ok: boolean; payload: Uint8Array; sequence: number }> {
    const { giveUpMs, signer } = this.#options;
    const { service } = this.chain;
    const questionTo = (connection: DoorConnection): Parameters<DoorConnection['ask']>[0] => {
      // Who asks is nobody's business but the service's.
      const as = target === 'service' ? connection.callerProof(service, signer) : undefined;
      return { kind: 'query', target, payload, as };
    };
    const until = Date.now() + giveUpMs;
    for (;;) {
      const answer = await this.#fleet.askAny(questionTo, isWithoutState);
      if (this.#closed || !isWithoutState(answer) || Date.now() >= until) return answer;
      await new Promise((resolve) => setTimeout(resolve, stateRetryMs));
    }
  }

  /**
   * What value a key had as of batch `at`, proven: by default, of the stable checkpoint. The map's service must declare its history. The
   * key is in the form of `encodeKey`. Throws {@link DoorError} with every replica's reason, or the last one's.
   */
  history(map: string, key: Uint8Array, at?: number): Promise<Historical> {
    const { cryptography, service, signer } = this.#options;
    const proofTo = (connection: DoorConnection): CallerProof => connection.callerProof(service, signer);
    return askHistory(cryptography, this.#fleet, { map, key, at }, proofTo);
  }

  /** The status that the replica in `slot` gives of itself; if that is of a later epoch, its proof has been looked at, too. */
  async status(slot: number): Promise<unknown> {
    const connection = await this.#fleet.connection(slot);
    if (connection === undefined) throw new DoorError('UNREACHABLE', `the replica in slot ${slot} does not answer`);
    const answer = await connection.ask({ kind: 'status' }, 'answer');
    const status: unknown = JSON.parse(Buffer.from(answer.payload).toString('utf8'));
    // Whoever only watches gets no other answer that shows a new epoch.
    const { epoch } = (status ?? {}) as { epoch?: unknown };
    if (typeof epoch === 'number' && epoch > this.chain.verifier.epoch) await this.#fleet.follow(slot);
    return status;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#fleet.close();
    const error = new RequestError('closed', 'the client was closed');
    for (const { open } of this.#sent.values()) for (const request of open.values()) request.reject(error);
    for (const request of this.#queue.splice(0)) request.reject(error);
    this.#sent.clear();
  }

  // Sending.

  #flush(): void {
    if (this.#next === undefined) return void this.#takeUpNumbers();
    while (this.#queue.length > 0 && this.#outstanding < windowMax && !this.#closed) {
      const requests: Request[] = [];
      let bytes = 0;
      while (requests.length < this.#options.bundleMax && this.#outstanding + requests.length < windowMax) {
        const request = this.#queue[0];
        if (request === undefined || (requests.length > 0 && bytes + request.operation.payload.length > bundleBytesMax))
          break;
        bytes += request.operation.payload.length + 16;
        requests.push(request);
        this.#queue.shift();
      }
      this.#send(this.#next, requests);
      this.#next += requests.length;
    }
  }

  #send(first: number, requests: readonly Request[]): void {
    const { cryptography, signer } = this.#options;
    const { service } = this.chain;
    const unsigned = {
      client: signer.publicKey,
      acknowledged: this.#acknowledged,
      time: Date.now(),
      first,
      operations: requests.map((request) => request.operation),
    };
    const digests = requestDigests(cryptography, unsigned);
    const bundle = { ...unsigned, signature: signer.sign(bundleStatement(cryptography, service, unsigned, digests)) };
    const open = new Map(requests.map((request, i) => [first + i, request]));
    const now = Date.now();
    const sent = {
      bundle,
      service,
      digests,
      open,
      since: now,
      dueAt: now,
      attempts: 0,
      putOff: undefined,
      refusedBy: new Map<number, string>(),
    };
    this.#sent.set(first, sent);
    this.#outstanding += requests.length;
    this.#transmit(sent, this.#fleet.preferred);
  }

  #transmit(sent: Sent, slot: number): void {
    if (!sameBytes(sent.service, this.chain.service)) this.#signAgain(sent);
    sent.dueAt = Date.now() + this.#options.retryMs * Math.min(2 ** sent.attempts, 4);
    this.#fleet.send(slot, { kind: 'submit', bundle: sent.bundle });
  }

  /** A signature is for one service, and another goes on now: what was refused is what was signed for the one before. */
  #signAgain(sent: Sent): void {
    const { cryptography, signer } = this.#options;
    const { service } = this.chain;
    const { signature: _, ...unsigned } = sent.bundle;
    const statement = bundleStatement(cryptography, service, unsigned, sent.digests);
    sent.bundle = { ...unsigned, signature: signer.sign(statement) };
    sent.service = service;
    sent.refusedBy.clear();
  }

  /** Sends again what was not answered in time: to all, since nobody is known to be honest. */
  #watch(): void {
    if (this.#queue.length === 0 && this.#sent.size === 0) this.#timer.unref();
    const now = Date.now();
    const { giveUpMs } = this.#options;
    let late = false;
    while (this.#queue[0] !== undefined && now - this.#queue[0].since > giveUpMs) {
      this.#queue
        .shift()!
        .reject(
          new RequestError(
            'refused',
            `not sent within ${giveUpMs} ms: the service has no quorum, or too much is under way`,
          ),
        );
    }
    if (this.#next === undefined && this.#queue.length > 0) void this.#takeUpNumbers();
    for (const [first, sent] of this.#sent) {
      if (now - sent.since > giveUpMs) {
        this.#giveUp(
          first,
          sent,
          new RequestError(
            'unknown',
            `no committed answer within ${giveUpMs} ms: it may have been executed or not` +
              (sent.putOff === undefined ? '' : `; refused for now: ${sent.putOff}`),
          ),
        );
      } else if (now >= sent.dueAt) {
        sent.attempts += 1;
        this.counters.retries += 1;
        late = true;
        for (const seat of this.chain.configuration.seats) this.#transmit(sent, seat.slot);
      }
    }
    if (!late) return;
    // Whoever it was did not have it ordered: the next one, until it is known who is primary.
    this.#fleet.preferNext();
    void this.#fleet.choosePrimary();
  }

  #giveUp(first: number, sent: Sent, error: RequestError): void {
    this.#sent.delete(first);
    this.#outstanding -= sent.open.size;
    for (const request of sent.open.values()) request.reject(error);
    this.#acknowledge();
    this.#flush();
  }

  // Answers.

  #onAnswer(answer: ClientAnswer, slot: number): void {
    if (answer.kind === 'committed') this.#onCommitted(answer, slot);
    else if (answer.kind === 'refused') this.#onRefused(answer, slot);
  }

  #onRefused(answer: ClientAnswerOf<'refused'>, slot: number): void {
    const sent = this.#sent.get(answer.first);
    if (sent === undefined) return;
    this.counters.refusals += 1;
    if (answer.retryAfterMs !== undefined) {
      sent.putOff = answer.reason;
      // A replica that retires says 0, and is no use from now on. Whoever says so again and again does not make a client hurry.
      const atOnce = answer.retryAfterMs === 0 && sent.attempts === 0;
      sent.dueAt = Date.now() + (atOnce ? 0 : Math.max(answer.retryAfterMs, refusedRetryMsMin));
      if (atOnce) this.#watch();
      return;
    }
    // One replica's word is nobody's: of f + 1 that refuse for good, one is correct.
    const { seats, slots } = this.chain.configuration;
    if (sent.refusedBy.size === 0) for (const seat of seats) this.#transmit(sent, seat.slot);
    sent.refusedBy.set(slot, answer.reason);
    if (sent.refusedBy.size <= faultsTolerated(slots)) return;
    this.#giveUp(answer.first, sent, new RequestError('refused', [...new Set(sent.refusedBy.values())].join('; ')));
  }

  #onCommitted(answer: ClientAnswerOf<'committed'>, slot: number): void {
    const epoch = Math.max(answer.header.epoch, answer.via?.header.epoch ?? 0);
    if (epoch > this.chain.verifier.epoch) {
      void this.#fleet.follow(slot).then(() => {
        if (epoch <= this.chain.verifier.epoch) this.#onCommitted(answer, slot);
      });
      return;
    }
    const { signer } = this.#options;
    const { certificate, first, header, index, transactions, via } = answer;
    const sent = sameBytes(answer.client, signer.publicKey) ? this.#sentWith(first) : undefined;
    if (sent === undefined) return;
    const proof = this.#prove(answer, sent);
    if (proof === undefined) {
      this.counters.invalidAnswers += 1;
      return;
    }
    // Of now: the client may go on to another service before the receipt is asked for.
    const { epochs, genesis } = this.chain;
    for (const [i, { result, writeSetDigest }] of transactions.entries()) {
      const number = first + i;
      const request = sent.open.get(number);
      if (request === undefined) continue;
      this.counters.verified += 1;
      sent.open.delete(number);
      this.#outstanding -= 1;
      request.resolve({
        result,
        sequence: header.sequence,
        index: index + i,
        time: header.time,
        receipt: () => ({
          version: receiptVersion,
          genesis,
          epochs: epochs.slice(0, certificate.subject.epoch - genesis.configuration.epoch),
          header,
          via,
          certificate,
          transaction: {
            index: index + i,
            request: { kind: 'client', client: signer.publicKey, number, operation: request.operation },
            result,
            writeSetDigest,
            path: proof.path(index + i),
          },
        }),
      });
    }
    if (sent.open.size === 0) this.#sent.delete(sent.bundle.first);
    this.#acknowledge();
    if (this.#queue.length > 0) this.#flush();
  }

  /** The proof that an answer is, for requests of this bundle; `undefined` where it is none. */
  #prove(answer: ClientAnswerOf<'committed'>, { bundle, digests }: Sent): RangeProof | undefined {
    const { certificate, first, header, index, path, transactions, via } = answer;
    const cryptography = this.#options.cryptography.of(header.protocolVersion);
    // What the client signed are names by SHA-256; what a header of another hash has is of that. spec/algorithms.md, 24.
    const named = header.protocolVersion < rehashedFrom ? digests : requestDigests(cryptography, bundle);
    const asked = named.slice(first - bundle.first, first - bundle.first + transactions.length);
    if (asked.length !== transactions.length) return undefined;
    if (this.chain.verifier.verifyCertified(header, via, certificate) !== undefined) return undefined;
    this.chain.saw(via?.header ?? header);
    const hashes = transactions.map(({ result, writeSetDigest }, i) =>
      merkleLeaf(cryptography, transactionLeaf(asked[i]!, resultDigest(cryptography, result), writeSetDigest)),
    );
    const proof = proveRange(cryptography, hashes, index, header.transactions, path);
    return proof !== undefined && sameBytes(proof.root, header.transactionsRoot) ? proof : undefined;
  }

  /** The bundle under way that has the request of this number. */
  #sentWith(number: number): Sent | undefined {
    for (const sent of this.#sent.values()) {
      const { first, operations } = sent.bundle;
      if (number >= first && number < first + operations.length) return sent;
    }
    return undefined;
  }

  #acknowledge(): void {
    const oldest = this.#sent.values().next().value;
    if (oldest === undefined) this.#acknowledged = Math.max(this.#acknowledged, (this.#next ?? 1) - 1);
    else this.#acknowledged = Math.min(...oldest.open.keys()) - 1;
  }
}

/** Whether a replica says of itself that it cannot answer, and another one may. */
function isWithoutState({ payload }: { readonly payload: Uint8Array }): boolean {
  const result = decodeResult(payload);
  return result.ok && !result.value.ok && ['migrating', 'unspoken'].includes(result.value.error.code);
}
