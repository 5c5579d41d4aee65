/**
 * What the launcher of an instance does to its TPM before anything of the instance runs: measures what it is about to
 * launch, and makes the key that will say so.
 *
 *     register 4 ◀── release     register 5 ◀── variant, runtime     register 8 ◀── launch digest
 *
 * Registers can only be extended, so the instance cannot take back what it was launched for.
 */
import { launchDigest, type LaunchData, launchRegister } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { concatBytes, type Digest, encodeUtf8 } from '@coppice/wire';
import { createAttestationKey, measure } from './commands.ts';
import { TpmConnection } from './connection.ts';

/** Where the attestation key of a launch lies. */
export const attestationKeyHandle = 0x8101_0002;
const releaseRegister = 4;
const variantRegister = 5;
/** What instances quote. */
export const launchRegisters: readonly number[] = [releaseRegister, variantRegister, launchRegister];

const variantBytes = (variant: string): Uint8Array => encodeUtf8(variant)!;

/** Measures a launch, and the runtime that runs it where that is known, into a TPM that was just started. */
export async function measureLaunch(path: string, launch: LaunchData, runtime: Digest | undefined): Promise<void> {
  const tpm = await TpmConnection.open(path);
  try {
    await measure(tpm, releaseRegister, launch.release);
    await measure(tpm, variantRegister, variantBytes(launch.variant));
    if (runtime !== undefined) await measure(tpm, variantRegister, runtime);
    await measure(tpm, launchRegister, launchDigest(nodeCryptography, launch));
    await createAttestationKey(tpm, attestationKeyHandle);
  } finally {
    await tpm.close();
  }
}

/** The reference value of a release's variant on a runtime: what evidence of its launches shows as the measurement. */
export function launchMeasurement(
  { release, variant }: Pick<LaunchData, 'release' | 'variant'>,
  runtime: Digest | undefined,
): Uint8Array {
  const hash = (data: Uint8Array): Uint8Array => nodeCryptography.hash(data);
  const register = (...events: readonly Uint8Array[]): Uint8Array =>
    events.reduce((value, event) => hash(concatBytes(value, hash(event))), new Uint8Array(32));
  const selection = Uint8Array.of(0x00, 0x0b, (1 << releaseRegister) | (1 << variantRegister), 0, 0);
  return concatBytes(
    selection,
    register(release),
    register(variantBytes(variant), ...(runtime === undefined ? [] : [runtime])),
  );
}
