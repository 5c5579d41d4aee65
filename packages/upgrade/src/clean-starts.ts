/**
 * That every slot has a fresh instance of the release: its seat, and the join with which a quorum admitted it.
 */
import { isSeatOf } from '@coppice/audit';
import type { ChainVerifier } from '@coppice/ledger';
import { decodeResult, type Digest, sameBytes, seatOf } from '@coppice/wire';
import type { Proven } from './certificate.ts';
import { checkProven, type Context, refuse } from './refusal.ts';

export interface SlotFacts {
  readonly slot: number;
  readonly turn: number;
  readonly instance: Uint8Array;
  readonly variant: string;
  readonly platform: string;
  readonly provider: string;
  /** When its evidence was accepted, and by whose votes: each of them appraised it. */
  readonly joined: number;
  readonly signers: readonly number[];
  /** When it was seated, and the first epoch with it. */
  readonly seated: number;
  readonly epoch: number;
}

/** By the configuration of an epoch of the chain. */
export function checkCleanStarts(
  context: Context,
  epoch: number,
  release: Digest,
  cleanStarts: readonly Proven[],
): SlotFacts[] {
  const configuration = context.chain.start(epoch)?.configuration;
  if (configuration === undefined) return refuse('clean-starts', `nothing shows who sat in epoch ${epoch}`);
  const { slots } = configuration;
  if (cleanStarts.length !== slots) return refuse('clean-starts', `${cleanStarts.length} for ${slots} slots`);
  return cleanStarts.map((proven, slot) => {
    const what = `slot ${slot}`;
    const seat = seatOf(configuration, slot);
    if (seat === undefined) return refuse('clean-starts', `${what}: nobody sat there in epoch ${epoch}`);
    if (!sameBytes(seat.release, release)) return refuse('clean-starts', `${what}: another release sat there`);
    checkProven(context, 'clean-starts', what, proven);
    const { request, result } = proven.transaction;
    if (request.kind !== 'system' || request.request.kind !== 'join')
      return refuse('clean-starts', `${what}: not a join`);
    const { join } = request.request;
    if (!isSeatOf(seat, join, epoch)) return refuse('clean-starts', `${what}: the join of another instance`);
    const outcome = decodeResult(result);
    if (!outcome.ok || !outcome.value.ok) return refuse('clean-starts', `${what}: it was not admitted`);
    const { instance, platform, provider, since, turn, variant } = seat;
    return {
      ...{ slot, turn, instance, variant, platform, provider },
      joined: proven.header.time,
      signers: proven.certificate.reveals.map((reveal) => reveal.slot),
      seated: since,
      epoch: firstEpochOf(context.chain, epoch, slot, instance),
    };
  });
}

function firstEpochOf(chain: ChainVerifier, epoch: number, slot: number, instance: Uint8Array): number {
  let first = epoch;
  for (; ; first--) {
    const earlier = chain.start(first - 1)?.configuration;
    const seat = earlier && seatOf(earlier, slot);
    if (seat === undefined || !sameBytes(seat.instance, instance)) return first;
  }
}
