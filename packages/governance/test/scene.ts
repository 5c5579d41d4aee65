/**
 * A state, and who does what in it: members sign statements, and somebody carries them.
 */
import assert from 'node:assert/strict';
import { decodeResult, encodeResult, type Signer, toHex } from '@coppice/wire';
import {
  type Constitution,
  decodeStatement,
  encodeOperation,
  executeGovernance,
  type GovernanceAction,
  type GovernanceOperation,
  type Parsed,
  proposalDigest,
  type SignedStatement,
  signStatement,
  type Statement,
} from '../src/index.ts';
import { bytesOf, constitutionOf, cryptography, members, MemoryState, signerNamed, time } from './fixtures.ts';

export const service = bytesOf('the service');
export const period = 336 * 3600 * 1000;

const signers = new Map<string, Signer>(
  [...members, ...['dana', 'eve', 'outsider'].map(signerNamed)].map((one) => [toHex(one.publicKey), one]),
);

export const signerOf = (key: Uint8Array): Signer => signers.get(toHex(key))!;

function valueOf<T>(parsed: Parsed<T>): T {
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

export const decoded = (bytes: Uint8Array): SignedStatement => valueOf(decodeStatement(bytes));

type Changes = { readonly service?: Uint8Array; readonly expires?: number; readonly nonce?: Uint8Array };

export class Scene {
  readonly service: Uint8Array;
  readonly state: MemoryState;
  now = time;
  #nonces = 0;
  /** Digests of proposals by number, from 1. */
  readonly digests: Uint8Array[] = [bytesOf('no proposal')];

  constructor(constitution: Constitution = constitutionOf(), of = service, state = new MemoryState(constitution)) {
    this.service = of;
    this.state = state;
  }

  send(sender: Uint8Array, payload: Uint8Array): Record<string, any> {
    const before = this.state.writes;
    const { now, service: of } = this;
    const common = { cryptography, service: of, sender, time: now, sequence: 12, payload };
    const request = { ...common, signatures: { left: 100 } };
    const { result, effects } = executeGovernance(this.state, request);
    // As the client reads it.
    const read = decodeResult(encodeResult(result));
    assert.ok(read.ok);
    if (read.value.ok) return { ...(read.value.value as Record<string, any>), effects };
    assert.equal(this.state.writes, before, 'a refusal writes nothing');
    assert.deepEqual(effects, []);
    return { refused: read.value.error.code, message: read.value.error.message };
  }

  ask(member: Uint8Array, operation: GovernanceOperation): Record<string, any> {
    return this.send(member, encodeOperation(operation));
  }

  /** Carried by somebody who is nobody. */
  submit(statement: Uint8Array): Record<string, any> {
    const answer = this.ask(signerNamed('outsider').publicKey, { kind: 'submit', statement });
    if (answer['refused'] === undefined && answer['digest'] !== undefined)
      this.digests[answer['proposal']] = answer['digest'];
    return answer;
  }

  sign(member: Uint8Array, statement: Partial<Statement>): Uint8Array {
    const common = { service: this.service, member, expires: this.now + period };
    return signStatement(signerOf(member), { ...common, ...statement } as Statement);
  }

  proposal(member: Uint8Array, action: GovernanceAction, changes: Changes = {}): Uint8Array {
    const nonce = bytesOf(`nonce ${this.#nonces++}`).slice(0, 16);
    return this.sign(member, { kind: 'proposal', nonce, action, ...changes });
  }

  propose(member: Uint8Array, action: GovernanceAction, changes: Changes = {}): Record<string, any> {
    return this.submit(this.proposal(member, action, changes));
  }

  ballot(member: Uint8Array, proposal: number, approve = true, changes: Changes = {}): Record<string, any> {
    const named = this.digests[proposal] ?? bytesOf('no such proposal');
    return this.submit(this.sign(member, { kind: 'ballot', proposal: named, approve, ...changes }));
  }

  withdraw(member: Uint8Array, proposal: number): Record<string, any> {
    const named = this.digests[proposal] ?? bytesOf('no such proposal');
    return this.submit(this.sign(member, { kind: 'withdrawal', proposal: named }));
  }

  /** Has these members decide; gives what the last of them got. */
  decide(action: GovernanceAction, ...voters: readonly Uint8Array[]): Record<string, any> {
    const [proposer, ...others] = voters as [Uint8Array, ...Uint8Array[]];
    let last = this.propose(proposer, action);
    const { proposal } = last;
    for (const voter of others) last = this.ballot(voter, proposal);
    return last;
  }

  /** A new key shows itself for the place of an old one. */
  possession(successor: Uint8Array, predecessor: Uint8Array, changes: Changes = {}): Uint8Array {
    return this.sign(successor, { kind: 'possession', predecessor, ...changes });
  }

  digestOf(statement: Uint8Array): Uint8Array {
    return proposalDigest(cryptography, decoded(statement));
  }
}
