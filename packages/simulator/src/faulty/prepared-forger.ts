/**
 * A replica that lies about what was prepared: its view changes name another batch for the last place that was committed, under
 * a certificate that it made up. As a primary it is mute, so that there are view changes.
 */
import type { Effect } from '@coppice/protocol';
import { headerDigest, quorumOf, type ViewChange, viewChangeStatement } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { proposes } from './mute-primary.ts';

export class PreparedForger implements Faulty {
  readonly name = 'prepared-forger';
  readonly #instance: Instance;
  readonly #random: Random;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (proposes(effect)) return [];
    if (effect.kind !== 'sign' || effect.unsigned.kind !== 'view-change') return [effect];
    const viewChange = { ...effect.unsigned.viewChange, prepared: this.#forged(effect.unsigned.viewChange.view) };
    return [{ ...effect, statement: viewChangeStatement(viewChange), unsigned: { kind: 'view-change', viewChange } }];
  }

  #forged(view: number): ViewChange['prepared'] {
    const { log, committed, epoch, configuration, environment } = this.#instance.replica!;
    const known = log.get(committed)?.header;
    if (known === undefined || known.epoch !== epoch) return undefined;
    const random = this.#random;
    const header = { ...known, time: known.time + 1 };
    const digest = headerDigest(environment.cryptography, header);
    const subject = { epoch, view: view - 1, sequence: committed, headerDigest: digest, newView: random.bytes(32) };
    const votes = configuration.seats
      .slice(0, quorumOf(configuration.slots))
      .map(({ slot }) => ({ slot, commitment: random.bytes(32), signature: random.bytes(64) }));
    return { header, certificate: { subject, votes } };
  }
}
