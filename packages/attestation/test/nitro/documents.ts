/**
 * Documents as a Nitro module makes them, under a root of the tests' own.
 */
import { createHash, sign } from 'node:crypto';
import { type CborValue, encodeCbor } from '@coppice/wire';
import { type EvidenceBundle, nitroDocumentType } from '../../src/index.ts';
import { certificateType } from '../../src/media-types.ts';
import { type Authority, issue, now } from '../certificates.ts';
import { bytesOf } from '../fixtures.ts';

export const root = issue({ commonName: 'aws.nitro-enclaves' });
export const region = issue({ commonName: 'region' }, root);
export const module_ = issue({ commonName: 'module', authority: false }, region);
export const launch = Buffer.from(bytesOf('launch'));
export const report = bytesOf('report');
export const signer = issue({ commonName: launch.toString('hex'), authority: false });
export const sha384 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha384').update(Buffer.concat(parts)).digest();

export interface Over {
  readonly payload?: Readonly<Record<string, CborValue>>;
  readonly header?: CborValue;
  readonly unprotected?: CborValue;
  readonly key?: Authority;
  readonly chain?: readonly Authority[];
  readonly signers?: readonly Authority[];
  readonly registers?: ReadonlyMap<number, Uint8Array>;
  readonly prefix?: Uint8Array;
}

export const registers: ReadonlyMap<number, Uint8Array> = new Map([
  [0, sha384(Buffer.from('image'))],
  [1, sha384(Buffer.from('kernel'))],
  [2, sha384(Buffer.from('application'))],
  [8, sha384(Buffer.alloc(48), sha384(signer.certificate))],
]);

export function bundleOf(over: Over): EvidenceBundle {
  const [leaf, ...authorities] = over.chain ?? [module_, region, root];
  const payload = encodeCbor({
    module_id: 'i-1-enc1',
    digest: 'SHA384',
    timestamp: now,
    pcrs: over.registers ?? registers,
    certificate: leaf!.certificate,
    cabundle: authorities.map(({ certificate }) => certificate).reverse(),
    public_key: null,
    user_data: report,
    nonce: null,
    ...over.payload,
  });
  const header = encodeCbor(over.header ?? new Map([[1, -35]]));
  const structure = encodeCbor(['Signature1', header, new Uint8Array(0), payload]);
  const { privateKey } = over.key ?? leaf!;
  const signature = sign('sha384', structure, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const message = encodeCbor([header, over.unprotected ?? {}, payload, new Uint8Array(signature)]);
  return {
    platform: 'nitro',
    evidence: { mediaType: nitroDocumentType, bytes: Buffer.concat([over.prefix ?? new Uint8Array(0), message]) },
    endorsements: (over.signers ?? [signer]).map(({ certificate }) => ({
      mediaType: certificateType,
      bytes: certificate,
    })),
  };
}
