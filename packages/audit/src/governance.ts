/**
 * Whether the members decided what the ledger says they decided. spec/governance.md, read anew.
 *
 * What was decided lies in the write set of the transaction that did it, with everything that was signed for it. So a write
 * set and the constitution before it show whether enough of its members signed, each for this proposal of this service.
 */
import {
  type Active,
  type Cryptography,
  decode,
  decodeCanonicalSign1,
  decodeCbor,
  type Digest,
  digestOf,
  sameBytes,
  sign1Structure,
  toHex,
  toLatin1,
} from '@coppice/wire';
import type { DecisionReport } from './report.ts';
import { changesCodec } from './state-replay.ts';

/** The constitution after an action, or why it cannot be done to the one before: governance's to say. */
export type Amend = (change: {
  readonly before: Uint8Array;
  /** As it was signed. */
  readonly proposal: Uint8Array;
  readonly service: Digest;
  readonly time: number;
  readonly active: Active;
}) => Uint8Array | string;

/** Which threshold decides on an action. */
const thresholds: Readonly<Record<string, string>> = {
  'early-turn': 'earlyTurn',
  'set-parameters': 'parameters',
  'set-platform': 'platforms',
  'remove-platform': 'platforms',
  'add-member': 'members',
  'remove-member': 'members',
  'rotate-key': 'memberKeys',
  'approve-release': 'releases',
  'retry-activation': 'releases',
  'retire-release': 'releases',
  'set-reference-values': 'releases',
  'add-client': 'clients',
  'remove-client': 'clients',
  'set-roles': 'clients',
  'set-auditors': 'members',
  'set-recovery': 'members',
  'set-thresholds': 'thresholds',
};

/** Where governance writes; no service has such a map. */
const constitutionAddress = '$constitution\0';
const rolesPrefix = '$roles\0';
const decisionsPrefix = '$decisions\0';

export type Fields = Readonly<Record<string, unknown>>;

/** Statements are at most this long. */
const statementBytesMax = 128 * 1024;

export class GovernanceWatch {
  readonly decisions: DecisionReport[] = [];
  readonly #cryptography: Cryptography;
  /** The service, and those that it goes on from: what is proposed in one may be decided in the next. */
  readonly #services: Digest[];
  readonly #amend: Amend | undefined;
  #constitution: Uint8Array;
  /** Proposals that took effect, until they expire: none does twice. */
  readonly #done = new Map<string, number>();

  constructor(cryptography: Cryptography, service: Digest, constitution: Uint8Array, amend: Amend | undefined) {
    this.#cryptography = cryptography;
    this.#services = [service];
    this.#constitution = constitution;
    this.#amend = amend;
  }

  /** In force. */
  get constitution(): Uint8Array {
    return this.#constitution;
  }

