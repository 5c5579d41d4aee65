/**
 * Agreement: one batch at each place of the log, one configuration for each epoch, whoever says so, and a quorum of the
 * epoch's seats that certifies it. What correct instances commit, they commit in order and without gaps.
 * spec/invariants.md, 1.
 */
import type { CommittedBatch } from '@coppice/protocol';
import {
  configurationCodec,
  type Configuration,
  type Cryptography,
  encode,
  type EpochCertificate,
  toHex,
} from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import { certificateFlaw } from './certificates.ts';

/** A batch as the first correct instance committed it. */
export interface Agreed {
  readonly digest: string;
  readonly batch: CommittedBatch;
  readonly by: Instance;
}

export class Agreement implements Observer {
  readonly name = 'agreement';
  /** By sequence number. */
  readonly log = new Map<number, Agreed>();
  /** By epoch. */
  readonly configurations: Configuration[];
  readonly #encoded = new Map<number, string>();
  readonly #last = new Map<Instance, number>();
  readonly #violate: (message: string) => void;
  readonly #cryptography: Cryptography;

  constructor(violate: (message: string) => void, cryptography: Cryptography, genesis: Configuration) {
    this.#violate = violate;
    this.#cryptography = cryptography;
    this.configurations = [genesis];
  }

  committed(instance: Instance, batch: CommittedBatch): void {
    if (instance.corrupt) return;
    const { sequence } = batch.header;
    const last = this.#last.get(instance) ?? 0;
    if (sequence !== last + 1) this.#violate(`${instance.name} committed ${sequence} after ${last}`);
    this.#last.set(instance, sequence);
    const digest = toHex(batch.headerDigest);
    const known = this.log.get(sequence);
    if (known === undefined) {
      this.log.set(sequence, { digest, batch, by: instance });
      this.#checkCertificate(batch);
    } else if (known.digest !== digest) {
      this.#violate(
        `two batches at ${sequence}: ${known.by.name} committed ${known.digest}, ${instance.name} ${digest}`,
      );
    }
  }

  #checkCertificate({ header, certified, certificate }: CommittedBatch): void {
    const configuration = this.configurations[certified.epoch];
    const flaw =
      configuration === undefined || certified.epoch !== header.epoch
        ? 'is of another epoch'
        : certificateFlaw(this.#cryptography, header.service, configuration, certificate);
    if (flaw !== undefined)
      this.#violate(
        `${header.sequence} was committed without a quorum of epoch ${certified.epoch}: the certificate ${flaw}`,
      );
  }

  installed(instance: Instance, sequence: number): void {
    // Its tree may be what a liar gave it.
    const leaf = instance.replica?.tree.leaf(sequence - 1);
    const known = this.log.get(sequence);
    if (leaf !== undefined && known !== undefined && !instance.corrupt && toHex(leaf) !== known.digest)
      this.#violate(`${instance.name} took over another batch at ${sequence} than was committed`);
    this.#last.set(instance, sequence);
  }

  epoch(instance: Instance, { header }: EpochCertificate, configuration: Configuration): void {
    if (instance.corrupt) return;
    const { epoch } = configuration;
    const encoded = `${header.sequence} ${toHex(encode(configurationCodec, configuration))}`;
    const known = this.#encoded.get(epoch);
    if (known === undefined) {
      this.#encoded.set(epoch, encoded);
      this.configurations[epoch] = configuration;
    } else if (known !== encoded) this.#violate(`epoch ${epoch} began otherwise at ${instance.name}`);
  }
}
