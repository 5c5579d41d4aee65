/** Documents of AWS Nitro, with the CBOR and COSE of others that they are made of; real ones too, where COPPICE_VECTORS has them. */
import { createHash, sign } from 'node:crypto';
import { certificateType, type EvidenceBundle, nitroDocumentType } from '@coppice/attestation';
import { encodeCbor } from '@coppice/wire';
import { decodeForeignCbor } from '../../packages/attestation/src/cbor.ts';
import { decodeSign1 } from '../../packages/attestation/src/cose.ts';
import { issue, now, pinOf } from '../../packages/attestation/test/certificates.ts';
import { bytesOf } from '../../packages/attestation/test/fixtures.ts';
import { casesOf, filesOf } from '../../packages/attestation/test/vectors.ts';
import { drawnCbor } from '../draw-cbor.ts';
import { evidenceTargets, type Sample } from '../evidence.ts';
import type { Target } from '../target.ts';

const root = issue({ commonName: 'aws.nitro-enclaves' });
const region = issue({ commonName: 'region' }, root);
const leaf = issue({ commonName: 'module', authority: false }, region);
const signer = issue({ commonName: Buffer.from(bytesOf('launch')).toString('hex'), authority: false });
const sha384 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha384').update(Buffer.concat(parts)).digest());

function document(): Uint8Array {
  const payload = encodeCbor({
    module_id: 'i-1-enc1',
    digest: 'SHA384',
    timestamp: now,
    pcrs: new Map([
      [0, sha384(Buffer.from('image'))],
      [1, sha384(Buffer.from('kernel'))],
      [2, sha384(Buffer.from('application'))],
      [8, sha384(Buffer.alloc(48), sha384(signer.certificate))],
    ]),
    certificate: leaf.certificate,
    cabundle: [root.certificate, region.certificate],
    public_key: null,
    user_data: bytesOf('report'),
    nonce: null,
  });
  const header = encodeCbor(new Map([[1, -35]]));
  const structure = encodeCbor(['Signature1', header, new Uint8Array(0), payload]);
  const signature = sign('sha384', structure, { key: leaf.privateKey, dsaEncoding: 'ieee-p1363' });
  return encodeCbor([header, {}, payload, new Uint8Array(signature)]);
}

function bundleOf(bytes: Uint8Array): EvidenceBundle {
  return {
    platform: 'nitro',
    evidence: { mediaType: nitroDocumentType, bytes },
    endorsements: [{ mediaType: certificateType, bytes: signer.certificate }],
  };
}

const made = document();
const real = casesOf('nitro').map((one): Sample => {
  return { bundle: bundleOf(filesOf(one)[0].bytes), now: Date.parse(one.verificationTime) };
});

const cbor: Target = {
  name: 'foreign-cbor',
  dialect: 'cbor',
  seeds: () => [made],
  draw: (random) => encodeCbor(drawnCbor(random)),
  run(input) {
    const decoded = decodeForeignCbor(input);
    return decoded.ok ? undefined : decoded.reason;
  },
};

const sign1: Target = {
  name: 'cose-sign1',
  dialect: 'cbor',
  seeds: () => [made],
  run(input) {
    const decoded = decodeSign1(input);
    return decoded.ok ? undefined : decoded.reason;
  },
};

export const targets: readonly Target[] = [
  ...evidenceTargets([{ bundle: bundleOf(made), now }, ...real], [{ platform: 'nitro', spki: pinOf(root) }]),
  cbor,
  sign1,
];
