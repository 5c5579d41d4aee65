/**
 * Evidence, verified: what every platform's evidence comes down to.
 *
 * Verifying says who signed what, and nothing about whether that is acceptable; appraising (appraise.ts) compares it
 * with reference values, and knows no platform. RFC 9334.
 */
import type { Cryptography, Digest } from '@coppice/wire';
import type { EvidenceBundle } from './bundle.ts';
import type { X509Cryptography } from './signatures.ts';

export interface VerifiedEvidence {
  readonly platform: string;
  /** Who runs the host, where the platform can tell. */
  readonly provider: string | undefined;
  /** The processor's generation, in the platform's words. */
  readonly generation: string;
  /** The chip's identity; `undefined` where the platform masks it. */
  readonly chip: Uint8Array | undefined;
  /** The registers that the release determines, one after the other in the platform's order. */
  readonly measurement: Uint8Array;
  /** What the launch was bound to, fixed by the platform. */
  readonly launchDigest: Digest;
  /** What the instance had reported. */
  readonly reportData: Digest;
  readonly tcb: Tcb;
  /** Whether the instance's memory is open to its host, or was at any time. */
  readonly debug: boolean;
  /** In milliseconds, inclusive: the time in which every certificate and list that was used is valid. */
  readonly validity: { readonly from: number; readonly until: number };
  /** What a newer issue replaces of all that was used: what a ledger has to remember of it. */
  readonly collateral: readonly Collateral[];
  /** Whatever else an operator wants to see; nothing is decided by it. */
  readonly details: readonly { readonly name: string; readonly value: string }[];
}

/**
 * A maker's latest word on its own hardware, as far as it was used: a revocation list, levels of versions, an identity. Old ones stay
 * valid for weeks after the next, so whoever chooses what to bring can bring the one that does not know the flaw yet.
 */
export interface Collateral {
  /** Of whom, and about what: the same for every issue. At most 128 characters. */
  readonly source: string;
  /** Grows from issue to issue: a date, in milliseconds. `undefined`: the evidence came without it. */
  readonly issue: number | undefined;
  /** When it was issued, in milliseconds; 0 where it was not. */
  readonly issued: number;
}

/** The trusted computing base, as the platform's maker judges it. */
export interface Tcb {
  readonly components: readonly { readonly component: string; readonly version: number }[];
  /** `up-to-date`, or another of the platform's words. */
  readonly status: string;
  /** Known weaknesses that apply to it. */
  readonly advisories: readonly string[];
}

/** Why evidence is not verified. */
export type EvidenceFault =
  /** The bundle, or something in it, is not in its one form. */
  | 'malformed'
  | 'unknown-platform'
  /** The time to verify at is no time. */
  | 'bad-time'
  /** An endorsement that the platform needs is not there. */
  | 'endorsement-missing'
  /** An endorsement that the platform does not need is there. */
  | 'endorsement-surplus'
  | 'root-not-pinned'
  | 'endorsement-signature'
  /** An endorsement is of another chip, product, version of the firmware or role. */
  | 'endorsement-mismatch'
  /** A certificate is on its issuer's revocation list. */
  | 'revoked'
  /** None of the levels that the maker judges is reached. */
  | 'tcb-unmatched'
  | 'evidence-signature'
  /** Parts of the evidence do not agree: registers or a log with what is signed, data with the digest of it. */
  | 'evidence-mismatch'
  | 'not-yet-valid'
  | 'expired';

export type Verification =
  | { readonly ok: true; readonly evidence: VerifiedEvidence }
  | { readonly ok: false; readonly error: EvidenceFault; readonly detail: string };

/** A root that is trusted for a platform, by the SHA-256 of its SubjectPublicKeyInfo. */
export interface Anchor {
  readonly platform: string;
  readonly spki: Digest;
}

export interface VerifyContext {
  readonly cryptography: Cryptography;
  /** Agreed time in milliseconds: replicas, and auditors years later, reach the same verdict. */
  readonly now: number;
  /** Trusted roots; by default those pinned in platforms.ts. Never taken from a bundle. */
  readonly anchors?: readonly Anchor[];
  /** The signatures of hardware makers; without it, evidence of real hardware is of no known platform. */
  readonly x509?: X509Cryptography;
}

/** What a platform of Coppice's own is verified with. */
export type PlatformContext = Required<Omit<VerifyContext, 'x509'>>;

/** What a platform of hardware is verified with. */
export type HardwareContext = Required<VerifyContext>;

/** What a platform's folder brings. */
export interface Platform<Context = PlatformContext> {
  readonly name: string;
  /** It proves nothing: only a constitution for development may list it. */
  readonly development: boolean;
  readonly anchors: readonly Anchor[];
  /** Total: any bundle gives a verification. */
  verify(bundle: EvidenceBundle, context: Context): Verification;
}

/** A claim for people: nothing is decided by it. */
export type ShownClaims = {
  readonly [name: string]: string | number | boolean | null | readonly string[] | ShownClaims;
};

export interface HardwarePlatform extends Platform<HardwareContext> {
  /** What the evidence says of itself, verified or not; `undefined` if it cannot be read. */
  show(bundle: EvidenceBundle): ShownClaims | undefined;
}

export function unverified(error: EvidenceFault, detail: string): Verification {
  return { ok: false, error, detail };
}
