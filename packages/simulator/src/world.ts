/**
 * What everything in a simulation shares.
 */
import type { VerifiedGenesis } from '@coppice/governance';
import type { ProtocolSettings } from '@coppice/protocol';
import type { GenesisDocument } from '@coppice/wire';
import type { CryptographyProvider } from './cryptography.ts';
import type { Instance } from './instance.ts';
import type { Network } from './network.ts';
import type { Events } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly provider: CryptographyProvider;
  readonly settings: ProtocolSettings;
  /** Whether instances erase what they should. Where they do not, an attacker must be able to forge. */
  readonly erasure: { readonly keys: boolean; readonly nonces: boolean };
  /** Every instance that was ever launched. */
  readonly instances: Instance[];
  /** Tells every observer. */
  readonly tell: <K extends keyof Events>(event: K, ...details: Parameters<Events[K]>) => void;
  /** One line of the log, made only if somebody reads it. */
  readonly log: (who: string, line: () => string) => void;
}

/** The service of a simulation, once it is founded. */
export interface Founded {
  readonly document: GenesisDocument;
  readonly genesis: VerifiedGenesis & { readonly time: number };
}
