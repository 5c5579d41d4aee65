/**
 * The execution of scenarios: the real turn machine over a service whose whole state is a list of operations.
 *
 * What of a batch deserves a place in a transcript is told by `story`: requests of clients, and whatever turns did.
 */
import { createHash } from 'node:crypto';
import { outcomeLeaves } from '@coppice/ledger';
import {
  type Active,
  type Bundle,
  type Configuration,
  type Digest,
  encodeUtf8,
  fromHex,
  type Item,
  merkleRoot,
  type Outcome,
  requestDigest,
  sameBytes,
  type SystemRequest,
  systemRequestDigest,
  toHex,
} from '@coppice/wire';
import {
  acceptChallenge,
  acceptReady,
  admit,
  beginBatch,
  challengeMissing,
  configurationOf,
  countErasure,
  countFault,
  countSuspicion,
  endBatch,
  halted,
  headersKnown,
  type Membership,
  membershipEntries,
  readMembership,
  requestTurn,
  sealed,
  type SystemVerdict,
  type TurnContext,
  type TurnPolicy,
  type BatchInput,
  type Executed,
  type Execution,
  type RequestStatus,
  type StatePart,
  type StateTransfer,
  type Unacceptable,
} from '../src/index.ts';
import { toyCryptography } from './toy.ts';

/** What the instances of a scenario claim: evidence that nobody doubts. */
export const scenarioFacts = {
  platform: 'scenario',
  provider: 'scenario',
  chip: new Uint8Array(0),
  engineFamily: 'v8',
};
export const scenarioRelease = new Uint8Array(createHash('sha256').update('release').digest());

interface Layer {
  readonly sequence: number;
  readonly time: number;
  readonly operations: readonly string[];
  /** Requests that took effect. */
  readonly executed: ReadonlySet<string>;
  readonly divergent: ReadonlySet<string>;
  readonly membership: Membership;
  readonly headerAt: BatchInput['headerAt'];
}

export class ScenarioExecution implements Execution {
  #layers: Layer[];
  readonly #snapshots = new Map<number, Layer>();
  readonly #service: Digest;
  readonly #policy: TurnPolicy;
  /** What an instance is called. */
  readonly #nameOf: (instance: Uint8Array) => string;
  /** What a batch says and does, by its sequence number, as last executed. */
  readonly story = new Map<number, string>();
  /** Makes this replica compute something else for operations that begin with `odd`. */
  odd = false;

  constructor(service: Digest, policy: TurnPolicy, founded: Membership, nameOf: (instance: Uint8Array) => string) {
    this.#service = service;
    this.#policy = policy;
    this.#nameOf = nameOf;
    const executed = new Set<string>();
    const nothing = { operations: [], executed, divergent: executed, membership: founded, headerAt: () => undefined };
    this.#layers = [{ sequence: 0, time: founded.start.time, ...nothing }];
  }

  get committed(): Layer {
    return this.#layers[0]!;
  }

