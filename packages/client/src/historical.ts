/**
 * What keys had: asking replicas, and believing none. spec/history.md, line 45.
 */
import {
  type HistoricalFacts,
  type HistoricalValue,
  historicalValueVersion,
  holdsAt,
  shownValueCodec,
  verifyShownValue,
} from '@coppice/ledger';
import { type CallerProof, type Cryptography, decode, sameBytes } from '@coppice/wire';
import { type DoorConnection, DoorError } from './door-connection.ts';
import type { Fleet } from './fleet.ts';

/** A value that a key had, and when. */
export interface Historical extends HistoricalFacts {
  /** The proof, self-contained. Made when asked for. */
  readonly document: () => HistoricalValue;
}

interface HistoryQuestion {
  readonly map: string;
  readonly key: Uint8Array;
  readonly at: number | undefined;
}

const giveUpMs = 30_000;
const retryMs = 250;

/** Asks one replica after the other until one proves its answer; while batch `at` is in no stable checkpoint, again. */
export async function askHistory(
  cryptography: Cryptography,
  fleet: Fleet,
  question: HistoryQuestion,
  proofTo: (connection: DoorConnection) => CallerProof,
): Promise<Historical> {
  for (const since = Date.now(); ;) {
    try {
      return await fleet.askEach(async (connection, slot) => {
        const { shown } = await connection.ask({ kind: 'history', ...question, as: proofTo(connection) }, 'history');
        const historical = await verified(cryptography, fleet, question, shown, slot);
        if (typeof historical !== 'string') return historical;
        throw new DoorError('CLOSED', `the replica in slot ${slot} proves nothing: ${historical}`);
      });
    } catch (error) {
      const early = error instanceof DoorError && error.message === 'not-stable';
      if (!early || Date.now() - since > giveUpMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

async function verified(
  cryptography: Cryptography,
  fleet: Fleet,
  { map, key, at }: HistoryQuestion,
  encoded: Uint8Array,
  slot: number,
): Promise<Historical | string> {
  const { chain } = fleet;
  const decoded = decode(shownValueCodec, encoded);
  if (!decoded.ok) return decoded.reason;
  const shown = decoded.value;
  if (shown.checkpoint.epoch > chain.verifier.epoch) await fleet.follow(slot);
  const verdict = verifyShownValue(cryptography, chain.verifier, shown);
  if (!verdict.ok) return `${verdict.check}: ${verdict.reason}`;
  const { facts } = verdict;
  if (shown.map !== map || !sameBytes(shown.key, key) || !holdsAt(facts, at ?? facts.checkpoint))
    return 'an answer to another question';
  const document = (): HistoricalValue => ({
    version: historicalValueVersion,
    genesis: chain.genesis,
    epochs: chain.epochs.slice(0, shown.checkpoint.epoch - chain.genesis.configuration.epoch),
    ...shown,
  });
  return { ...facts, document };
}
