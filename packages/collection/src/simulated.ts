/**
 * The simulated platform, in this process: signs whatever it is told to.
 */
import { simulatedEvidence } from '@coppice/attestation';
import { nodeCryptography, signerFromSeed } from '@coppice/cryptography';
import { concatBytes, type Digest } from '@coppice/wire';
import type { Collector } from './collector.ts';

/** How long simulated endorsements are valid around now. */
const validityMs = 24 * 3600 * 1000;

export interface SimulatedSettings {
  readonly name: 'simulated';
  readonly chip: Uint8Array;
  readonly provider: string;
  /** What the launcher measured of the runtime. */
  readonly runtime: Digest | undefined;
}

/** A simulated launch measures what it is told to: the release, and the runtime where that is known. */
export function simulatedMeasurement(release: Digest, runtime: Digest | undefined): Uint8Array {
  return runtime === undefined ? release : concatBytes(release, runtime);
}

export const simulatedCollector =
  ({ chip, provider, runtime }: SimulatedSettings): Collector =>
  ({ launch, now, release, reportData }) => {
    const validity = { from: now - validityMs, until: now + validityMs };
    const measurement = simulatedMeasurement(release, runtime);
    const report = { measurement, launchDigest: launch, reportData, debug: false };
    return Promise.resolve(simulatedEvidence(nodeCryptography, signerFromSeed, { chip, provider, validity }, report));
  };
