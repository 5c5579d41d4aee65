/**
 * Between the driver and the process that is measured: one question at a time, one answer to each.
 */
import type { CryptographyName } from '@coppice/host';
import type { Load, Window } from './load.ts';

export type ToSubject =
  | {
      readonly kind: 'found';
      readonly folder: string;
      readonly clients: number;
      readonly fsync: boolean;
      readonly stateCacheBytes: number | undefined;
      readonly cryptography: CryptographyName;
      readonly nodeArguments: readonly string[];
    }
  | { readonly kind: 'start'; readonly load: Load; readonly warmUpMs: number }
  | { readonly kind: 'begin-window' }
  | { readonly kind: 'end-window' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'end' };

export type FromSubject =
  | { readonly kind: 'done' }
  | { readonly kind: 'window'; readonly window: Window }
  | { readonly kind: 'failed'; readonly reason: string };