  get #top(): Layer {
    return this.#layers.at(-1)!;
  }

  execute(input: BatchInput): Executed | Unacceptable {
    return this.#run(input, this.odd);
  }

  adopt(input: BatchInput): Executed | undefined {
    const executed = this.#run(input, false);
    return 'unacceptable' in executed ? undefined : executed;
  }

  #run(input: BatchInput, odd: boolean): Executed | Unacceptable {
    const before = this.#top;
    const at = { sequence: input.sequence, time: input.time };
    const operations = [...before.operations];
    const executed = new Set(before.executed);
    const divergent = new Set(before.divergent);
    const outcomes: Outcome[] = [];
    const story: string[] = [];
    const add = (request: Digest, result: string): void => {
      const empty = new Uint8Array(0);
      outcomes.push({ request, result: encodeUtf8(result)!, salt: empty, writeSet: empty });
    };
    let m = beginBatch(before.membership, this.#policy, { current: scenarioRelease, approved: () => true }, at);
    const stopped = halted(m, this.#policy, input.time);
    const began = m;
    for (const item of input.batch.items) {
      if (item.kind === 'system') {
        const { request } = item;
        const digest = systemRequestDigest(toyCryptography, request);
        if (request.kind === 'divergent') {
          divergent.add(toHex(request.request));
          story.push('a divergent request is named');
          add(digest, 'named');
          continue;
        }
        if (request.kind === 'activate') return { unacceptable: 'activation-not-due' };
        const verdict = this.#judge(m, request, input);
        if (verdict.kind === 'invalid') return { unacceptable: verdict.reason };
        if (verdict.kind === 'done') m = verdict.membership;
        const no = verdict.kind === 'refused' ? `, refused: ${verdict.code}` : '';
        story.push(this.#tell(request, m) + no);
        add(digest, no);
        continue;
      }
      const { client, first } = item.bundle;
      for (const [i, operation] of item.bundle.operations.entries()) {
        const digest = requestDigest(toyCryptography, client, first + i, operation);
        const text = new TextDecoder().decode(operation.payload);
        const result = this.#serve(text, divergent.has(toHex(digest)), stopped, odd);
        executed.add(`${toHex(client)}:${first + i}`);
        if (text.startsWith('early ')) m = requestTurn(m, Number(text.slice(6)));
        if (result === text || result === `${text}!`) operations.push(result);
        story.push(result === text ? text : `${text}: ${result}`);
        add(digest, result);
      }
    }
    if (challengeMissing(m, input.sequence)) return { unacceptable: 'challenge-missing' };
    const closed = endBatch(m, this.#policy, at, () => undefined);
    story.push(...this.#turns(before.membership, began, closed));
    this.story.set(input.sequence, story.join('; '));
    const layer = { ...at, operations, executed, divergent, membership: closed, headerAt: input.headerAt };
    this.#layers.push(layer);
    const leaves = outcomeLeaves(toyCryptography, outcomes);
    return {
      transactionsRoot: merkleRoot(toyCryptography, leaves),
      outcomes,
      configuration: configurationOf(closed),
      active: this.active(),
      checkpoint: closed.turnsOpened > before.membership.turnsOpened,
    };
  }

  active(): Active {
    return { protocol: 1, code: { version: 1, script: new Uint8Array(32) } };
  }

  activationDue(): undefined {}

  #serve(text: string, divergent: boolean, stopped: boolean, odd: boolean): string {
    if (divergent) return 'divergent';
    if (stopped) return 'overdue';
    return odd && text.startsWith('odd') ? `${text}!` : text;
  }

  #judge(
    m: Membership,
    request: Exclude<SystemRequest, { kind: 'divergent' | 'activate' }>,
    { sequence, time, headerAt }: Pick<BatchInput, 'sequence' | 'time' | 'headerAt'>,
  ): SystemVerdict {
    const known = (at: number): boolean => at >= sequence - headersKnown && at < sequence;
    const context: TurnContext = {
      cryptography: toyCryptography,
      service: this.#service,
      sequence,
      time,
      headerAt: (at) => (known(at) ? headerAt(at) : undefined),
    };
    switch (request.kind) {
      case 'challenge':
        return acceptChallenge(m, context, request.turn, request.certificate, () => ({ variants: ['v'], waived: [] }));
      case 'join':
        return admit(
          m,
          context,
          request.join,
          { policyKeys: this.#policy.epochKeys, scheme: 1 },
          {
            // The evidence of a scenario is the challenge that the launch was bound to.
            appraise: (join, launch) => ({
              facts: sameBytes(join.evidence, launch.challenge) ? scenarioFacts : undefined,
              claims: [],
            }),
            objection: () => undefined,
          },
        );
      case 'ready':
        return acceptReady(m, context, request.ready);
      case 'erasure':
        return countErasure(m, context, request.erasure);
      case 'suspicion':
        return countSuspicion(m, context, request.suspicion);
      case 'fault':
        return countFault(m, context, request.proof);
    }
  }

  #tell(request: Exclude<SystemRequest, { kind: 'divergent' | 'activate' }>, after: Membership): string {
    switch (request.kind) {
      case 'challenge':
        return `challenge of turn ${request.turn}`;
      case 'join':
        return `join of ${this.#nameOf(request.join.instance)}`;
      case 'ready':
        return `ready for turn ${request.ready.turn}`;
      case 'erasure': {
        const { instance, epoch } = request.erasure;
        return `${this.#nameOf(instance)} erased epoch ${epoch}${sealed(after) ? ', sealed' : ''}`;
      }
      case 'suspicion': {
        const { slot, suspect, reason } = request.suspicion;
        return `slot ${slot} suspects slot ${suspect} (${reason})`;
      }
      case 'fault':
        return `fault proof against ${this.#nameOf(request.proof.instance)}`;
    }
  }

  #turns(before: Membership, began: Membership, after: Membership): string[] {
    const lines: string[] = [];
    const over = (m: Membership, earlier: Membership): void => {
      if (m.finished.at(-1)?.turn === earlier.finished.at(-1)?.turn) return;
      const { turn, slot, outcome } = m.finished.at(-1)!;
      lines.push(`turn ${turn} of slot ${slot} ${outcome}`);
    };
    over(began, before);
    if (began.open !== undefined && began.open.turn !== before.open?.turn) {
      const { turn, slot, reason } = began.open;
      lines.push(`turn ${turn} opens for slot ${slot} (${reason})`);
    }
    over(after, began);
    if (after.epoch !== before.epoch) {
      const seats = after.occupants.map((seat) => (seat === undefined ? '–' : this.#nameOf(seat.instance)));
      lines.push(`closes epoch ${before.epoch}: next ${seats.join(' ')}`);
    }
    return lines;
  }

  rollback(sequence: number): void {
    while (this.#top.sequence > Math.max(sequence, this.committed.sequence)) this.#layers.pop();
  }

  commit(sequence: number): void {
    while (this.committed.sequence < sequence) this.#layers.shift();
  }

  inadmissible(item: Item): string | undefined {
    if (item.kind === 'bundle') return item.bundle.operations.length === 0 ? 'empty' : undefined;
    const { request } = item;
    if (request.kind === 'challenge' || request.kind === 'divergent' || request.kind === 'activate')
      return 'only the primary orders this';
    const { sequence, time, headerAt, membership } = this.#top;
    // The header of a notice may be one that this replica has not reached.
    const trusting = request.kind === 'ready' ? () => request.ready.headerDigest : headerAt;
    const verdict = this.#judge(membership, request, { sequence: sequence + 1, time, headerAt: trusting });
    if (verdict.kind === 'done') return undefined;
    return verdict.kind === 'refused' ? `${verdict.code}: ${verdict.message}` : verdict.reason;
  }

  requestStatus(): RequestStatus {
    return { kind: 'new' };
  }

  hasNew({ client, first, operations }: Bundle): boolean {
    return operations.some((_, i) => !this.#top.executed.has(`${toHex(client)}:${first + i}`));
  }

  challengeOwed(): { readonly turn: number; readonly openedAt: number } | undefined {
    const { open } = this.#top.membership;
    return open === undefined || open.drawn !== undefined ? undefined : { turn: open.turn, openedAt: open.openedAt };
  }

  configuration(): Configuration {
    return configurationOf(this.#top.membership);
  }

  candidate(): { turn: number; slot: number; instance: Uint8Array } | undefined {
    const { open, candidate } = this.committed.membership;
    if (open === undefined || candidate === undefined) return undefined;
    return { turn: open.turn, slot: open.slot, instance: candidate.instance };
  }

  checkpoint(sequence: number): Digest {
    this.#snapshots.set(sequence, this.committed);
    return digestOf(this.committed);
  }

  damage(): undefined {
    return undefined;
  }

  release(sequence: number): void {
    for (const at of this.#snapshots.keys()) if (at < sequence) this.#snapshots.delete(at);
  }

  parts(sequence: number, paths: readonly Uint8Array[]): readonly StatePart[] {
    const layer = this.#snapshots.get(sequence);
    return layer === undefined ? [] : paths.map((path) => ({ path, bytes: encodeLayer(layer) }));
  }

  transfer(stateDigest: Digest): StateTransfer & { layer: () => Layer | undefined } {
    let asked = false;
    let layer: Layer | undefined;
    return {
      wanted() {
        if (asked || layer !== undefined) return [];
        asked = true;
        return [new Uint8Array([1])];
      },
      accept(part) {
        if (!sameBytes(toyCryptography.hash(part.bytes), stateDigest)) return 'wrong digest';
        layer = decodeLayer(part.bytes);
        return undefined;
      },
      forget() {
        asked = false;
      },
      get complete() {
        return layer !== undefined;
      },
      progress: { partsDone: 0, bytes: 0, partsKnown: 1, share: 0 },
      layer: () => layer,
    };
  }

  install(_sequence: number, transfer: StateTransfer): void {
    this.#layers = [(transfer as ReturnType<ScenarioExecution['transfer']>).layer()!];
  }
}

/** A state as one part. */
function encodeLayer({ sequence, time, operations, executed, divergent, membership }: Layer): Uint8Array {
  const entries = membershipEntries(membership).map(({ key, value }) => [key, value && toHex(value)]);
  return encodeUtf8(JSON.stringify([sequence, time, operations, [...executed], [...divergent], entries]))!;
}

function decodeLayer(bytes: Uint8Array): Layer {
  const [sequence, time, operations, executed, divergent, entries] = JSON.parse(new TextDecoder().decode(bytes)) as [
    number,
    number,
    string[],
    string[],
    string[],
    [string, string | null][],
  ];
  const map = new Map(entries.map(([key, value]) => [key, value === null ? undefined : fromHex(value)]));
  const membership = readMembership((key) => map.get(key))!;
  const sets = { executed: new Set(executed), divergent: new Set(divergent) };
  return { sequence, time, operations, ...sets, membership, headerAt: () => undefined };
}

const digestOf = (layer: Layer): Digest => toyCryptography.hash(encodeLayer(layer));
