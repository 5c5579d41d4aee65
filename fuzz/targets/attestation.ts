/** Bundles of evidence, and the encodings that several platforms' evidence is made of. */
import {
  decodeBundle,
  decodeCertificate,
  decodePem,
  decodeRevocationList,
  encodeBundle,
  pinnedAnchors,
  verifyEvidence,
} from '@coppice/attestation';
import { type Decoded, sameBytes } from '@coppice/wire';
import { issue, now, pinOf, revocationList } from '../../packages/attestation/test/certificates.ts';
import { evidenceOf, now as simulatedNow } from '../../packages/attestation/test/fixtures.ts';
import { bundleOf, root as intelRoot } from '../../packages/attestation/test/intel.ts';
import { credulous, verdict, x509 } from '../evidence.ts';
import { bytesOfText, type Dialect, must, type Target, textOfBytes } from '../target.ts';

const root = issue({ commonName: 'Root' });
const certificates = [root, issue({ commonName: 'Leaf', serial: 300, authority: false }, root)];
const lists = [revocationList(root, [1, 2]), revocationList(root, [])];
const roots = [
  { platform: 'tdx', spki: pinOf(intelRoot) },
  { platform: 'sgx', spki: pinOf(intelRoot) },
];

const bundle: Target = {
  name: 'evidence-bundle',
  dialect: 'cbor',
  weight: 2,
  seeds: () => [evidenceOf(), encodeBundle(bundleOf('TDX')), encodeBundle(bundleOf('SGX'))],
  run(input) {
    verifyEvidence(input, { cryptography: credulous, x509, now, anchors: [...pinnedAnchors, ...roots] });
    const decoded = decodeBundle(input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encodeBundle(decoded.value), input), 'what is decoded is encoded to the same bytes');
    return verdict(decoded.value, decoded.value.platform === 'simulated' ? simulatedNow : now, roots);
  },
};

function decoder(
  name: string,
  dialect: Dialect,
  seeds: () => readonly Uint8Array[],
  decode: (input: Uint8Array) => Decoded<unknown>,
): Target {
  return {
    name,
    dialect,
    seeds,
    run(input) {
      const decoded = decode(input);
      return decoded.ok ? undefined : decoded.reason;
    },
  };
}

const pemOf = (label: string, bytes: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

const pem = pemOf('CERTIFICATE', root.certificate) + pemOf('X509 CRL', lists[0]!);

export const targets: readonly Target[] = [
  bundle,
  decoder('x509', 'der', () => certificates.map(({ certificate }) => certificate), decodeCertificate),
  decoder('crl', 'der', () => lists, decodeRevocationList),
  decoder(
    'pem',
    'text',
    () => [bytesOfText(pem)],
    (input) => decodePem(textOfBytes(input)),
  ),
];
