/**
 * What an instance is launched on: bound to the launch before anything of the instance runs.
 */
import type { LaunchData } from '@coppice/attestation';
import { type Digest, toHex } from '@coppice/wire';

export interface LaunchPlatform {
  /** As evidence names it. */
  readonly name: string;
  /** Binds the launch, and what runs it: see `runtimeMeasurement`. `folder` is the launch's own. */
  prepare(launch: LaunchData, folder: string, runtime: Digest | undefined): Promise<Prepared>;
}

export interface Prepared {
  /** The `platform` of the instance's settings. */
  readonly settings: object;
  /** A process, with the folder in its command line, that the instance needs and that ends with it. */
  readonly companion?: number;
}

/** A chip for each launch, as if each ran on a machine of its own. */
export const simulatedPlatform: LaunchPlatform = {
  name: 'simulated',
  prepare: ({ slot, turn }, _folder, runtime) =>
    Promise.resolve({
      settings: {
        name: 'simulated',
        chip: toHex(Buffer.from(`chip of slot ${slot}, turn ${turn}`)),
        provider: 'this-machine',
        ...(runtime === undefined ? {} : { runtime: toHex(runtime) }),
      },
    }),
};
