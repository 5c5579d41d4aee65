/**
 * What a quote says, for people and for `--json`: shown of refused evidence too, so nothing here is verified.
 */
import { toHex } from '@coppice/wire';
import type { Message } from '../bundle.ts';
import type { ShownClaims } from '../evidence.ts';
import { certificateType } from '../media-types.ts';
import { decodeCertificate } from '../x509.ts';
import type { TpmEvidence } from './format.ts';
import { decodeTpmQuote, decodeTpmSignature, readBanks } from './quote.ts';

/** `undefined` if it is no quote. */
export function tpmClaims(evidence: TpmEvidence, endorsements: readonly Message[]): ShownClaims | undefined {
  const quote = decodeTpmQuote(evidence.quote);
  if (!quote.ok) return undefined;
  const signature = decodeTpmSignature(evidence.signature);
  const banks = readBanks(quote.value, evidence.registers);
  const [first] = endorsements;
  const certificate = first?.mediaType === certificateType ? decodeCertificate(first.bytes) : undefined;
  const { qualifiedSigner, qualifyingData, clock, resetCount, restartCount, safe, firmwareVersion } = quote.value;
  return {
    keyCertificate: certificate?.ok === true ? certificate.value.commonName : null,
    signature: signature.ok ? `${signature.value.scheme}-${signature.value.hash.name}` : null,
    qualifiedSigner: toHex(qualifiedSigner),
    qualifyingData: toHex(qualifyingData),
    clock: String(clock),
    resetCount,
    restartCount,
    safe,
    firmwareVersion: firmwareVersion.toString(16).padStart(16, '0'),
    pcrDigest: toHex(quote.value.pcrDigest),
    pcrs: !banks.ok
      ? null
      : Object.fromEntries(
          banks.value.map(({ hash, registers }) => [
            hash.name ?? `0x${hash.id.toString(16)}`,
            Object.fromEntries([...registers].map(([register, value]) => [String(register), toHex(value)])),
          ]),
        ),
    launchDigest: evidence.launch === undefined ? null : toHex(evidence.launch),
  };
}
