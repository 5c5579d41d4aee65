/**
 * Forward security: a key signs in its epoch only, and is gone when its holder says so. spec/invariants.md, 6.
 */
import type { CommittedBatch } from '@coppice/protocol';
import { toLatin1 } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

export class Keys implements Observer {
  readonly name = 'keys';
  readonly #violate: (message: string) => void;
  /** The highest epoch that an instance erased, and signed in. */
  readonly #erased = new Map<Instance, number>();
  readonly #signed = new Map<Instance, number>();
  readonly #instances = new Map<string, Instance[]>();

  constructor(violate: (message: string) => void) {
    this.#violate = violate;
  }

  launched(instance: Instance): void {
    this.#instances.set(instance.id, [...(this.#instances.get(instance.id) ?? []), instance]);
  }

  signed(instance: Instance, epoch: number, what: string, had: boolean): void {
    if (instance.corrupt) return;
    if (!had) this.#violate(`${instance.name} was to sign a ${what} of epoch ${epoch}, whose key it does not have`);
    if (epoch <= (this.#erased.get(instance) ?? -1))
      this.#violate(`${instance.name} signed a ${what} of epoch ${epoch}, whose key was erased`);
    const highest = this.#signed.get(instance) ?? 0;
    if (epoch < highest)
      this.#violate(`${instance.name} signed a ${what} of epoch ${epoch} after one of epoch ${highest}`);
    this.#signed.set(instance, Math.max(epoch, highest));
  }

  erased(instance: Instance, epoch: number): void {
    this.#erased.set(instance, Math.max(epoch, this.#erased.get(instance) ?? -1));
  }

  /** An ordered notice is true. */
  committed(_: Instance, { items }: CommittedBatch): void {
    for (const item of items) {
      if (item.kind !== 'system' || item.request.kind !== 'erasure') continue;
      const { epoch, instance } = item.request.erasure;
      for (const by of this.#instances.get(toLatin1(instance)) ?? []) {
        if (!by.corrupt && by.keyring.signer(epoch) !== undefined)
          this.#violate(`${by.name} said that it erased epoch ${epoch}, and did not`);
      }
    }
  }
}
