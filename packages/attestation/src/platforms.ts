/**
 * The platforms whose evidence this version verifies: the only file that knows them all.
 */
import { decodeBundle, type EvidenceBundle } from './bundle.ts';
import {
  type Anchor,
  type HardwarePlatform,
  type Platform,
  type ShownClaims,
  unverified,
  type Verification,
  type VerifyContext,
} from './evidence.ts';
import { azureSnp, azureTdx } from './azure/verify.ts';
import { nitro } from './nitro/verify.ts';
import { sgx } from './sgx/verify.ts';
import { sevSnp } from './sev-snp/verify.ts';
import { simulated } from './simulated/verify.ts';
import { tdx } from './tdx/verify.ts';
import { tpm2 } from './tpm/verify.ts';

const platforms: readonly Platform[] = [simulated];

/** Verified only by who has the signatures of their makers, as every replica has. */
const hardwarePlatforms: readonly HardwarePlatform[] = [sevSnp, tdx, sgx, nitro, azureSnp, azureTdx, tpm2];

/** Those that a constitution may list. */
export const platformNames: readonly string[] = [...platforms, ...hardwarePlatforms].map((platform) => platform.name);

/** Those that prove nothing, and that only a constitution for development may list. */
export const developmentPlatforms: readonly string[] = [...platforms, ...hardwarePlatforms]
  .filter((platform) => platform.development)
  .map((platform) => platform.name);

/** The trusted roots of every platform. */
export const pinnedAnchors: readonly Anchor[] = [...platforms, ...hardwarePlatforms].flatMap(
  (platform) => platform.anchors,
);

/** Verifies an encoded bundle of evidence of any platform. Pure, synchronous, total: never throws, whatever the bytes. */
export function verifyEvidence(bundle: Uint8Array, context: VerifyContext): Verification {
  const decoded = decodeBundle(bundle);
  return decoded.ok ? verifyBundle(decoded.value, context) : unverified('malformed', decoded.reason);
}

/** Verifies a bundle that was decoded, or put together of what makers and clouds hand out. Pure, synchronous, total. */
export function verifyBundle(bundle: EvidenceBundle, context: VerifyContext): Verification {
  const { cryptography, now, anchors = pinnedAnchors, x509 } = context;
  if (!Number.isSafeInteger(now) || now < 0) return unverified('bad-time', String(now));
  const platform = platforms.find((one) => one.name === bundle.platform);
  if (platform !== undefined) return platform.verify(bundle, { cryptography, now, anchors });
  const hardware = hardwarePlatforms.find((one) => one.name === bundle.platform);
  if (hardware !== undefined && x509 !== undefined)
    return hardware.verify(bundle, { cryptography, now, anchors, x509 });
  return unverified('unknown-platform', 'no platform of this version');
}

/** What evidence of hardware says of itself, verified or not; `undefined` if it cannot be read. */
export function showBundle(bundle: EvidenceBundle): ShownClaims | undefined {
  return hardwarePlatforms.find((one) => one.name === bundle.platform)?.show(bundle);
}
