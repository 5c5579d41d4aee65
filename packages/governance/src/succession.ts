/**
 * Whether the members of a lost service founded its successor. spec/recovery.md, line 44.
 *
 * Members are those of the constitution in force when the log ended. Who holds the state reads it there; who only follows
 * the chain of epochs is shown it, proven under a checkpoint that lies close below the head, or takes that of genesis where the
 * service had hardly begun.
 */
import { verifyProof } from '@coppice/state';
import {
  type Configuration,
  type Cryptography,
  digestOf,
  type GenesisDocument,
  sameBytes,
  serviceDigest,
  validCheckpointCertificate,
} from '@coppice/wire';
import type { Constitution } from './constitution.ts';
import { decodeConstitution } from './constitution-document.ts';
import { signatureObjection } from './genesis.ts';
import { constitutionMap } from './state.ts';

/** A log ends at most so many checkpoint intervals above a stable checkpoint. spec/normal-case.md, line 2. */
const intervalsWithoutCheckpoint = 8;

/** Why too few members of this constitution, which was in force in the predecessor, signed the document; if so. */
export function successionObjection(
  cryptography: Cryptography,
  document: GenesisDocument,
  inForce: Constitution,
): string | undefined {
  return signatureObjection(cryptography, inForce, serviceDigest(cryptography, document.genesis), document.signatures);
}

/** The constitution that was in force in the predecessor, as far as its chain of epochs proves it; else why it does not. */
export function constitutionProven(
  cryptography: Cryptography,
  /** Of the predecessor. */
  before: Pick<GenesisDocument, 'genesis' | 'constitution'>,
  configurationOf: (epoch: number) => Configuration | undefined,
  document: GenesisDocument,
): Constitution | string {
  const { genesis, inheritance } = document;
  const head = genesis.predecessor?.header.sequence ?? 0;
  const standing = inheritance?.standing;
  const service = serviceDigest(cryptography, before.genesis);
  const below = (constitution: Constitution): number =>
    head - intervalsWithoutCheckpoint * constitution.policy.checkpointInterval;
  if (standing === undefined) {
    if (!sameBytes(digestOf(cryptography, 'constitution', before.constitution), before.genesis.constitution))
      return 'the constitution of genesis is another';
    const first = read(before.constitution);
    if (typeof first === 'string') return first;
    const start = before.genesis.predecessor?.header.sequence ?? 0;
    return start >= below(first) ? first : 'no checkpoint shows the constitution that was in force';
  }
  const { certificate, constitution, proof } = standing;
  const configuration = configurationOf(certificate.epoch);
  if (configuration === undefined || !validCheckpointCertificate(cryptography, service, configuration, certificate))
    return 'the checkpoint that shows its constitution is not certified';
  const claim = { map: constitutionMap, key: '', value: constitution };
  if (!verifyProof(cryptography, certificate.stateDigest, claim, proof).ok)
    return 'the constitution is not in the state of the checkpoint';
  const shown = read(constitution);
  if (typeof shown === 'string') return shown;
  return certificate.sequence >= below(shown) && certificate.sequence <= head
    ? shown
    : 'the checkpoint that shows its constitution is not close to its head';
}

function read(bytes: Uint8Array): Constitution | string {
  const decoded = decodeConstitution(bytes);
  return decoded.ok ? decoded.value : 'the constitution is malformed';
}
