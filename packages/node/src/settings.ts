/**
 * What the untrusted host tells an instance at its launch: one JSON document. The launch data in it is what the platform
 * measures; everything else is advice that the instance has no reason to believe.
 */
import { type LaunchData } from '@coppice/attestation';
import { Fields, type PlatformSettings, platformSettings } from '@coppice/collection';

export interface InstanceSettings {
  readonly launch: LaunchData;
  /** How the instance has its platform attest it. */
  readonly platform: PlatformSettings;
  /** Where ledger and snapshots go. */
  readonly folder: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly replicaPort: number;
  readonly clientPort: number;
  /** Epochs that a founder brings keys for: the constitution's `epochKeys`, which genesis checks. */
  readonly epochKeys: number;
  /** The first of these epochs: 0, but for the founders of a service that goes on from another. */
  readonly firstEpoch: number;
  /** Version of the protocol by which the join will be judged: it says what its keys sign by. */
  readonly protocol: number;
  /** Client doors of replicas of the service: where a candidate begins to ask. */
  readonly bootstrap: readonly string[];
  /** Development only: hand everything in memory to an intruder, at this path, upon SIGUSR2. */
  readonly breach: string | undefined;
  /** Bytes of the state's leaves in memory; the others are on disk, encrypted. Without it, all are in memory. */
  readonly stateCacheBytes: number | undefined;
  /** Do not wait for the disk: for measurements only. */
  readonly fsync: boolean;
}

export type ParsedSettings =
  | { readonly ok: true; readonly settings: InstanceSettings }
  | { readonly ok: false; readonly reason: string };

/** The settings that this JSON text holds, or the path of what is wrong with it. */
export function parseSettings(text: string): ParsedSettings {
  let source: unknown;
  try {
    source = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  try {
    return { ok: true, settings: settingsOf(new Fields(source, '')) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : 'malformed' };
  }
}

function settingsOf(fields: Fields): InstanceSettings {
  const launch = fields.object('launch');
  return {
    launch: {
      service: launch.bytes('service', 32),
      slot: launch.integer('slot'),
      turn: launch.integer('turn'),
      challenge: launch.bytes('challenge', 32),
      release: launch.bytes('release', 32),
      variant: launch.text('variant'),
    },
    platform: platformSettings(fields.object('platform')),
    folder: fields.text('folder'),
    host: fields.text('host'),
    replicaPort: fields.integer('replicaPort'),
    clientPort: fields.integer('clientPort'),
    epochKeys: fields.integer('epochKeys'),
    firstEpoch: fields.has('firstEpoch') ? fields.integer('firstEpoch') : 0,
    protocol: fields.has('protocol') ? fields.integer('protocol') : 1,
    bootstrap: fields.texts('bootstrap'),
    breach: fields.has('breach') ? fields.text('breach') : undefined,
    stateCacheBytes: fields.has('stateCacheBytes') ? fields.integer('stateCacheBytes') : undefined,
    fsync: !fields.has('fsync') || fields.flag('fsync'),
  };
}
