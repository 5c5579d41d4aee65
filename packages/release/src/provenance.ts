/**
 * Where a release came from: a SLSA v1 provenance, as an in-toto statement in a DSSE envelope.
 *
 * It says nothing that the manifest does not say, but who says it: builders and members sign it with their Ed25519 keys. There
 * is no time in it, so a rebuild gives the same statement.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { encodeUtf8, fromHex, type Signer, toHex } from '@coppice/wire';
import { canonicalJson, sha256 } from './canonical.ts';
import { encodeManifest, runtimesOf, seedsOf, type Manifest, manifestName, type PinnedPackage } from './manifest.ts';
import { type Checked, hexadecimal, listOf, object, ShapeError, text, word } from './shape.ts';

export const provenanceName = 'provenance.json';
export const provenanceBytesMax = 1 << 22;
const payloadType = 'application/vnd.in-toto+json';
const signaturesMax = 64;

const base64 = text(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const envelopeShape = object({
  payload: base64,
  payloadType: word(payloadType),
  /** `keyid` is the public key. */
  signatures: listOf(object({ keyid: hexadecimal(32), sig: base64 }), 0, signaturesMax),
});

export type Envelope = Checked<typeof envelopeShape>;

const digestOfIntegrity = (integrity: string): string =>
  Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');

function dependency({ integrity, name, version }: PinnedPackage): object {
  return {
    uri: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    digest: { sha512: digestOfIntegrity(integrity) },
  };
}

/** The in-toto statement of a release, encoded. */
export function statementOf(manifest: Manifest): string {
  const { commit, dependencies, files, runtimes, service, tools } = manifest;
  return canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: manifestName, digest: { sha256: sha256(encodeManifest(manifest)) } },
      ...files.map((file) => ({ name: file.name, digest: { sha256: file.sha256 } })),
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:coppice:release-build:1',
        externalParameters: {
          service: service.source,
          seeds: seedsOf(manifest),
          runtimes: runtimesOf(manifest),
        },
        internalParameters: {},
        resolvedDependencies: [
          ...(commit === null
            ? []
            : [{ uri: 'urn:coppice:sources', digest: { [commit.length === 40 ? 'gitCommit' : 'sha256']: commit } }]),
          ...[...dependencies, ...tools, ...runtimes.flatMap((one) => one.package ?? [])].map(dependency),
        ],
      },
      runDetails: { builder: { id: 'urn:coppice:release-builder:1' } },
    },
  });
}

/** DSSE's pre-authentication encoding: what is signed. */
function signedBytes(payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
}

/** The envelope around a statement, signed by all signers. */
export function envelopeOf(statement: string, signers: readonly Signer[]): string {
  const payload = encodeUtf8(statement)!;
  return canonicalJson({
    payload: Buffer.from(payload).toString('base64'),
    payloadType,
    signatures: signers.map((signer) => ({
      keyid: toHex(signer.publicKey),
      sig: Buffer.from(signer.sign(signedBytes(payload))).toString('base64'),
    })),
  });
}

export interface Signature {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export type Provenance =
  | {
      readonly ok: true;
      readonly statement: string;
      readonly signers: readonly string[];
      readonly signatures: readonly Signature[];
    }
  | { readonly ok: false; readonly reason: 'malformed-provenance' | 'bad-signature'; readonly detail: string };

/** Reads an envelope and verifies every signature in it. */
export function readEnvelope(encoded: Uint8Array): Provenance {
  const malformed = (detail: string): Provenance => ({ ok: false, reason: 'malformed-provenance', detail });
  if (encoded.length > provenanceBytesMax) return malformed(`more than ${provenanceBytesMax} bytes`);
  let envelope: Envelope;
  try {
    const source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoded);
    envelope = envelopeShape(JSON.parse(source), '');
    if (canonicalJson(envelope) !== source) return malformed('not written in the canonical way');
  } catch (error) {
    return malformed(error instanceof ShapeError ? error.message : 'no JSON in UTF-8');
  }
  const strict = [envelope.payload, ...envelope.signatures.map(({ sig }) => sig)];
  // Base 64 has spare bits, which nobody signs.
  if (strict.some((one) => Buffer.from(one, 'base64').toString('base64') !== one))
    return malformed('spare bits are set');
  const payload = Buffer.from(envelope.payload, 'base64');
  for (const { keyid, sig } of envelope.signatures) {
    const [key, signature] = [fromHex(keyid)!, Buffer.from(sig, 'base64')];
    if (!nodeCryptography.validPublicKey(key) || !nodeCryptography.verify(key, signedBytes(payload), signature))
      return { ok: false, reason: 'bad-signature', detail: `that of ${keyid} does not hold` };
  }
  const signers = envelope.signatures.map(({ keyid }) => keyid);
  if (new Set(signers).size < signers.length) return malformed('somebody signed twice');
  const signatures = envelope.signatures.map(({ keyid, sig }) => ({
    key: fromHex(keyid)!,
    signature: new Uint8Array(Buffer.from(sig, 'base64')),
  }));
  return { ok: true, statement: payload.toString('utf8'), signers, signatures };
}
