/**
 * Checks, and how one of them ends the verification.
 */
import { bindsTransaction, type ChainVerifier, writeSetDigest } from '@coppice/ledger';
import { type Cryptography, sameBytes } from '@coppice/wire';
import type { Proven, ProvenWrites } from './certificate.ts';

/** In the order in which they are made. */
export type UpgradeCheck =
  | 'format'
  | 'genesis'
  | 'epoch-chain'
  | 'decisions'
  | 'approval'
  | 'release'
  | 'provenance'
  | 'clean-starts'
  | 'activation'
  | 'state';

/** Thrown inside a verification, and caught by it: never seen by a caller. */
export class Refusal extends Error {
  readonly check: UpgradeCheck;

  constructor(check: UpgradeCheck, reason: string) {
    super(reason);
    this.check = check;
  }
}

export function refuse(check: UpgradeCheck, reason: string): never {
  throw new Refusal(check, reason);
}

export interface Context {
  readonly cryptography: Cryptography;
  /** Of all epochs that the certificate has. */
  readonly chain: ChainVerifier;
}

/** Refuses what is no transaction of a committed batch. */
export function checkProven(context: Context, check: UpgradeCheck, what: string, proven: Proven): void {
  const { certificate, header, transaction, via } = proven;
  const failure = context.chain.verifyCertified(header, via, certificate);
  if (failure !== undefined) return refuse(check, `${what}: ${failure.check}: ${failure.reason}`);
  if (!bindsTransaction(context.cryptography, header, transaction))
    return refuse(check, `${what}: not under the transactions root of its header`);
}

/** And what is not all that it wrote. */
export function checkWrites(context: Context, check: UpgradeCheck, what: string, proven: ProvenWrites): void {
  checkProven(context, check, what, proven);
  const hash = context.cryptography.of(proven.header.protocolVersion);
  const digest = writeSetDigest(hash, proven.salt, proven.writeSet);
  if (!sameBytes(digest, proven.transaction.writeSetDigest)) return refuse(check, `${what}: another write set`);
}
