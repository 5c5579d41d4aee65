/**
 * Correct instances among each other: none finds another one wrong, or itself, and none fails.
 */
import type { InstanceId, RejectionReason, Report } from '@coppice/protocol';
import { releases } from '../founding.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** What only a faulty sender deserves. */
const convicting = new Set<RejectionReason>([
  'malformed',
  'bad-signature',
  'bad-certificate',
  'unacceptable-batch',
  'different-result',
  'wrong-nonce',
  'wrong-state-part',
  'wrong-chain',
]);

/** The first byte of its digest. */
const divergentReleases = releases.flatMap(({ digest, migration }) =>
  migration.startsWith('divergent') ? [digest[0]] : [],
);

export class Conduct implements Observer {
  readonly name = 'conduct';
  readonly #violate: (message: string) => void;
  readonly #corrupt: (id: InstanceId) => boolean;

  readonly #upgrades: boolean;

  /** `upgrades`: releases may have migrations that differ by slot, and instances that left may not know what is active. */
  constructor(violate: (message: string) => void, corrupt: (id: InstanceId) => boolean, upgrades: boolean) {
    this.#violate = violate;
    this.#corrupt = corrupt;
    this.#upgrades = upgrades;
  }

  rejected(instance: Instance, from: InstanceId | 'client' | 'pool', what: string, reason: RejectionReason): void {
    if (instance.corrupt || !convicting.has(reason) || from === 'client' || this.#corrupt(from)) return;
    if (this.#upgrades && reason === 'different-result' && divergentReleases.includes(instance.launch.release[0]))
      return;
    this.#violate(`${instance.name} rejects a ${what} of a correct instance: ${reason}`);
  }

  reported(instance: Instance, report: Report): void {
    if (instance.corrupt) return;
    if (this.#upgrades && report.kind === 'diverged' && instance.slot === undefined) return;
    if (report.kind === 'diverged' || report.kind === 'corrupt-state' || report.kind === 'contradiction') {
      this.#violate(`${instance.name}: ${report.kind} at ${report.sequence}`);
    }
    if (report.kind === 'fault' && !this.#corrupt(String.fromCharCode(...report.proof.instance))) {
      this.#violate(`${instance.name} has a proof against a correct instance, in slot ${report.proof.slot}`);
    }
  }

  failed(instance: Instance, error: unknown): void {
    if (!instance.corrupt)
      this.#violate(`${instance.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
