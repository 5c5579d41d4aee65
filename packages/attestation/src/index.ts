export * from './appraise.ts';
export * from './bundle.ts';
export type { CborTable } from './cbor.ts';
export { decodeSign1 } from './cose.ts';
export * from './caps.ts';
export { type Endorsement, verifyEndorsementFiles } from './endorsements.ts';
export type * from './evidence.ts';
export { initDataType } from './init-data.ts';
export * from './launch.ts';
export { decodeRevocationList } from './crl.ts';
export { type AzureEvidence, azureEvidenceType, encodeAzureEvidence } from './azure/verify.ts';
export { nitroDocumentType } from './nitro/verify.ts';
export { decodePem, type PemBlock } from './pem.ts';
export * from './platforms.ts';
export { type NewestEndorsement, refreshBundle } from './refresh.ts';
export {
  decodeFirmwareEndorsement,
  firmwareAnchor,
  firmwareEndorsementFault,
  firmwareEndorsementType,
  showFirmwareEndorsement,
} from './sev-snp/firmware-endorsement.ts';
export * from './show-endorsement.ts';
export { assembleSnp } from './sev-snp/assemble.ts';
export { decodeCertificateTable } from './sev-snp/certificate-table.ts';
export { reportBytes as snpReportBytes } from './sev-snp/report.ts';
export { assembleIntel } from './sgx/assemble.ts';
export { decodeCertificate } from './x509.ts';
export { simulatedEvidence, type SimulatedDevice } from './simulated/device.ts';
export { decodeHostReport, readRuntimeClaims } from './azure/host-report.ts';
export { certificateType, revocationListType } from './media-types.ts';
export { attestationKeySpki } from './tpm/key.ts';
export { imageSigners } from './nitro/verify.ts';
export { keyChains } from './tpm/assemble.ts';
export { decodeEventLog, trimEventLog } from './tpm/event-log.ts';
export { decodeTpmQuote, decodeTpmSignature, type TpmQuote } from './tpm/quote.ts';
export {
  encodeTpmEvidence,
  eventLogType,
  launchRegister,
  publicKeyType,
  type TpmEvidence,
  tpmEvidenceType,
} from './tpm/format.ts';
export type * from './signatures.ts';
export { type AppraisedClaim, type AttestationResult, type ClaimName, firstFailure } from './result.ts';
