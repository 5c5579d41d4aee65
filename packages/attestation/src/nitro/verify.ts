/**
 * Verifies documents of AWS Nitro Enclaves.
 *
 *     pinned root ──▶ region ──▶ zone ──▶ host ──▶ module's key ──▶ document, with its registers
 *
 * The launch is in the image's signature: an image is signed once a turn, with a certificate that names the launch, and
 * register 8 has the digest of that certificate. So the registers of the image stay those of its release.
 */
import { concatBytes, fromHex, sameBytes, toHex } from '@coppice/wire';
import type { EvidenceBundle } from '../bundle.ts';
import {
  type HardwareContext,
  type HardwarePlatform,
  type ShownClaims,
  unverified,
  type Verification,
} from '../evidence.ts';
import { certificateType } from '../media-types.ts';
import { chainFault, decodeCertificate } from '../x509.ts';
import { decodeDocument, type NitroDocument } from './document.ts';

const name = 'nitro';
export const nitroDocumentType = 'application/vnd.coppice.nitro-document';
const signerRegister = 8;

/** Endorsements: none, or the certificate that the image is signed with. */
export const nitro: HardwarePlatform = {
  name,
  development: false,
  anchors: [{ platform: name, spki: fromHex('f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225')! }],
  verify,
  show,
};

/** Those certificates that an image may be signed with: their names are launch digests. */
export function imageSigners(certificates: readonly Uint8Array[]): readonly Uint8Array[] {
  return certificates.filter((bytes) => {
    const certificate = decodeCertificate(bytes);
    return certificate.ok && /^[0-9a-f]{64}$/.test(certificate.value.commonName);
  });
}

function verify({ evidence, endorsements }: EvidenceBundle, context: HardwareContext): Verification {
  if (evidence.mediaType !== nitroDocumentType) return unverified('malformed', 'not a document');
  const decoded = decodeDocument(evidence.bytes);
  if (!decoded.ok) return unverified('malformed', `document: ${decoded.reason}`);
  const document = decoded.value;
  const { chain } = document;
  const pinned = context.anchors.filter(({ platform }) => platform === name).map(({ spki }) => spki);
  const fault = chainFault(chain, { ...context, pinned });
  if (fault !== undefined) return unverified(fault.error, fault.detail);
  if (!context.x509.verifySignature('ecdsa-p384-sha384', chain[0]!.spki, document.signed, document.signature))
    return unverified('evidence-signature', 'by the module');

  const [signer, surplus] = endorsements;
  if (surplus !== undefined) return unverified('endorsement-surplus', surplus.mediaType);
  let launchDigest = new Uint8Array(0);
  if (signer !== undefined) {
    const certificate = signer.mediaType === certificateType ? decodeCertificate(signer.bytes) : undefined;
    if (certificate?.ok !== true)
      return unverified('malformed', `certificate: ${certificate?.reason ?? signer.mediaType}`);
    const extended = context.x509.hash(
      'sha384',
      concatBytes(new Uint8Array(48), context.x509.hash('sha384', signer.bytes)),
    );
    if (!sameBytes(document.registers.get(signerRegister) ?? launchDigest, extended))
      return unverified('evidence-mismatch', 'the image is signed with another certificate');
    launchDigest = Uint8Array.from(fromHex(certificate.value.commonName) ?? launchDigest);
  }
  const { registers, userData, moduleId } = document;
  return {
    ok: true,
    evidence: {
      platform: name,
      provider: 'aws',
      generation: name,
      chip: undefined,
      measurement: concatBytes(...[0, 1, 2].map((register) => registers.get(register)!)),
      launchDigest,
      reportData: userData ?? new Uint8Array(0),
      tcb: { components: [], status: 'unrated', advisories: [] },
      debug: isDebug(document),
      validity: {
        from: Math.max(...chain.map(({ from }) => from)),
        until: Math.min(...chain.map(({ until }) => until)),
      },
      collateral: [],
      details: [{ name: 'moduleId', value: moduleId }],
    },
  };
}

/** An enclave that runs with its console open has no measurements. */
function isDebug({ registers }: NitroDocument): boolean {
  return [0, 1, 2].some((register) => isZero(registers.get(register)!));
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

function show({ evidence }: EvidenceBundle): ShownClaims | undefined {
  const decoded = decodeDocument(evidence.bytes);
  if (!decoded.ok) return undefined;
  const { moduleId, timestamp, registers, nonce, userData, publicKey } = decoded.value;
  const hex = (bytes: Uint8Array | undefined): string | null => (bytes === undefined ? null : toHex(bytes));
  return {
    moduleId,
    timestamp,
    debug: isDebug(decoded.value),
    pcrs: Object.fromEntries(
      [...registers].filter(([, value]) => !isZero(value)).map(([register, value]) => [register, toHex(value)]),
    ),
    nonce: hex(nonce),
    userData: hex(userData),
    publicKey: hex(publicKey),
  };
}
