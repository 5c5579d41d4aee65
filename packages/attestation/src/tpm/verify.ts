/**
 * Verifies quotes of TPM 2.0.
 *
 *     pinned root ──▶ … ──▶ attestation key ──▶ quote ──▶ digest of registers ◀── their values ◀── event log
 *
 * A TPM stands beside its host, and measures what the host tells it to: on its own it proves nothing against the host,
 * whoever has certified its key. So only a constitution for development may list it; `generation` says who vouches for
 * the key.
 */
import { concatBytes, fromHex, sameBytes, toHex } from '@coppice/wire';
import type { EvidenceBundle } from '../bundle.ts';
import { type HardwareContext, type HardwarePlatform, unverified, type Verification } from '../evidence.ts';
import { curveOf } from '../x509.ts';
import { tpmClaims } from './claims.ts';
import { collateralOf, decodeEndorsements, endorsementFault, type KeyEndorsements } from './endorsements.ts';
import { type EventLog, replayEvents } from './event-log.ts';
import { decodeTpmEvidence, launchedRegister, launchRegister, type TpmEvidence, tpmEvidenceType } from './format.ts';
import { type Bank, decodeTpmQuote, decodeTpmSignature, readBanks, type TpmQuote, type TpmSignature } from './quote.ts';

const name = 'tpm2';
/** Google's authority for the TPMs of its virtual machines. */
const googleRoot = fromHex('56a613f57126a385dd6949294e93b0b566f96ab0573be0c2368e6f5ca779831f')!;

/** Endorsements as in endorsements.ts. */
export const tpm2: HardwarePlatform = {
  name,
  development: true,
  anchors: [{ platform: name, spki: googleRoot }],
  verify,
  show: ({ evidence, endorsements }) => {
    const decoded = evidence.mediaType === tpmEvidenceType ? decodeTpmEvidence(evidence.bytes) : undefined;
    return decoded?.ok === true ? tpmClaims(decoded.value, endorsements) : undefined;
  },
};

function verify(bundle: EvidenceBundle, context: HardwareContext): Verification {
  if (bundle.evidence.mediaType !== tpmEvidenceType) return unverified('malformed', 'not evidence of a TPM');
  const evidence = decodeTpmEvidence(bundle.evidence.bytes);
  if (!evidence.ok) return unverified('malformed', evidence.reason);
  const endorsements = decodeEndorsements(bundle.endorsements);
  if (!endorsements.ok) return endorsements.refusal;
  const { key } = endorsements.value;
  const pinned = context.anchors.filter(({ platform }) => platform === name).map(({ spki }) => spki);
  const fault = endorsementFault(endorsements.value, { ...context, pinned });
  if (fault !== undefined) return unverified(fault.error, fault.detail);

  const verified = verifyTpmQuote(evidence.value, key, endorsements.value.log, context);
  if (!verified.ok) return verified.refusal;
  const { quote, banks } = verified.value;
  return {
    ok: true,
    evidence: {
      platform: name,
      provider: undefined,
      generation: endorsements.value.chain.at(-1)?.commonName ?? 'unendorsed',
      // Of a key it is known that it is in one TPM, not that another key is not in the same.
      chip: undefined,
      measurement: measurementOf(banks),
      launchDigest: evidence.value.launch ?? new Uint8Array(0),
      reportData: quote.qualifyingData,
      tcb: { components: [], status: 'unrated', advisories: [] },
      debug: false,
      validity: validityOf(endorsements.value),
      collateral: collateralOf(endorsements.value, context.cryptography),
      details: [
        { name: 'attestationKey', value: toHex(context.cryptography.hash(key)) },
        { name: 'endorsed', value: String(endorsements.value.chain.length > 0) },
      ],
    },
  };
}

function validityOf({ chain, lists }: KeyEndorsements): { readonly from: number; readonly until: number } {
  const dated = [...chain, ...lists];
  return {
    from: Math.max(0, ...dated.map(({ from }) => from)),
    until: Math.min(Number.MAX_SAFE_INTEGER, ...dated.map(({ until }) => until)),
  };
}

