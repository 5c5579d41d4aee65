/**
 * A breach, on purpose: for showing that an evicted intruder is out.
 *
 * Only where the settings name a file, and only under a constitution marked `development`: upon SIGUSR2, everything that an
 * intruder in this process would have (identity key, the keys of all epochs that are not erased, those of its files, nonces) is
 * written there.
 */
import { renameSync, writeFileSync } from 'node:fs';
import type { ReplicaExecution } from '@coppice/execution';
import { toHex } from '@coppice/wire';
import type { Keyring } from './keyring.ts';
import type { ReplicaNode } from './replica-node.ts';
import type { InstanceSettings } from './settings.ts';
import type { InstanceVault } from './vault.ts';

export interface Loot {
  readonly slot: number;
  readonly epoch: number;
  readonly identity: string;
  /** `second`: of what a key of scheme 2 has besides, in hexadecimal. */
  readonly signingKeys: readonly { readonly epoch: number; readonly key: string; readonly second?: string }[];
  readonly sealingKeys: readonly { readonly epoch: number; readonly key: string }[];
  /** Of the files that it has written, in hexadecimal. */
  readonly fileKeys: readonly string[];
  readonly nonces: readonly {
    readonly view: number;
    readonly sequence: number;
    readonly nonce: string;
    readonly headerDigest: string;
  }[];
}

export function armBreach(
  settings: InstanceSettings,
  keyring: Keyring,
  node: ReplicaNode,
  execution: ReplicaExecution,
  vault: InstanceVault | undefined,
): void {
  const { breach } = settings;
  if (breach === undefined || !execution.committed().constitution.development) return;
  process.on('SIGUSR2', () => {
    const { replica } = node;
    const loot: Loot = {
      slot: settings.launch.slot,
      epoch: replica.epoch,
      identity: keyring.identity.privateKey.export({ format: 'pem', type: 'pkcs8' }),
      signingKeys: keyring.epochs.map((epoch) => {
        const signer = keyring.signer(epoch)!;
        const twofold = 'classical' in signer;
        const key = (twofold ? signer.classical : signer).privateKey.export({ format: 'pem', type: 'pkcs8' });
        return { epoch, key, ...(twofold ? { second: toHex(signer.seed) } : {}) };
      }),
      sealingKeys: keyring.epochs.map((epoch) => ({
        epoch,
        key: keyring.sealingKey(epoch)!.export({ format: 'pem', type: 'pkcs8' }),
      })),
      fileKeys: (vault?.keys ?? []).map(toHex),
      nonces: [...replica.votes].flatMap(([sequence, voting]) => {
        const own = voting.ballots.get(replica.slot ?? -1);
        if (voting.nonce === undefined || own === undefined) return [];
        return [
          {
            view: replica.view,
            sequence,
            nonce: toHex(voting.nonce),
            headerDigest: toHex(own.vote.subject.headerDigest),
          },
        ];
      }),
    };
    // Whoever waits for the file reads it as soon as it is there.
    writeFileSync(`${breach}.new`, JSON.stringify(loot), { mode: 0o600 });
    renameSync(`${breach}.new`, breach);
  });
}
