/**
 * The service, as execution sees it: what `@coppice/service` runs, or anything else that executes operations.
 */
import type { Transaction, View } from '@coppice/state';
import type { PlainValue } from '@coppice/wire';

/** One operation of a client. */
export interface ServiceCall {
  /** As the client signed it. */
  readonly operation: Uint8Array;
  /** `id` is the client's key in lower-case hexadecimal. */
  readonly caller: { readonly id: string; readonly roles: readonly string[] };
  /** Agreed time in milliseconds. */
  readonly time: number;
  /** Of the batch; for a query, of the last committed one. */
  readonly sequence: number;
  /** Distinct for each transaction. Whoever orders requests can foresee it: no secret, and no fair dice. */
  readonly seed: Uint8Array;
}

/** What an operation gave: `result` is an encoded `Result`, within the bounds of one. */
export interface ServiceOutcome {
  readonly ok: boolean;
  readonly result: Uint8Array;
}

export interface Service {
  /**
   * Executes a command. Total, and a function of the arguments and of what it reads; whatever it has written is dropped
   * where the outcome is not ok. It throws only when this replica itself is broken.
   */
  execute(access: Transaction, call: ServiceCall): ServiceOutcome;
  /** Answers from a state that stands still. Total. */
  query(view: View, call: ServiceCall): ServiceOutcome;
  /**
   * Carries the state over from an earlier version of the service, as `execute` executes. Without it there is nothing to
   * carry over. A value other than `null` in the result is where the next step begins, which is called with it.
   */
  migrate?(
    access: Transaction,
    fromVersion: number,
    agreed: Pick<ServiceCall, 'time' | 'sequence' | 'seed'>,
    cursor?: PlainValue,
  ): ServiceOutcome;
  /** What it keeps beside the state for its queries, if it does. */
  readonly indexes?: {
    /** Whether there is any. */
    readonly used: boolean;
    /** Batch `sequence` was committed, with these write sets. */
    committed(sequence: number, writeSets: readonly Uint8Array[]): void;
    /** Looks at about so many entries of the committed state; whether there are more to be looked at. */
    work(view: View, entriesMax: number): boolean;
  };
  /** Whether a caller with these roles may read what a map's values were. A service without the method: nobody. */
  mayReadHistory?(map: string, roles: readonly string[]): boolean;
}

/** The versions of the service that a replica can execute, each by its own script. */
export type Services = ReadonlyMap<number, Service>;
