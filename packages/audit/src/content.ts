/**
 * What a batch holds, against what its header says of it.
 *
 * The outcomes of a batch stand in the order of its requests: one for each operation of a bundle, one for a system
 * request, and last, under a zero digest, the batch's own writes, if it has any. The header names them by the root over
 * the digests of request, result and write set, all of which are recomputed here from the bytes.
 */
import {
  batchCodec,
  type Cryptography,
  decode,
  type Digest,
  type Header,
  type Outcome,
  rehashedFrom,
  sameBytes,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import type { BatchDigests } from './digests.ts';
import type { Findings } from './report.ts';

const noRequest: Digest = new Uint8Array(32);

/** Checks requests, client signatures, outcomes and transactions root. Gives the batch's system requests, and how many those of clients are. */
export function checkContent(
  cryptography: Cryptography,
  digests: BatchDigests,
  findings: Findings,
  header: Header,
  batch: Uint8Array,
  outcomes: readonly Outcome[],
): { readonly system: readonly SystemRequest[]; readonly clientRequests: number } {
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) {
    findings.add('malformed', `batch: ${decoded.reason}`);
    return { system: [], clientRequests: 0 };
  }
  const requests: Digest[] = [];
  const { protocolVersion } = header;
  digests.begin(protocolVersion);
  const system: SystemRequest[] = [];
  for (const item of decoded.value.items) {
    if (item.kind === 'system') {
      requests.push(systemRequestDigest(cryptography.of(protocolVersion), item.request));
      system.push(item.request);
      continue;
    }
    const { bundle } = item;
    const { client, first, operations } = bundle;
    if (operations.length === 0) findings.add('transactions', 'a bundle without requests');
    if (!Number.isSafeInteger(first + operations.length)) findings.add('transactions', 'requests without a number');
    const named = operations.map((operation, i) => digests.name(client, first + i, operation));
    const signed = digests.signedBundle(header.service, bundle, named);
    if (!cryptography.verify(client, signed, bundle.signature)) {
      findings.add('client-signature', `requests ${first} … of a client who did not sign them`);
    }
    for (const [i, operation] of operations.entries())
      requests.push(protocolVersion < rehashedFrom ? named[i]! : digests.request(client, first + i, operation));
  }

  const own = outcomes.length === requests.length + 1 && sameBytes(outcomes.at(-1)!.request, noRequest);
  if (!own && outcomes.length !== requests.length) {
    findings.add('transactions', `${outcomes.length} outcomes of ${requests.length} requests`);
  }
  const foreign = requests.findIndex(
    (request, i) => outcomes[i] !== undefined && !sameBytes(outcomes[i].request, request),
  );
  if (foreign >= 0) findings.add('transactions', `outcome ${foreign} is of another request`);
  if (header.transactions !== outcomes.length) {
    findings.add('transactions', `${outcomes.length} outcomes, and the header names ${header.transactions}`);
  }
  if (!sameBytes(digests.rootOfTransactions(outcomes), header.transactionsRoot)) {
    findings.add('transactions-root', 'is not that of the outcomes');
  }
  return { system, clientRequests: requests.length - system.length };
}
