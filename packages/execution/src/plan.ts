/**
 * What an activation would give: run on a copy of the state, before anybody approves it. spec/upgrades.md.
 */
import {
  type Activation,
  parseConstitution,
  type Problem,
  readActivation,
  readConstitution,
  speaks,
  targetOf,
} from '@coppice/governance';
import { decodeWriteSet, encodeWriteSet, State, type WriteSet } from '@coppice/state';
import { type Cryptography, type Digest, sameBytes, systemRequestDigest } from '@coppice/wire';
import { type Activate, activate } from './activation.ts';
import type { ServiceCall, Services } from './service.ts';

/** Why a release would not be activated at all. */
export type PlanObjection = 'malformed-entry' | 'cannot-speak' | 'nothing-new' | 'malformed-state';

export interface ActivationPlan {
  readonly from: Activation;
  readonly request: Activate;
  /** What its transaction would leave. */
  readonly after: Activation;
  /** Digests of the state. That after is what an activation gives where the state before is this one, and the migration does not read the time and writes no map with a history. */
  readonly stateBefore: Digest;
  readonly stateAfter: Digest;
}

/** Is told what each of its transactions writes, and under which version: of more than one where the migration goes in steps. */
export type OnWrites = (changes: WriteSet, encoded: Uint8Array, protocol: number) => void;

/** A copy of a service's state, made of what its batches wrote. */
export class StateCopy {
  readonly #cryptography: Cryptography;
  readonly #state: State;
  #malformed = false;

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
    this.#state = new State(cryptography);
  }

  /** Takes the write sets of genesis, or of the next batch. */
  apply(writeSets: readonly Uint8Array[]): void {
    const overlay = this.#state.begin();
    for (const encoded of writeSets) {
      const decoded = decodeWriteSet(encoded);
      if (decoded.ok) overlay.apply(decoded.value);
      else this.#malformed = true;
    }
    this.#state.fold();
  }

  /** Names of the platforms that the constitution in force accepts: what an entry may have reference values for. */
  get platforms(): ReadonlySet<string> {
    return new Set(readConstitution(this.#state.view()).policy.platforms.map(({ name }) => name));
  }

  /**
   * Activates a release as if it sat in every slot. The copy is changed by it: that was its last use.
   *
   * @param entry the release, as members would approve it
   * @param services what its replicas can execute
   * @param at batch and agreed time, in milliseconds, that the migration would see; steps see the batches after it
   */
  plan(
    entry: { readonly digest: unknown },
    services: Services,
    at: Pick<ServiceCall, 'sequence' | 'time'>,
    onWrites?: OnWrites,
  ): ActivationPlan | { readonly objection: PlanObjection; readonly detail: string } {
    if (this.#malformed) return { objection: 'malformed-state', detail: 'a write set cannot be read' };
    const view = this.#state.view();
    const [constitution, from] = [readConstitution(view), readActivation(view)];
    const alone = parseConstitution({ ...constitution, releases: [entry] });
    if (!alone.ok) return { objection: 'malformed-entry', detail: textOf(alone.problems) };
    const [release] = alone.value.releases as [(typeof alone.value.releases)[number]];
    const { protocol, code } = targetOf(release);
    if (!speaks(release, from))
      return {
        objection: 'cannot-speak',
        detail: `version ${from.code.version} of the service under ${from.protocol}`,
      };
    if (protocol <= from.protocol && code.version <= from.code.version)
      return { objection: 'nothing-new', detail: 'it brings no version that is not active' };
    const request: Activate = {
      kind: 'activate',
      release: release.digest,
      protocol,
      service: code.version,
      attempt: from.attempts + 1,
    };
    const others = constitution.releases.filter(({ digest }) => !sameBytes(digest, release.digest));
    const approved = { ...constitution, releases: [...others, release] };
    // The batch of an activation is of the version before it, and so is the digest after it.
    this.#state.hashBy(this.#cryptography.of(from.protocol));
    const stateBefore = this.#state.snapshot().digest;
    const everywhere = { constitution: approved, membership: { occupants: [] } };
    let after = from;
    for (let step = 0; step === 0 || after.migration !== undefined; step++) {
      const due = { ...request, attempt: request.attempt + step };
      const digest = systemRequestDigest(this.#cryptography.of(from.protocol), due);
      const standing = { activation: after, ...everywhere };
      const agreed = { ...at, sequence: at.sequence + step };
      const { activation, tx } = activate(services, this.#state.begin(), standing, due, digest, agreed, false);
      const changes = tx.commit();
      this.#state.fold();
      onWrites?.(changes, encodeWriteSet(changes), from.protocol);
      after = activation;
    }
    const stateAfter = this.#state.snapshot().digest;
    return { from, request, after, stateBefore, stateAfter };
  }
}

function textOf(problems: readonly Problem[]): string {
  return problems.map(({ path, reason }) => `${path} ${reason}`.trim()).join('; ');
}
