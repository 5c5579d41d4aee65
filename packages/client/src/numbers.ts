/**
 * Where a key stands: the number above which its requests are new.
 *
 * A request is named by its number, so a number must not be used twice, and what an earlier session of the key has had executed, this one
 * has to learn. One replica may lie about it or lag. Of a quorum that is in the newest epoch, f + 1 are correct and
 * nearly up to date; instances that were replaced, and do not know it yet, speak of the past and do not count.
 */
import { decodeResult, faultsTolerated, quorumOf } from '@coppice/wire';
import type { Fleet } from './fleet.ts';

const answerMs = 3000;

/** The highest number of this key that is known to be executed; `undefined` while no quorum of one epoch says. */
export async function highestNumber(fleet: Fleet, key: Uint8Array): Promise<number | undefined> {
  const { epoch } = fleet.chain.verifier;
  const { seats, slots } = fleet.chain.configuration;
  const claims: number[] = [];
  await new Promise<void>((resolve) => {
    const asked = seats.map(async ({ slot }) => {
      const claim = await claimOf(fleet, slot, key).catch(() => undefined);
      // No more than a quorum is waited for: one that stands still never answers.
      if (claim !== undefined && claims.push(claim) === quorumOf(slots)) resolve();
    });
    void Promise.all(asked).then(() => resolve());
  });
  if (claims.length < quorumOf(slots) || fleet.chain.verifier.epoch !== epoch) return undefined;
  return claims.sort((a, b) => b - a)[faultsTolerated(slots)];
}

async function claimOf(fleet: Fleet, slot: number, key: Uint8Array): Promise<number | undefined> {
  const connection = await fleet.connection(slot);
  if (connection === undefined) return undefined;
  const status = await connection.ask({ kind: 'status' }, 'answer', answerMs);
  const { epoch } = JSON.parse(new TextDecoder().decode(status.payload)) as { epoch?: unknown };
  if (typeof epoch === 'number' && epoch > fleet.chain.verifier.epoch) await fleet.follow(slot);
  if (epoch !== fleet.chain.verifier.epoch) return undefined;
  const answer = await connection.ask(
    { kind: 'query', target: 'client', payload: key, as: undefined },
    'answer',
    answerMs,
  );
  const result = decodeResult(answer.payload);
  const value = result.ok && result.value.ok ? (result.value.value as { readonly highest?: unknown }) : {};
  return Number.isSafeInteger(value.highest) ? (value.highest as number) : undefined;
}