  /** Another service goes on from here, under this constitution; gives what is wrong with that. */
  succeed(service: Digest, constitution: Uint8Array): string | undefined {
    this.#services.push(service);
    return sameBytes(constitution, this.#constitution) ? undefined : 'under another constitution than was in force';
  }

  /** Judges one transaction of a committed batch, with what was active before it; gives what is wrong with it. */
  add(writeSet: Uint8Array, at: { readonly sequence: number; readonly time: number }, active: Active): string[] {
    if (!mentions(writeSet)) return [];
    const changes = decode(changesCodec, writeSet);
    // Whoever recomputes the state says so.
    if (!changes.ok) return [];
    const problems: string[] = [];
    let written: Uint8Array | undefined;
    let roles = false;
    const accepted: DecisionReport[] = [];
    let proposal: Uint8Array | undefined;
    for (const { address, value } of changes.value) {
      const where = toLatin1(address);
      if (where === constitutionAddress) written = value ?? new Uint8Array(0);
      roles ||= where.startsWith(rolesPrefix);
      if (!where.startsWith(decisionsPrefix) || value === undefined) continue;
      const decision = recordOf(value);
      if (decision?.['state'] !== 'accepted') continue;
      const judged = this.#judge(decision, at);
      if (typeof judged === 'string') problems.push(`proposal ${String(decision['id'])}: ${judged}`);
      else {
        accepted.push(judged);
        proposal = decision['statement'] as Uint8Array;
      }
    }
    if (roles && written === undefined) problems.push('roles changed, and the constitution did not');
    if (accepted.length > 1) problems.push('two decisions in one transaction');
    this.decisions.push(...accepted);
    if (written === undefined) return problems;
    if (accepted.length === 0) problems.push('the constitution changed without a decision of its members');
    else problems.push(...this.#amendment(written, proposal!, at.time, active));
    this.#constitution = written;
    return problems;
  }

  #amendment(written: Uint8Array, proposal: Uint8Array, time: number, active: Active): string[] {
    if (this.#amend === undefined) return [];
    const signed = this.#signed(proposal, 'proposal');
    const service = typeof signed === 'string' ? this.#services[0]! : (signed.fields['service'] as Digest);
    const after = this.#amend({ before: this.#constitution, proposal, service, time, active });
    if (typeof after === 'string') return [`the constitution changed by what could not be done: ${after}`];
    return sameBytes(after, written) ? [] : ['the constitution is not the one that follows from the decision'];
  }

  /** What was accepted, or why it was not by the constitution before. */
  #judge(decision: Fields, { sequence, time }: { sequence: number; time: number }): DecisionReport | string {
    const constitution = recordOf(this.#constitution);
    const members = constitution && keysOf(constitution['members']);
    if (constitution === undefined || members === undefined) return 'there is no constitution to judge by';
    const proposal = this.#signed(decision['statement'], 'proposal');
    if (typeof proposal === 'string') return proposal;
    const { action, expires, member } = proposal.fields;
    const digest = digestOf(this.#cryptography, 'proposal', proposal.payload);
    const name = toLatin1(digest);
    if (!(decision['digest'] instanceof Uint8Array) || !sameBytes(decision['digest'], digest)) return 'another digest';
    if (!(time < (expires as number))) return 'accepted after it expired';
    if (this.#done.has(name)) return 'accepted twice';
    const kind = String(fieldsOf(action)['kind']);
    const needed = Object.hasOwn(thresholds, kind) ? countOf(constitution, thresholds[kind]!, members.size) : undefined;
    if (needed === undefined) return 'an action of no known kind';

    const voters = new Set<string>();
    const approvals = new Set<string>([toLatin1(member as Uint8Array)]);
    for (const { statement } of itemsOf(decision['ballots'])) {
      const ballot = this.#signed(statement, 'ballot');
      if (typeof ballot === 'string') return ballot;
      const { fields } = ballot;
      if (!(fields['proposal'] instanceof Uint8Array) || !sameBytes(fields['proposal'], digest))
        return 'a ballot on another proposal';
      const voter = toLatin1(fields['member'] as Uint8Array);
      if (voters.has(voter)) return 'a member voted twice';
      voters.add(voter);
      if (fields['approve'] === true) approvals.add(voter);
    }
    const counted = [...approvals].filter((one) => members.has(one)).length;
    if (counted < needed) return `${counted} of its members approved it, and ${needed} are needed`;

    for (const [one, until] of this.#done) if (until <= time) this.#done.delete(one);
    this.#done.set(name, expires as number);
    return {
      proposal: decision['id'] as number,
      digest: toHex(digest),
      action: kind,
      sequence,
      time,
      approvals: counted,
      needed,
    };
  }

  /** A statement for this service that the member in it has signed, or why it is none. */
  #signed(bytes: unknown, kind: string): { payload: Uint8Array; fields: Fields } | string {
    const wrong = `a ${kind} that is not signed by its member`;
    if (!(bytes instanceof Uint8Array)) return wrong;
    const message = decodeCanonicalSign1(bytes, statementBytesMax);
    if (!message.ok) return wrong;
    const { payload, protectedHeader, signature } = message.value;
    const header = decodeCbor(protectedHeader);
    if (!header.ok || !isHeader(header.value)) return wrong;
    const fields = recordOf(payload);
    if (fields?.['kind'] !== kind || !(fields['member'] instanceof Uint8Array)) return wrong;
    const { member, service } = fields;
    if (!(service instanceof Uint8Array) || !this.#services.some((one) => sameBytes(one, service)))
      return `a ${kind} for another service`;
    const structure = sign1Structure({ protectedHeader, payload });
    return this.#cryptography.verify(member, structure, signature) ? { payload, fields } : wrong;
  }
}

/** EdDSA, for governance, and nothing else. */
function isHeader(header: unknown): boolean {
  return (
    header instanceof Map &&
    header.size === 2 &&
    header.get(1) === -8 &&
    header.get(3) === 'application/vnd.coppice.governance+cbor'
  );
}

function isFields(value: unknown): value is Fields {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof Map);
}

/** A map with text keys; what is none has no fields. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
export const itemsOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);

export function recordOf(bytes: Uint8Array): Fields | undefined {
  const decoded = decodeCbor(bytes);
  return decoded.ok && isFields(decoded.value) ? decoded.value : undefined;
}

function keysOf(members: unknown): Set<string> | undefined {
  const keys = itemsOf(members).map((one) => one['key']);
  return keys.length > 0 && keys.every((key) => key instanceof Uint8Array) ? new Set(keys.map(toLatin1)) : undefined;
}

function countOf(constitution: Fields, name: string, members: number): number | undefined {
  const threshold = fieldsOf(constitution['thresholds'])[name];
  const bad = constitution['badMembersTolerated'];
  if (threshold === 'all') return members;
  if (threshold === 'majority' && typeof bad === 'number') return Math.min(members, Math.floor(members / 2) + 1 + bad);
  return typeof threshold === 'number' && threshold > 0 ? threshold : undefined;
}

const marks = [constitutionAddress, rolesPrefix, decisionsPrefix].map((text) =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
);

/** Whether one of the addresses can be in it: few write sets have any, and decoding all of them is slow. */
function mentions(writeSet: Uint8Array): boolean {
  for (let at = writeSet.indexOf(0x24); at >= 0; at = writeSet.indexOf(0x24, at + 1)) {
    if (marks.some((mark) => mark.every((byte, i) => writeSet[at + i] === byte))) return true;
  }
  return false;
}
