/**
 * A simulated device: gives evidence of whatever it is told to.
 */
import { type Cryptography, encode, type Signer, statement, type Codec } from '@coppice/wire';
import { encodeBundle, type Message } from '../bundle.ts';
import {
  type Device,
  deviceCodec,
  deviceMediaType,
  deviceSeed,
  type Report,
  reportCodec,
  reportMediaType,
  signedCodec,
  simulatedName,
  simulatedRootSeed,
} from './format.ts';

/** What there is to say of a device besides its keys. */
export interface SimulatedDevice extends Partial<
  Pick<Device, 'generation' | 'firmware' | 'status' | 'advisories' | 'evaluation'>
> {
  /** The chip's identity: at most 64 bytes. */
  readonly chip: Uint8Array;
  /** Evidence does not show the chip's identity. */
  readonly masked?: boolean;
  readonly provider: string | undefined;
  /** Milliseconds, inclusive. */
  readonly validity: { readonly from: number; readonly until: number };
}

/**
 * An encoded bundle of evidence that this device launched something.
 *
 * `signerOf` makes the signer of an Ed25519 seed: the caller's provider signs, for the published root and the device.
 */
export function simulatedEvidence(
  cryptography: Cryptography,
  signerOf: (seed: Uint8Array) => Signer,
  device: SimulatedDevice,
  report: Report,
): Uint8Array {
  const root = signerOf(simulatedRootSeed);
  const key = signerOf(deviceSeed(cryptography, device.chip));
  const { chip, masked = false, provider, validity, generation = simulatedName, firmware = 1 } = device;
  const { status = 'up-to-date', advisories = [], evaluation = 1 } = device;
  const endorsement: Device = {
    root: root.publicKey,
    device: key.publicKey,
    chip: masked ? undefined : chip,
    provider,
    generation,
    firmware,
    status,
    advisories,
    evaluation,
    ...validity,
  };
  return encodeBundle({
    platform: simulatedName,
    evidence: signed(key, reportMediaType, reportCodec, report),
    endorsements: [signed(root, deviceMediaType, deviceCodec, endorsement)],
  });
}

function signed<T>(signer: Signer, mediaType: string, codec: Codec<T>, value: T): Message {
  const payload = encode(codec, value);
  const signature = signer.sign(statement('simulated-evidence', payload));
  return { mediaType, bytes: encode(signedCodec, { payload, signature }) };
}
