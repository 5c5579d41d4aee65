/**
 * Clean starts: what the ledger shows of each turn, and whether it backs the seat that came of it.
 *
 * A turn leaves three ordered traces: a *challenge*, the commit certificate whose nonces nobody knew together before;
 * then a *join*, with evidence of a launch bound to that challenge; then *ready*, the candidate's word that it follows
 * the log. Requests are also ordered that execution refuses, so a trace that does not hold is not a problem in itself:
 * it backs nothing. A seat without a backing is one.
 */
import {
  challengeOf,
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  type Digest,
  type Header,
  type Join,
  joinStatement,
  keysOf,
  type Ready,
  readyStatement,
  sameBytes,
  schemeOf,
  toLatin1,
  validCommitCertificate,
} from '@coppice/wire';

/** What an instance's launch must be bound to. */
export interface Launch {
  readonly service: Digest;
  readonly slot: number;
  readonly turn: number;
  readonly challenge: Digest;
  readonly release: Digest;
  readonly variant: string;
}

/** Judges a join's evidence at the agreed time of its batch, in milliseconds: what it shows, or why it is refused. */
export type Appraise = (
  join: Join,
  launch: Launch,
  time: number,
) => { readonly platform: string; readonly provider: string } | string;

/** A join that was ordered for a turn, after its challenge. */
export interface Backing {
  readonly join: Omit<Join, 'evidence'>;
  readonly challengedAt: number;
  readonly joinedAt: number;
  readyAt: number | undefined;
  /** What the evidence shows, where it was appraised. */
  readonly facts: { readonly platform: string; readonly provider: string } | undefined;
}

interface Turn {
  readonly challenges: { readonly challenge: Digest; readonly at: number }[];
  /** By instance. */
  readonly backings: Map<string, Backing>;
}

/** Bounds of what unfinished turns may keep; honest ones have one of each. */
const turnsMax = 64;
const challengesMax = 8;
const backingsMax = 16;

/** What the log says where a request is ordered. */
export interface TurnContext {
  readonly configuration: Configuration;
  readonly header: Header;
  readonly headerAt: (sequence: number) => Digest | undefined;
}

export class TurnWatch {
  readonly #cryptography: Cryptography;
  readonly #service: Digest;
  readonly #appraise: Appraise | undefined;
  readonly #turns = new Map<number, Turn>();

  constructor(cryptography: Cryptography, service: Digest, appraise: Appraise | undefined) {
    this.#cryptography = cryptography;
    this.#service = service;
    this.#appraise = appraise;
  }

  /** spec/turns.md, lines 30-33. */
  challenge(number: number, certificate: CommitCertificate, { configuration, header, headerAt }: TurnContext): void {
    const { subject } = certificate;
    const certified = subject.sequence < header.sequence ? headerAt(subject.sequence) : undefined;
    if (certified === undefined || !sameBytes(certified, subject.headerDigest)) return;
    if (!validCommitCertificate(this.#cryptography, this.#service, configuration, certificate)) return;
    let turn = this.#turns.get(number);
    if (turn === undefined) {
      turn = { challenges: [], backings: new Map() };
      this.#turns.set(number, turn);
      if (this.#turns.size > turnsMax) this.#turns.delete(this.#turns.keys().next().value!);
    }
    if (turn.challenges.length === challengesMax) return;
    turn.challenges.push({ challenge: challengeOf(this.#cryptography, number, certificate), at: header.sequence });
  }

  /** spec/turns.md, lines 40-46. */
  join(join: Join, { configuration, header }: TurnContext): void {
    const turn = this.#turns.get(join.turn);
    if (turn === undefined || turn.backings.size === backingsMax) return;
    if (!sameBytes(join.service, this.#service) || join.firstEpoch !== configuration.epoch + 1) return;
    // spec/algorithms.md, line 10.
    if (!keysOf(schemeOf(header.protocolVersion), join.keys)) return;
    if (!this.#cryptography.verify(join.instance, joinStatement(join), join.signature)) return;
    const { slot, release, variant, evidence: _, ...rest } = join;
    for (const { challenge, at } of turn.challenges) {
      // Hosts act on committed challenges only.
      if (at >= header.sequence) continue;
      const launch = { service: this.#service, slot, turn: join.turn, challenge, release, variant };
      const facts = this.#appraise?.(join, launch, header.time);
      if (typeof facts === 'string') continue;
      const kept = { slot, release, variant, ...rest };
      turn.backings.set(toLatin1(join.instance), {
        join: kept,
        challengedAt: at,
        joinedAt: header.sequence,
        readyAt: undefined,
        facts,
      });
      return;
    }
  }

  /** spec/turns.md, lines 50-52. */
  ready(ready: Ready, { header, headerAt }: TurnContext): void {
    if (!sameBytes(ready.service, this.#service)) return;
    const followed = headerAt(ready.sequence);
    if (followed === undefined || !sameBytes(followed, ready.headerDigest)) return;
    for (const backing of this.#turns.get(ready.turn)?.backings.values() ?? []) {
      if (backing.readyAt !== undefined || ready.sequence < backing.joinedAt) continue;
      const { instance } = backing.join;
      if (this.#cryptography.verify(instance, readyStatement(ready), ready.signature))
        backing.readyAt = header.sequence;
    }
  }

  /** What backs the instance's seat of this turn. Ends the turn, and those before it. */
  take(number: number, instance: Uint8Array): Backing | undefined {
    const backing = this.#turns.get(number)?.backings.get(toLatin1(instance));
    for (const turn of this.#turns.keys()) if (turn <= number) this.#turns.delete(turn);
    return backing;
  }
}
