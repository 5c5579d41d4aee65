/**
 * How an instance presents itself: its claims, evidence of the launch that it is, its signature over both.
 */
import { launchDigest, reportData } from '@coppice/attestation';
import { collectorOf } from '@coppice/collection';
import { type InstanceClaims, type Join, joinStatement } from '@coppice/wire';
import { nodeCryptography } from '@coppice/cryptography';
import type { Keyring } from './keyring.ts';
import type { InstanceSettings } from './settings.ts';

/** Rejects with a `CollectionError` where the platform gives no evidence. */
export async function buildJoin(
  settings: InstanceSettings,
  keyring: Keyring,
  addresses: Pick<Join, 'address' | 'clientAddress'>,
  now: number,
): Promise<Join> {
  const { launch, platform } = settings;
  const claims: InstanceClaims = {
    service: launch.service,
    turn: launch.turn,
    slot: launch.slot,
    instance: keyring.identity.publicKey,
    firstEpoch: keyring.firstEpoch,
    keys: keyring.publicKeys,
    release: launch.release,
    variant: launch.variant,
    ...addresses,
  };
  const launched = launchDigest(nodeCryptography, launch);
  const reported = reportData(nodeCryptography, claims, launched);
  const evidence = await collectorOf(platform)({
    launch: launched,
    release: launch.release,
    reportData: reported,
    now,
  });
  const unsigned = { ...claims, evidence };
  return { ...unsigned, signature: keyring.identity.sign(joinStatement(unsigned)) };
}
