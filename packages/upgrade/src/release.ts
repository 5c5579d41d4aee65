/**
 * What was approved: the release's manifest, and who says where it came from.
 */
import { type Cryptography, decodeUtf8, type Digest, encodeUtf8, fromHex, sameBytes, toHex } from '@coppice/wire';
import type { UpgradeCertificate } from './certificate.ts';
import { refuse } from './refusal.ts';

/** Of the manifest, for people: docs/reference/releases.md. */
export interface ReleaseFacts {
  readonly service: string;
  readonly version: number;
  /** Of the sources; `null`: they were not as committed. */
  readonly commit: string | null;
  readonly files: number;
  readonly dependencies: number;
  /** `id`, runtime, and SHA-256 of the program. */
  readonly variants: readonly { readonly id: string; readonly runtime: string; readonly program: string }[];
}

export interface SignerFacts {
  readonly key: Uint8Array;
  /** Its name, if a member has this key. */
  readonly member: string | null;
}

interface ApprovedRelease {
  readonly digest: Digest;
  readonly variants: readonly { readonly id: string; readonly program?: Uint8Array | undefined }[];
}

interface Manifest {
  readonly commit: string | null;
  readonly service: { readonly name: string; readonly version: number };
  readonly files: readonly unknown[];
  readonly dependencies: readonly unknown[];
  readonly variants: readonly { readonly id: string; readonly runtime: string; readonly sha256: string }[];
}

/** Members approved its digest, so its form is that of whoever built it: only what is shown is looked at. */
export function checkRelease(cryptography: Cryptography, encoded: Uint8Array, approved: ApprovedRelease): ReleaseFacts {
  if (!sameBytes(cryptography.hash(encoded), approved.digest))
    return refuse('release', 'the manifest is not the one that was approved');
  const manifest = manifestIn(encoded);
  if (manifest === undefined) return refuse('release', 'what was approved is no manifest that this version can read');
  const { commit, dependencies, files, service, variants } = manifest;
  for (const { id, program } of approved.variants) {
    const built = variants.find((one) => one.id === id);
    if (built === undefined) return refuse('release', `the approved variant ${id} is none of the manifest`);
    if (program !== undefined && toHex(program) !== built.sha256)
      return refuse('release', `the approved variant ${id} has another program than the manifest says`);
  }
  return {
    service: service.name,
    version: service.version,
    commit,
    files: files.length,
    dependencies: dependencies.length,
    variants: variants.map(({ id, runtime, sha256 }) => ({ id, runtime, program: sha256 })),
  };
}

function manifestIn(encoded: Uint8Array): Manifest | undefined {
  const json: Partial<Manifest> | undefined = jsonIn(encoded);
  const { commit, dependencies, files, service, variants } = json ?? {};
  const fits =
    (commit === null || typeof commit === 'string') &&
    typeof service?.name === 'string' &&
    typeof service.version === 'number' &&
    Array.isArray(files) &&
    Array.isArray(dependencies) &&
    Array.isArray(variants) &&
    variants.every(
      (one: Partial<Manifest['variants'][number]> | null) =>
        typeof one?.id === 'string' && typeof one.runtime === 'string' && typeof one.sha256 === 'string',
    );
  return fits ? (json as Manifest) : undefined;
}

/** An object, or nothing. */
function jsonIn(encoded: Uint8Array): object | undefined {
  const text = decodeUtf8(encoded, 0, encoded.length);
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

const payloadType = 'application/vnd.in-toto+json';

/** DSSE's pre-authentication encoding: what is signed. */
function signedBytes(statement: Uint8Array): Uint8Array {
  const prefix = encodeUtf8(`DSSEv1 ${payloadType.length} ${payloadType} ${statement.length} `)!;
  const signed = new Uint8Array(prefix.length + statement.length);
  signed.set(prefix);
  signed.set(statement, prefix.length);
  return signed;
}

/** Who signed that the release came from what the statement says. */
export function checkProvenance(
  cryptography: Cryptography,
  provenance: UpgradeCertificate['provenance'],
  release: Digest,
  names: ReadonlyMap<string, string>,
): SignerFacts[] {
  if (provenance === undefined) return [];
  const { signatures, statement } = provenance;
  const signed = signedBytes(statement);
  const signers = new Set<string>();
  for (const { key, signature } of signatures) {
    const name = toHex(key);
    if (signers.has(name)) return refuse('provenance', `${name} signed twice`);
    signers.add(name);
    if (!cryptography.validPublicKey(key) || !cryptography.verify(key, signed, signature))
      return refuse('provenance', `the signature of ${name} does not hold`);
  }
  const { subject } = (jsonIn(statement) ?? {}) as { readonly subject?: unknown };
  const about = Array.isArray(subject) && subject.some((one: unknown) => isManifest(one, release));
  if (!about) return refuse('provenance', 'the statement is of another release');
  return signatures.map(({ key }) => ({ key, member: names.get(toHex(key)) ?? null }));
}

function isManifest(subject: unknown, release: Digest): boolean {
  const { digest } = (subject ?? {}) as { readonly digest?: { readonly sha256?: unknown } };
  const sha256 = typeof digest?.sha256 === 'string' ? fromHex(digest.sha256) : undefined;
  return sha256 !== undefined && sameBytes(sha256, release);
}
