/**
 * Hostile bytes for the parsers that replicas have: what each says of an input must be the same on every runtime. Seeds are those that need
 * no key: what is signed anew in each process is another input in each.
 */
import { createHash } from 'node:crypto';
import { Random } from '../../packages/simulator/src/random.ts';
import { makeInput } from '../make-input.ts';
import { Broken, type Target } from '../target.ts';
import { targets as governance } from '../targets/governance.ts';
import { targets as ledger } from '../targets/ledger.ts';
import { targets as service } from '../targets/service.ts';
import { targets as state } from '../targets/state.ts';
import { targets as wire } from '../targets/wire.ts';
import { targets as json } from './decoders.ts';
import type { Job, Judged } from './job.ts';

/** Its tests check signatures by the runtime's own Ed25519, which no replica does, and on which runtimes differ. */
const withoutRule = 'governance-statement';

export const inputTargets: readonly Target[] = [json, wire, service, state, ledger, governance]
  .flat()
  .filter(({ name }) => name !== withoutRule);

const poolMax = 200;

/** What a parser says of an input: that it was accepted, the reason why not, or what it threw. */
function verdictOf(target: Target, input: Uint8Array): string {
  try {
    return target.run(new Uint8Array(input)) ?? 'accepted';
  } catch (error) {
    return error instanceof Broken ? `broken: ${error.message}` : `threw ${(error as Error).name}`;
  }
}

export function judgeInputs({ count, label, only, target: name }: Extract<Job, { kind: 'inputs' }>): Judged[] {
  const target = inputTargets.find((one) => one.name === name)!;
  const random = new Random(label);
  const pool = target.seeds().map((input) => new Uint8Array(input));
  const reasons = new Set<string>();
  return Array.from({ length: count }, (_, i): Judged => {
    const input = makeInput(target, pool, random);
    const verdict = verdictOf(target, input);
    if (!reasons.has(verdict) && pool.length < poolMax) pool.push(input.slice());
    reasons.add(verdict);
    if (i === only) return { input: Buffer.from(input).toString('hex'), verdict };
    return createHash('sha256').update(input).update(verdict).digest('hex').slice(0, 16);
  });
}
