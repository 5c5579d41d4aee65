/**
 * Azure's machines under a root of AMD of the tests' own.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { azureEvidenceType, certificateType, encodeAzureEvidence, type EvidenceBundle } from '../../src/index.ts';
import { decodeTpmEvidence } from '../../src/tpm/format.ts';
import { bundleOf as intelBundleOf } from '../intel.ts';
import { ark, ask, report, vcek } from '../sev-snp/reports.ts';
import { bundleOf as tpmBundleOf, type Key, keyOf, type Options } from '../tpm/quotes.ts';

export const attestationKey = keyOf('rsa-pkcs1');

export function claimsOf(key: Key): Buffer {
  const { n, e } = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  });
  return Buffer.from(JSON.stringify({ keys: [{ kid: 'HCLAkPub', kty: 'RSA', e, n }], 'user-data': '00' }));
}

export interface Over {
  readonly claims?: Uint8Array;
  /** Changes the hardware's report before it is signed. */
  readonly change?: (report: Buffer) => void;
  /** Changes what the machine's TPM has, after it was signed. */
  readonly after?: (hostReport: Buffer) => void;
  readonly quote?: Options;
}

function hostReport({ claims = claimsOf(attestationKey), change = () => {}, after = () => {} }: Over): Buffer {
  const signed = report(vcek, (bytes) => {
    bytes.fill(0, 0x50, 0x90);
    bytes.set(createHash('sha256').update(claims).digest(), 0x50);
    change(bytes);
  });
  const bytes = Buffer.alloc(2600);
  bytes.write('HCLA');
  bytes.writeUInt32LE(2, 4);
  bytes.writeUInt32LE(1184 + 20 + 32 + claims.length, 8);
  bytes.writeUInt32LE(2, 12);
  bytes.set(signed, 32);
  for (const [i, value] of [20 + claims.length, 1, 2, 1, claims.length].entries())
    bytes.writeUInt32LE(value, 32 + 1184 + 4 * i);
  bytes.set(claims, 32 + 1184 + 20);
  after(bytes);
  return bytes;
}

/** A machine on TDX: the domain's report as the processor makes it, and the quote of it. */
export function domainBundleOf(
  over: Pick<Over, 'claims' | 'after' | 'quote'> & { readonly domain?: (body: Buffer) => void } = {},
): EvidenceBundle {
  const { claims = claimsOf(attestationKey), after = () => {}, domain: change = () => {} } = over;
  const { evidence: quote, endorsements } = intelBundleOf('TDX', {
    body(body) {
      body.set(createHash('sha256').update(claims).digest(), 520);
      change(body);
    },
  });
  const body = quote.bytes.subarray(48, 48 + 584);
  const sha384 = (bytes: Uint8Array): Uint8Array => createHash('sha384').update(bytes).digest();
  const bytes = hostReport({ claims });
  const domain = bytes.subarray(32, 32 + 1184).fill(0);
  domain[0] = 0x81;
  domain.set(body.subarray(520), 128);
  domain.set(body.subarray(0, 120), 264);
  domain.set(body.subarray(120, 520), 512);
  domain.set(sha384(domain.subarray(256, 495)), 32);
  domain.set(sha384(domain.subarray(512, 1024)), 80);
  bytes.writeUInt32LE(4, 32 + 1184 + 8);
  after(bytes);
  const tpm = decodeTpmEvidence(tpmBundleOf({ key: attestationKey, ...over.quote }).evidence.bytes);
  if (!tpm.ok) throw new Error(tpm.reason);
  const encoded = encodeAzureEvidence({ hostReport: bytes, domainQuote: quote.bytes, ...tpm.value });
  return { platform: 'azure-tdx', evidence: { mediaType: azureEvidenceType, bytes: encoded }, endorsements };
}

export function bundleOf(over: Over): EvidenceBundle {
  const { evidence } = tpmBundleOf({ key: attestationKey, ...over.quote });
  const tpm = decodeTpmEvidence(evidence.bytes);
  if (!tpm.ok) throw new Error(tpm.reason);
  return {
    platform: 'azure-snp',
    evidence: {
      mediaType: azureEvidenceType,
      bytes: encodeAzureEvidence({ hostReport: hostReport(over), domainQuote: undefined, ...tpm.value }),
    },
    endorsements: [vcek, ask, ark].map(({ certificate }) => ({ mediaType: certificateType, bytes: certificate })),
  };
}
