/**
 * Verifying an upgrade certificate: a pure function of its bytes and of the service digest, which names the first check that fails.
 * docs/reference/upgrade-certificate.md, "What is checked".
 */
import { ChainVerifier } from '@coppice/ledger';
import { type Cryptography, decode, type Digest, digestOf, sameBytes } from '@coppice/wire';
import { type ActivationFacts, checkActivation } from './activation.ts';
import { type ApprovalFacts, checkDecisions } from './approval.ts';
import { type UpgradeCertificate, upgradeCertificateBytesMax, upgradeCertificateCodec } from './certificate.ts';
import { checkCleanStarts, type SlotFacts } from './clean-starts.ts';
import { Refusal, refuse, type UpgradeCheck } from './refusal.ts';
import { checkProvenance, checkRelease, type ReleaseFacts, type SignerFacts } from './release.ts';

/** What a verified certificate shows. Digests and keys are bytes, times agreed milliseconds. */
export interface UpgradeFacts {
  readonly service: Digest;
  /** As the constitution has it. */
  readonly name: string;
  /** The release that turns launched before, and the one that was approved. */
  readonly from: Digest;
  readonly to: Digest;
  readonly approval: ApprovalFacts;
  readonly release: ReleaseFacts;
  /** Who signed where it came from. */
  readonly provenance: readonly SignerFacts[];
  readonly slots: readonly SlotFacts[];
  readonly activation: ActivationFacts | undefined;
}

export type UpgradeVerdict =
  | { readonly ok: true; readonly facts: UpgradeFacts }
  | { readonly ok: false; readonly check: UpgradeCheck; readonly reason: string };

/**
 * Whether a certificate proves an upgrade, to someone who knows the service digest: the facts, or the first check that fails.
 * Total: takes any bytes; costs one certificate an epoch, and one for each proven transaction.
 */
export function verifyUpgrade(cryptography: Cryptography, encoded: Uint8Array, service: Digest): UpgradeVerdict {
  try {
    return { ok: true, facts: factsOf(cryptography, read(encoded), service) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, check: error.check, reason: error.message };
  }
}

function read(encoded: Uint8Array): UpgradeCertificate {
  if (encoded.length > upgradeCertificateBytesMax)
    return refuse('format', `more than ${upgradeCertificateBytesMax} bytes`);
  const decoded = decode(upgradeCertificateCodec, encoded);
  return decoded.ok ? decoded.value : refuse('format', decoded.reason);
}

function factsOf(cryptography: Cryptography, certificate: UpgradeCertificate, service: Digest): UpgradeFacts {
  const { constitution, epochs, genesis } = certificate;
  const founded = ChainVerifier.fromGenesis(cryptography, service, genesis);
  if (!founded.ok) return refuse('genesis', founded.reason);
  if (!sameBytes(digestOf(cryptography, 'constitution', constitution), genesis.constitution))
    return refuse('genesis', 'another constitution than that of genesis');
  const chain = founded.value;
  for (const next of epochs) {
    const reason = chain.extend(next);
    if (reason !== undefined) return refuse('epoch-chain', `epoch ${chain.epoch}: ${reason}`);
  }
  const context = { cryptography, chain };
  const { approval, approved, before, names } = checkDecisions(context, constitution, certificate.decisions);
  const release = checkRelease(cryptography, certificate.manifest, approved);
  const provenance = checkProvenance(cryptography, certificate.provenance, approved.digest, names);
  const { activation: activated, cleanStarts } = certificate;
  const epoch = activated?.transaction.header.epoch ?? chain.epoch;
  const slots = checkCleanStarts(context, epoch, approved.digest, cleanStarts);
  const activation = activated && checkActivation(context, activated, approved.digest);
  return {
    ...{ service, name: before.name, from: before.releases.at(-1)!.digest, to: approved.digest },
    ...{ approval, release, provenance, slots, activation },
  };
}
