/**
 * What a client is told of its committed requests: a run of them at a time, with one proof for all. spec/client-protocol.md.
 */
import { TransactionsTree } from '@coppice/ledger';
import type { CommittedBatch } from '@coppice/protocol';
import type { ClientAnswerOf, Cryptography } from '@coppice/wire';

/** Requests with consecutive numbers at consecutive places of a batch. */
interface Run {
  readonly number: number;
  readonly index: number;
  readonly count: number;
}

/** The runs of requests that stand at these places, in ascending order. */
export function runsOf(places: readonly { readonly number: number; readonly index: number }[]): Run[] {
  const runs: Run[] = [];
  for (const { number, index } of places) {
    const last = runs.at(-1);
    if (last !== undefined && number === last.number + last.count && index === last.index + last.count)
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    else runs.push({ number, index, count: 1 });
  }
  return runs;
}

/** The answer about a run of `client`'s requests in this batch, which has them all. */
export function committedAnswer(
  cryptography: Cryptography,
  { certificate, certified, header, outcomes, path: pathToHeader }: CommittedBatch,
  client: Uint8Array,
  { number: first, index, count }: Run,
): ClientAnswerOf<'committed'> {
  const tree = TransactionsTree.of(cryptography.of(header.protocolVersion), outcomes);
  const transactions = outcomes
    .slice(index, index + count)
    .map(({ result }, i) => ({ result, writeSetDigest: tree.writeSetDigest(index + i) }));
  const via = certified === header ? undefined : { header: certified, path: pathToHeader };
  const path = tree.rangePath(index, count);
  return { kind: 'committed', client, header, via, certificate, first, index, transactions, path };
}
