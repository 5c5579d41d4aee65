/**
 * Verifies simulated evidence, as strictly as if it proved something: two signatures and a hash.
 */
import { type Codec, decode, type Decoded, sameBytes, statement } from '@coppice/wire';
import type { EvidenceBundle, Message } from '../bundle.ts';
import { type Platform, type PlatformContext, unverified, type Verification } from '../evidence.ts';
import {
  deviceCodec,
  deviceMediaType,
  reportCodec,
  reportMediaType,
  signedCodec,
  simulatedName,
  simulatedRootSpki,
  spkiDigest,
} from './format.ts';

export const simulated: Platform = {
  name: simulatedName,
  development: true,
  anchors: [{ platform: simulatedName, spki: simulatedRootSpki }],
  verify,
};

interface Signed<T> {
  readonly value: T;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

function signed<T>(message: Message, mediaType: string, codec: Codec<T>): Decoded<Signed<T>> {
  if (message.mediaType !== mediaType) return { ok: false, reason: 'unexpected media type' };
  const outer = decode(signedCodec, message.bytes);
  if (!outer.ok) return outer;
  const inner = decode(codec, outer.value.payload);
  return inner.ok ? { ok: true, value: { ...outer.value, value: inner.value } } : inner;
}

function verify(bundle: EvidenceBundle, { cryptography, now, anchors }: PlatformContext): Verification {
  const [endorsement, ...surplus] = bundle.endorsements;
  if (endorsement === undefined) return unverified('endorsement-missing', deviceMediaType);
  if (surplus.length > 0) return unverified('endorsement-surplus', surplus[0]!.mediaType);
  const device = signed(endorsement, deviceMediaType, deviceCodec);
  if (!device.ok) return unverified('malformed', `device: ${device.reason}`);
  const report = signed(bundle.evidence, reportMediaType, reportCodec);
  if (!report.ok) return unverified('malformed', `report: ${report.reason}`);

  const {
    root,
    device: key,
    from,
    until,
    chip,
    provider,
    generation,
    firmware,
    status,
    advisories,
    evaluation,
  } = device.value.value;
  const spki = spkiDigest(cryptography, root);
  if (!anchors.some((anchor) => anchor.platform === simulatedName && sameBytes(anchor.spki, spki))) {
    return unverified('root-not-pinned', 'the root of the device');
  }
  if (!cryptography.verify(root, statement('simulated-evidence', device.value.payload), device.value.signature)) {
    return unverified('endorsement-signature', 'by the root');
  }
  // Anyone can have the published root sign a key on which implementations of Ed25519 disagree.
  if (!cryptography.validPublicKey(key)) return unverified('malformed', 'device: not a public key');
  if (now < from) return unverified('not-yet-valid', 'the device');
  if (now > until) return unverified('expired', 'the device');
  if (!cryptography.verify(key, statement('simulated-evidence', report.value.payload), report.value.signature)) {
    return unverified('evidence-signature', 'by the device');
  }

  const { measurement, launchDigest, reportData, debug } = report.value.value;
  return {
    ok: true,
    evidence: {
      platform: simulatedName,
      provider,
      generation,
      chip,
      measurement,
      launchDigest,
      reportData,
      tcb: { components: [{ component: 'firmware', version: firmware }], status, advisories },
      debug,
      validity: { from, until },
      collateral: [{ source: 'simulated/evaluation', issue: evaluation, issued: from }],
      details: [{ name: 'worth', value: 'simulated: the root key is published, this proves nothing' }],
    },
  };
}
