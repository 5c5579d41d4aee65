/**
 * Verifying a historical value: a pure function of its bytes and of what the verifier trusts, which names the first check
 * that fails. spec/history.md, lines 24–33.
 */
import {
  beganCodec,
  beganKey,
  type Claim,
  historyMapOf,
  newestCodec,
  pastCodec,
  type Proof,
  recordKey,
  valueMapOf,
  verifyProof,
} from '@coppice/state';
import { type Cryptography, decode, encode, toLatin1 } from '@coppice/wire';
import { ChainVerifier } from './chain.ts';
import { historicalValueCodec, type ShownValue } from './historical-value.ts';
import type { ReceiptTrust } from './receipt-verification.ts';

/** What a verified document shows. */
export interface HistoricalFacts {
  readonly map: string;
  /** As the state has it: `decodeKey` of the service package gives the key. */
  readonly key: Uint8Array;
  /** `undefined`: the key had no value. */
  readonly value: Uint8Array | undefined;
  /** The batch that wrote it, or that the history began with, and the former's agreed time. */
  readonly from: number;
  readonly writtenAt: number | undefined;
  /** The batch that replaced it. `undefined`: none did up to {@link HistoricalFacts.checkpoint}. */
  readonly until: number | undefined;
  readonly checkpoint: number;
}

export type HistoricalCheck = 'format' | 'genesis' | 'epoch-chain' | 'checkpoint' | 'interval' | 'proof';

export type HistoricalVerdict =
  | { readonly ok: true; readonly facts: HistoricalFacts }
  | { readonly ok: false; readonly check: HistoricalCheck; readonly reason: string };

function refuse(check: HistoricalCheck, reason: string): HistoricalVerdict {
  return { ok: false, check, reason };
}

/** Whether these facts say what the key had as of batch `at`. */
export function holdsAt({ from, until, checkpoint }: HistoricalFacts, at: number): boolean {
  return at >= from && (until === undefined ? at <= checkpoint : at < until);
}

/**
 * Whether a document proves a historical value, to someone who knows the service digest: the facts, or the first check
 * that fails. Total; costs at most one certificate an epoch.
 */
export function verifyHistoricalValue(
  cryptography: Cryptography,
  document: Uint8Array,
  { service, known }: ReceiptTrust,
): HistoricalVerdict {
  const read = decode(historicalValueCodec, document);
  if (!read.ok) return refuse('format', read.reason);
  const { genesis, epochs, checkpoint } = read.value;
  const founded = ChainVerifier.fromGenesis(cryptography, service, genesis);
  if (!founded.ok) return refuse('genesis', founded.reason);
  let chain = founded.value;
  const first = checkpoint.epoch - epochs.length;
  if (first !== genesis.configuration.epoch) {
    if (known?.configuration.epoch !== first)
      return refuse('epoch-chain', `begins with epoch ${first}, which the verifier does not know`);
    chain = new ChainVerifier(cryptography, service, known);
  }
  for (const next of epochs) {
    const reason = chain.extend(next);
    if (reason !== undefined) return refuse('epoch-chain', `epoch ${chain.epoch}: ${reason}`);
  }
  return verifyShownValue(cryptography, chain, read.value);
}

/** The same of what a replica answers, to someone who has followed the chain of epochs. */
export function verifyShownValue(
  cryptography: Cryptography,
  chain: ChainVerifier,
  shown: ShownValue,
): HistoricalVerdict {
  const uncertified = chain.verifyCheckpoint(shown.checkpoint);
  if (uncertified !== undefined) return refuse('checkpoint', uncertified);
  const ill = illFormed(shown);
  if (ill !== undefined) return refuse('interval', ill);
  const { sequence, stateDigest } = shown.checkpoint;
  for (const [claim, proof] of claimsOf(shown)) {
    const verdict = verifyProof(cryptography, stateDigest, claim, proof, chain.protocolBefore(sequence));
    if (!verdict.ok) return refuse('proof', `${claim.map}: ${verdict.reason}`);
  }
  const { map, key, value, shown: of, began, checkpoint } = shown;
  const newest = of.kind === 'past' ? of : of.newest;
  const written = began === undefined ? newest : undefined;
  return {
    ok: true,
    facts: {
      ...{ map, key, value, checkpoint: checkpoint.sequence },
      from: written?.from ?? began!.since,
      writtenAt: written?.time,
      until: of.kind === 'past' ? of.until : undefined,
    },
  };
}

function illFormed({ shown, began, checkpoint }: ShownValue): string | undefined {
  const from = (shown.kind === 'past' ? shown.from : shown.newest?.from) ?? 0;
  if ((from === 0) !== (began !== undefined)) return 'where the history began is told where it matters, and only there';
  if (shown.kind === 'present' && shown.newest?.from === 0) return 'written by no batch';
  const begins = began?.since ?? from;
  const ends = shown.kind === 'past' ? shown.until : checkpoint.sequence + 1;
  if (begins >= ends) return `from batch ${begins} until before ${ends}`;
  return ends > checkpoint.sequence + 1 ? 'ends after the checkpoint' : undefined;
}

/** What must be in the state, each with its proof. */
function* claimsOf({ map, key: bytes, value, shown, began }: ShownValue): Generator<[Claim, Proof]> {
  const key = toLatin1(bytes);
  const history = historyMapOf(map);
  if (shown.kind === 'past') {
    const { from, time, until, record } = shown;
    yield [{ map: history, key: recordKey(key, until), value: encode(pastCodec, { from, time, value }) }, record];
  } else {
    const { newest, record } = shown;
    const encoded = newest === undefined ? undefined : encode(newestCodec, newest);
    yield [{ map: history, key: recordKey(key, 0), value: encoded }, record];
    yield [{ map: valueMapOf(map), key, value }, shown.value];
  }
  if (began === undefined) return;
  yield [{ map: history, key: beganKey, value: encode(beganCodec, { since: began.since }) }, began.proof];
}
