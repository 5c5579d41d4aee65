/**
 * Targets of a platform's evidence: for each message of a sound bundle, made-up ones in its place, verified with a cryptography
 * that takes every signature, so that what lies behind signatures is reached, too.
 */
import { createHash } from 'node:crypto';
import { appraise, type EvidenceBundle, pinnedAnchors, showBundle, verifyBundle } from '@coppice/attestation';
import { decodeCbor, ofAllVersions } from '@coppice/wire';
import { claims, launch, policy } from '../packages/attestation/test/fixtures.ts';
import type { Dialect, Target } from './target.ts';

/** A bundle that is verified at a time, by a cryptography that takes every signature. */
export interface Sample {
  readonly bundle: EvidenceBundle;
  readonly now: number;
}

const everything = {
  hash: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  verify: () => true,
  validPublicKey: () => true,
};

export const credulous = ofAllVersions(everything, everything.hash);

export const x509 = {
  verifySignature: () => true,
  hash: (algorithm: string, bytes: Uint8Array) => new Uint8Array(createHash(algorithm).update(bytes).digest()),
};

type Anchors = typeof pinnedAnchors;

/** Verifies, appraises and shows; why not, if so. */
export function verdict(bundle: EvidenceBundle, now: number, roots: Anchors): string | undefined {
  showBundle(bundle);
  const anchors = [...pinnedAnchors, ...roots];
  const verification = verifyBundle(bundle, { cryptography: credulous, x509, now, anchors });
  if (!verification.ok) return `${verification.error}: ${verification.detail}`;
  const context = { cryptography: credulous, policy, launch, claims, now, newestIssue: () => undefined };
  appraise(verification.evidence, context);
  return undefined;
}

export function dialectOf(bytes: Uint8Array): Dialect {
  if (bytes[0] === 0x30) return 'der';
  if (bytes[0] === 0x7b) return 'json';
  return decodeCbor(bytes).ok ? 'cbor' : 'bytes';
}

/** For each message of the samples' bundles; those of the other samples are inputs as well. `roots` are trusted besides the pinned ones. */
export function evidenceTargets(samples: readonly Sample[], roots: Anchors): Target[] {
  const all = new Map<string, Target>();
  for (const { bundle, now } of samples) {
    const messages = [bundle.evidence, ...bundle.endorsements];
    for (const [i, { bytes, mediaType }] of messages.entries()) {
      const name = `${bundle.platform}-${mediaType.replace(/^.*[/.]/, '').replaceAll(/\W+/g, '-')}-${i}`;
      if (all.has(name)) continue;
      const alike = samples.map(({ bundle: other }) => [other.evidence, ...other.endorsements][i]);
      all.set(name, {
        name,
        dialect: dialectOf(bytes),
        weight: i === 0 ? 2 : 0.7,
        seeds: () => [bytes, ...alike.flatMap((one) => (one?.mediaType === mediaType ? [one.bytes] : []))],
        run(input) {
          const [evidence, ...endorsements] = messages.map((one, k) => (k === i ? { ...one, bytes: input } : one));
          return verdict({ ...bundle, evidence: evidence!, endorsements }, now, roots);
        },
      });
    }
  }
  return [...all.values()];
}
