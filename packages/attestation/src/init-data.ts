/**
 * Confidential Containers: what a container's host data is a digest of, the init-data, and the launch in it.
 *
 * The container's guest is measured, but which containers it may run is said in its init-data, which the host brings,
 * and of which the platform binds the digest. So the document comes along; its digest must be the one that was bound;
 * it names the launch digest, once; and the rest of it is measured as part of the release.
 */
import { concatBytes, decodeUtf8, encodeUtf8, fromHex, sameBytes } from '@coppice/wire';
import type { EvidenceBundle } from './bundle.ts';
import { type HardwareContext, unverified, type Verification } from './evidence.ts';

/** TOML, as the containers' runtime hands it to the guest; the last endorsement of a bundle. */
export const initDataType = 'application/vnd.coppice.init-data+toml';

const bytesMax = 64 * 1024;
const launchEntry = /^("?coppice-launch"?[ \t]*=[ \t]*["'])([0-9a-f]{64})(["'][ \t]*\r?)$/gm;

/** What `verify` makes of the bundle, with the launch of the init-data that it has, if it has one. */
export function verifyWithInitData(
  bundle: EvidenceBundle,
  context: HardwareContext,
  verify: (bundle: EvidenceBundle, context: HardwareContext) => Verification,
): Verification {
  const last = bundle.endorsements.at(-1);
  if (last?.mediaType !== initDataType) return verify(bundle, context);
  const verified = verify({ ...bundle, endorsements: bundle.endorsements.slice(0, -1) }, context);
  if (!verified.ok) return verified;
  const { evidence } = verified;
  const text = last.bytes.length > bytesMax ? undefined : decodeUtf8(last.bytes);
  const entries = text === undefined ? [] : [...text.matchAll(launchEntry)];
  if (text === undefined || entries.length !== 1) return unverified('malformed', 'init-data: not one launch');
  const bound = (['sha256', 'sha384'] as const).some((hash) =>
    sameBytes(evidence.launchDigest, context.x509.hash(hash, last.bytes)),
  );
  if (!bound) return unverified('evidence-mismatch', 'the init-data is not what was bound at launch');
  const rest = encodeUtf8(text.replace(launchEntry, `$1${'0'.repeat(64)}$3`))!;
  return {
    ok: true,
    evidence: {
      ...evidence,
      measurement: concatBytes(evidence.measurement, context.cryptography.hash(rest)),
      launchDigest: fromHex(entries[0]![2]!)!,
    },
  };
}
