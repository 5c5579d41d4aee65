/**
 * What the activation made of the state: what it wrote, and the states that a quorum certified before and after it.
 */
import { changesOf } from '@coppice/audit';
import { includesHeader } from '@coppice/ledger';
import {
  type CheckpointCertificate,
  type Cryptography,
  decodeResult,
  type Digest,
  digestOf,
  type Header,
  headerDigest,
  type PlainValue,
  sameBytes,
  type SystemRequest,
  systemRequestDigest,
  validCheckpointCertificate,
} from '@coppice/wire';
import { fieldsOf } from './approval.ts';
import type { Proven, UpgradeCertificate } from './certificate.ts';
import { checkProven, checkWrites, type Context, refuse } from './refusal.ts';

type Activate = Extract<SystemRequest, { readonly kind: 'activate' }>;

export interface ActivationFacts {
  readonly sequence: number;
  readonly time: number;
  /** Versions before and after. */
  readonly protocol: { readonly from: number; readonly to: number };
  readonly service: { readonly from: number; readonly to: number };
  readonly stateBefore: Digest;
  readonly stateAfter: Digest;
  /** Of what each of its transactions wrote, in order: more than one where the migration went in steps. */
  readonly writeSets: readonly Digest[];
  /** Of these: what `coppice upgrade plan` says beforehand. */
  readonly migration: Digest;
  /** What the migration, or the last step of it, wrote: addresses are a map's name, a zero, and a key; `undefined`: deleted. */
  readonly writes: readonly { readonly address: string; readonly value: Uint8Array | undefined }[];
  /** Slots whose votes certified it: each executed the migration. */
  readonly signers: readonly number[];
}

/** The entry that says what is active: written by every activation, and by no migration. */
const activeAddress = '$active\0';
/** What a migration in steps kept while it was under way. */
const migrationAddress = '$migration\0';

/** What names the writes of an activation: of one transaction their digest, of several the digest of theirs. */
export function migrationDigest(cryptography: Cryptography, writeSets: readonly Digest[]): Digest {
  return writeSets.length === 1 ? writeSets[0]! : digestOf(cryptography, 'migration', ...writeSets);
}

export function checkActivation(
  context: Context,
  { after, before, path, steps, transaction: proven }: NonNullable<UpgradeCertificate['activation']>,
  release: Digest,
): ActivationFacts {
  checkWrites(context, 'activation', 'the activation', proven);
  const { certificate, header, transaction, writeSet } = proven;
  const { request, result } = transaction;
  if (request.kind !== 'system' || request.request.kind !== 'activate')
    return refuse('activation', 'not an activation');
  const { attempt, protocol, release: activated, service } = request.request;
  if (!sameBytes(activated, release)) return refuse('activation', 'of another release');
  const outcome = decodeResult(result);
  if (!outcome.ok || !outcome.value.ok) return refuse('activation', 'it failed');
  const from = versionsIn(outcome.value.value);
  const taken = fieldsOf(outcome.value.value)['steps'] ?? 1;
  if (taken !== steps.length + 1)
    return refuse('activation', `${steps.length} steps before the last, and not those that it took`);
  const changes = changesOf(writeSet);
  if (from === undefined || changes?.some(({ address }) => address === activeAddress) !== true)
    return refuse('activation', 'it is in no form of this version');

  for (const [i, step] of steps.entries())
    checkStep(context, step, request.request, attempt - steps.length + i, header.sequence - steps.length + i);
  const first = steps[0]?.header ?? header;
  checkState(context, 'before', before, first.sequence - 1);
  if (!sameBytes(before.ledgerRoot, first.previousRoot))
    return refuse('state', 'before: of another ledger than the one that the activation continues');
  checkState(context, 'after', after, header.sequence);
  if (!isLast(context, header, path, after.ledgerRoot))
    return refuse('state', 'after: of a ledger whose last header is another');
  const writeSets = [...steps, proven].map((each) => each.transaction.writeSetDigest);
  return {
    ...{ sequence: header.sequence, time: header.time },
    protocol: { from: from.protocol, to: protocol },
    service: { from: from.service, to: service },
    ...{ stateBefore: before.stateDigest, stateAfter: after.stateDigest },
    writeSets,
    migration: migrationDigest(context.cryptography.of(header.protocolVersion), writeSets),
    writes: changes.filter(({ address }) => address !== activeAddress && !address.startsWith(migrationAddress)),
    signers: certificate.reveals.map(({ slot }) => slot),
  };
}

/** A step of the migration: of the same activation, right before the next one, and taken. */
function checkStep(context: Context, step: Proven, of: Activate, attempt: number, sequence: number): void {
  const what = `the step in batch ${sequence}`;
  checkProven(context, 'activation', what, step);
  const { request, result } = step.transaction;
  const outcome = decodeResult(result);
  const taken = outcome.ok && outcome.value.ok && typeof fieldsOf(outcome.value.value)['step'] === 'number';
  if (request.kind !== 'system' || !taken || step.header.sequence !== sequence)
    return refuse('activation', `${what}: not one`);
  const due = systemRequestDigest(context.cryptography, { ...of, attempt });
  if (!sameBytes(systemRequestDigest(context.cryptography, request.request), due))
    return refuse('activation', `${what}: of another activation`);
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
  const { rehashed, sequence } = header;
  return includesHeader(cryptography, headerDigest(cryptography, header), sequence, {
    path,
    rehashed,
    root,
    size: sequence,
  });
}
