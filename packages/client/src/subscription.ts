/**
 * Following the ledger from outside: committed batches, in order, each with its certificate checked.
 *
 * Any replica can serve it, since what it sends proves itself: a header follows the one before it, a quorum certifies it, and its
 * transactions are those that the header names.
 */
import {
  type Batch,
  batchCodec,
  type ClientAnswerOf,
  decode,
  decodeResult,
  type Header,
  type Result,
  type Seat,
  type Signer,
} from '@coppice/wire';
import type { ServiceChain } from './chain.ts';
import { DoorConnection, DoorError } from './door-connection.ts';

export interface FollowedBatch {
  readonly header: Header;
  readonly batch: Batch;
  /** Of the requests, in order, as this replica gives them: a receipt proves one, this does not. */
  readonly results: readonly (Result | undefined)[];
}

/** Batches that wait for their reader. */
const waitingMax = 256;

/** Committed batches from `from` on, from whichever seat serves them. Ends with a DoorError where none does. */
export async function* followBatches(
  chain: ServiceChain,
  signer: Signer,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<FollowedBatch> {
  let next = from;
  let failures = 0;
  while (!signal.aborted) {
    const seat: Seat = chain.configuration.seats[failures % chain.configuration.seats.length]!;
    try {
      for await (const answer of batchesOf(chain, signer, seat, next, signal)) {
        await admit(chain, seat, answer);
        const decoded = decode(batchCodec, answer.batch);
        if (answer.header.sequence !== next || !decoded.ok) throw new DoorError('REFUSED', 'not the next batch');
        const results = answer.results.map((bytes) => {
          const result = decodeResult(bytes);
          return result.ok ? result.value : undefined;
        });
        yield { header: answer.header, batch: decoded.value, results };
        next += 1;
        failures = 0;
      }
    } catch (error) {
      failures += 1;
      if (failures > 2 * chain.configuration.slots) throw error;
    }
  }
}

/** Throws unless the header is certified; learns of new epochs on the way. */
async function admit(chain: ServiceChain, seat: Seat, answer: ClientAnswerOf<'batch'>): Promise<void> {
  const { certificate, header, via } = answer;
  if (certificate.subject.epoch > chain.verifier.epoch) {
    const connection = await DoorConnection.open(seat.clientAddress, seat.instance);
    await chain.follow(connection).finally(() => connection.close());
  }
  const start = chain.verifier.start(certificate.subject.epoch);
  if (start === undefined) throw new DoorError('REFUSED', 'of an epoch that is not proven');
  const failure = chain.verifier.verifyCertified(header, via, certificate);
  if (failure !== undefined) throw new DoorError('REFUSED', `${failure.check}: ${failure.reason}`);
}

async function* batchesOf(
  chain: ServiceChain,
  signer: Signer,
  seat: Seat,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<ClientAnswerOf<'batch'>> {
  const waiting: ClientAnswerOf<'batch'>[] = [];
  let wake: () => void = () => undefined;
  let ended: DoorError | undefined;
  const connection = await DoorConnection.open(seat.clientAddress, seat.instance, {
    onAnswer(answer) {
      if (answer.kind === 'batch') waiting.push(answer);
      else if (answer.kind === 'refused') ended = new DoorError('REFUSED', answer.reason);
      // A reader that is too slow begins again where it stands.
      if (waiting.length > waitingMax) ended = new DoorError('CLOSED', 'batches came faster than they were read');
      wake();
    },
    onClose() {
      ended ??= new DoorError('CLOSED', `${seat.clientAddress} closed the connection`);
      wake();
    },
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  const as = connection.callerProof(chain.service, signer);
  connection.send({ kind: 'subscribe', id: connection.newId(), from, as });
  try {
    for (;;) {
      const answer = waiting.shift();
      if (answer !== undefined) yield answer;
      else if (signal.aborted) return;
      else if (ended !== undefined) throw ended;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    connection.close();
  }
}
