/**
 * What the activation made of the state: what it wrote, and the states that a quorum certified before and after it.
 */
import { changesOf } from '@coppice/audit';
import { verifyInclusion } from '@coppice/ledger';
import {
  type CheckpointCertificate,
  decodeResult,
  type Digest,
  type Header,
  headerDigest,
  merkleLeaf,
  type PlainValue,
  sameBytes,
  validCheckpointCertificate,
} from '@coppice/wire';
import { fieldsOf } from './approval.ts';
import type { UpgradeCertificate } from './certificate.ts';
import { checkWrites, type Context, refuse } from './refusal.ts';

export interface ActivationFacts {
  readonly sequence: number;
  readonly time: number;
  /** Versions before and after. */
  readonly protocol: { readonly from: number; readonly to: number };
  readonly service: { readonly from: number; readonly to: number };
  readonly stateBefore: Digest;
  readonly stateAfter: Digest;
  /** What the migration wrote: addresses are a map's name, a zero, and a key; `undefined`: deleted. */
  readonly writes: readonly { readonly address: string; readonly value: Uint8Array | undefined }[];
  /** Slots whose votes certified it: each executed the migration. */
  readonly signers: readonly number[];
}

/** The entry that says what is active: written by every activation, and by no migration. */
const activeAddress = '$active\0';

export function checkActivation(
  context: Context,
  { after, before, path, transaction: proven }: NonNullable<UpgradeCertificate['activation']>,
  release: Digest,
): ActivationFacts {
  checkWrites(context, 'activation', 'the activation', proven);
  const { certificate, header, transaction, writeSet } = proven;
  const { request, result } = transaction;
  if (request.kind !== 'system' || request.request.kind !== 'activate')
    return refuse('activation', 'not an activation');
  const { protocol, release: activated, service } = request.request;
  if (!sameBytes(activated, release)) return refuse('activation', 'of another release');
  const outcome = decodeResult(result);
  if (!outcome.ok || !outcome.value.ok) return refuse('activation', 'it failed');
  const from = versionsIn(outcome.value.value);
  const changes = changesOf(writeSet);
  if (from === undefined || changes?.some(({ address }) => address === activeAddress) !== true)
    return refuse('activation', 'it is in no form of this version');

  checkState(context, 'before', before, header.sequence - 1);
  if (!sameBytes(before.ledgerRoot, header.previousRoot))
    return refuse('state', 'before: of another ledger than the one that the activation continues');
  checkState(context, 'after', after, header.sequence);
  if (!isLast(context, header, path, after.ledgerRoot))
    return refuse('state', 'after: of a ledger whose last header is another');
  return {
    ...{ sequence: header.sequence, time: header.time },
    protocol: { from: from.protocol, to: protocol },
    service: { from: from.service, to: service },
    ...{ stateBefore: before.stateDigest, stateAfter: after.stateDigest },
    writes: changes.filter(({ address }) => address !== activeAddress),
    signers: certificate.reveals.map(({ slot }) => slot),
  };
}

function versionsIn(value: PlainValue): { readonly protocol: number; readonly service: number } | undefined {
  const { protocol, service } = fieldsOf(fieldsOf(value)['from']);
  return typeof protocol === 'number' && typeof service === 'number' ? { protocol, service } : undefined;
}

/** The certificate of a checkpoint may be of a later epoch than its batch. */
function checkState(
  { chain, cryptography }: Context,
  what: string,
  checkpoint: CheckpointCertificate,
  sequence: number,
): void {
  if (checkpoint.sequence !== sequence)
    return refuse('state', `${what}: after batch ${checkpoint.sequence}, not ${sequence}`);
  const configuration = chain.start(checkpoint.epoch)?.configuration;
  if (
    configuration === undefined ||
    !validCheckpointCertificate(cryptography, chain.service, configuration, checkpoint)
  )
    return refuse('state', `${what}: not certified by a quorum of epoch ${checkpoint.epoch}`);
}

function isLast({ cryptography }: Context, header: Header, path: readonly Digest[], root: Digest): boolean {
  const leaf = merkleLeaf(cryptography, headerDigest(cryptography, header));
  return verifyInclusion(cryptography, leaf, header.sequence - 1, header.sequence, path, root);
}
