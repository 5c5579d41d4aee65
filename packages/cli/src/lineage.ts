/**
 * The services that a proof may be of, to whoever has a service's folder: the folder's own, and those that it goes on from.
 *
 * The service digest is of a genesis that names the digest of the one before, and the last header of it that counts: what is in
 * `predecessors/` is taken for nothing else than what these digests are of.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCryptography } from '@coppice/cryptography';
import { decode, type Digest, genesisDocumentCodec, type Header, sameBytes, serviceDigest, toHex } from '@coppice/wire';
import { serviceOf } from './connect.ts';

export interface Ancestry {
  readonly service: Digest;
  /** Where its successor goes on from it; `undefined`: it has none. */
  readonly head: Header | undefined;
}

/** The latest first. Where a digest is named, it is that one alone. */
export function ancestryOf(options: { readonly folder: string; readonly service?: string }): Ancestry[] {
  let service = serviceOf(options);
  const ancestry: Ancestry[] = [{ service, head: undefined }];
  let path = join(options.folder, 'genesis.bin');
  while (options.service === undefined && existsSync(path)) {
    const document = decode(genesisDocumentCodec, new Uint8Array(readFileSync(path)));
    if (!document.ok || !sameBytes(serviceDigest(nodeCryptography, document.value.genesis), service)) break;
    const { predecessor } = document.value.genesis;
    if (predecessor === undefined) break;
    ({ service } = predecessor);
    ancestry.push({ service, head: predecessor.header });
    path = join(options.folder, 'predecessors', `${toHex(service)}.bin`);
  }
  return ancestry;
}

/** A proof of any other service than its own is refused with the check `genesis`. */
type Verdict<F> =
  | { readonly ok: true; readonly facts: F }
  | { readonly ok: false; readonly check: string; readonly reason: string };

export type Judged<F> =
  | { readonly ok: true; readonly facts: F; readonly of: Ancestry }
  | { readonly ok: false; readonly check: string; readonly reason: string };

/** What `verify` says of a proof for the service in this ancestry that it is of. What came after its head was lost with it. */
export function judgedOf<F>(
  ancestry: readonly Ancestry[],
  verify: (service: Digest) => Verdict<F>,
  lastOf: (facts: F) => number,
): Judged<F> {
  let first: Judged<F> | undefined;
  for (const of of ancestry) {
    const verdict = verify(of.service);
    if (!verdict.ok) {
      if (verdict.check !== 'genesis') return verdict;
      first ??= verdict;
      continue;
    }
    const [last, end] = [lastOf(verdict.facts), of.head?.sequence];
    if (end === undefined || last <= end) return { ...verdict, of };
    const name = toHex(of.service).slice(0, 8);
    const reason = `batch ${last} of service ${name} was committed, and is lost: its members went on from batch ${end}`;
    return { ok: false, check: 'succession', reason };
  }
  return first!;
}

/** For people: that a proof is of a service that was lost. */
export function ancestorLines({ head, service }: Ancestry): string[] {
  return head === undefined
    ? []
    : [`  service   ${toHex(service)}, which was lost; its members went on from its batch ${head.sequence}`];
}