export interface VerifiedTpmQuote {
  readonly quote: TpmQuote;
  readonly banks: readonly Bank[];
}

type Refused = { readonly ok: false; readonly refusal: Verification };

/** The quote, if `key` has signed it, and launch data and log, where there are any, are those of its registers. */
export function verifyTpmQuote(
  evidence: TpmEvidence,
  key: Uint8Array,
  log: EventLog | undefined,
  context: HardwareContext,
): { readonly ok: true; readonly value: VerifiedTpmQuote } | Refused {
  const refused = (...fault: Parameters<typeof unverified>): Refused => ({ ok: false, refusal: unverified(...fault) });
  const quote = decodeTpmQuote(evidence.quote);
  if (!quote.ok) return refused('malformed', `quote: ${quote.reason}`);
  const signature = decodeTpmSignature(evidence.signature);
  if (!signature.ok) return refused('malformed', `signature: ${signature.reason}`);
  if (!isSigned(evidence.quote, signature.value, key, context))
    return refused('evidence-signature', 'by the attestation key');
  const { hash } = signature.value;
  if (!sameBytes(context.x509.hash(hash.name, evidence.registers), quote.value.pcrDigest))
    return refused('evidence-mismatch', 'the registers are not those of the quote');
  const banks = readBanks(quote.value, evidence.registers);
  if (!banks.ok) return refused('malformed', banks.reason);
  const mismatch = launchMismatch(banks.value, evidence.launch, context) ?? logMismatch(banks.value, log, context);
  if (mismatch !== undefined) return refused('evidence-mismatch', mismatch);
  return { ok: true, value: { quote: quote.value, banks: banks.value } };
}

function isSigned(
  message: Uint8Array,
  { scheme, hash, parts }: TpmSignature,
  key: Uint8Array,
  { x509 }: HardwareContext,
): boolean {
  if (hash.name === 'sha1') return false;
  if (scheme !== 'ecdsa') return x509.verifySignature(`${scheme}-${hash.name}`, key, message, parts[0]!);
  const curve = curveOf(key);
  if (curve === undefined || parts.some(({ length }) => length > curve.bytes)) return false;
  // Some TPMs leave leading zeros out.
  const raw = new Uint8Array(2 * curve.bytes);
  for (const [i, part] of parts.entries()) raw.set(part, (i + 1) * curve.bytes - part.length);
  return x509.verifySignature(`ecdsa-${curve.name}-${hash.name}`, key, message, raw);
}

function launchMismatch(
  banks: readonly Bank[],
  launch: Uint8Array | undefined,
  { x509 }: HardwareContext,
): string | undefined {
  if (launch === undefined) return undefined;
  const holds = banks.every(({ hash, registers }) => {
    const value = registers.get(launchRegister);
    return hash.name !== undefined && value !== undefined && sameBytes(value, launchedRegister(launch, hash, x509));
  });
  return holds ? undefined : 'the launch data is not what register 8 was extended with';
}

function logMismatch(banks: readonly Bank[], log: EventLog | undefined, { x509 }: HardwareContext): string | undefined {
  if (log === undefined) return undefined;
  for (const { hash, registers } of banks) {
    const replayed = hash.name === undefined ? undefined : replayEvents(log, hash, x509);
    if (replayed === undefined) return 'the event log has not the hash of the quote';
    for (const [register, value] of replayed) {
      const quoted = registers.get(register);
      if (quoted === undefined || !sameBytes(quoted, value)) return `the event log is not that of register ${register}`;
    }
  }
  return undefined;
}

/**
 * What a release determines: for each bank its hash (two bytes), which registers (three, the first one lowest), and
 * their values, without the launch register.
 */
export function measurementOf(banks: readonly Bank[]): Uint8Array {
  return concatBytes(
    ...banks.map(({ hash, registers }) => {
      const measured = [...registers].filter(([register]) => register !== launchRegister);
      const bits = new Uint8Array(3);
      for (const [register] of measured) bits[register >> 3]! |= 1 << (register & 7);
      return concatBytes(Uint8Array.of(hash.id >> 8, hash.id & 0xff), bits, ...measured.map(([, value]) => value));
    }),
  );
}
