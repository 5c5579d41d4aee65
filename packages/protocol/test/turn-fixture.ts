/**
 * A membership of four made-up instances, and what it takes to drive it: a cryptography in which everyone can sign for
 * everyone, so that tests decide who signs what.
 */
import { createHash } from 'node:crypto';
import {
  type CommitCertificate,
  commitmentOf,
  type Cryptography,
  type Join,
  joinStatement,
  quorumOf,
  toHex,
  voteStatement,
  ofAllVersions,
} from '@coppice/wire';
import {
  configurationOf,
  genesisMembership,
  keysIn,
  type Membership,
  membershipEntries,
  readMembership,
} from '../src/membership.ts';
import { type Appraiser, type TurnContext } from '../src/turn-admission.ts';
import type { TurnPolicy, TurnReleases } from '../src/turn.ts';

const sha256 = (...parts: (Uint8Array | string)[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

export const sign = (publicKey: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array([...sha256('1', publicKey, message), ...sha256('2', publicKey, message)]);

export const cryptography: Cryptography = ofAllVersions(
  {
    hash: (bytes) => sha256(bytes),
    verify: (publicKey, message, signature) => toHex(sign(publicKey, message)) === toHex(signature),
    validPublicKey: (publicKey) => publicKey[0] !== 255 || publicKey[1] !== 255,
  },
  (bytes) => new Uint8Array(createHash('sha3-256').update(bytes).digest()),
);

export const digestOfText = (text: string): Uint8Array => sha256(text);
export const service = digestOfText('service');
export const release = digestOfText('release');

export const policy: TurnPolicy = {
  recoveryPeriodMs: 1000,
  turnIntervalMs: 200,
  turnIntervalBatches: 0,
  turnDeadlineMs: 90,
  sealDeadlineMs: 50,
  unsealed: 'wait',
  overdue: 'halt',
  epochKeys: 12,
};

export const releases: TurnReleases = { current: release, approved: (one) => toHex(one) === toHex(release) };

export const keysOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, k) => ({
    signingKey: digestOfText(`${name} signing ${k}`),
    sealingKey: digestOfText(`${name} sealing ${k}`),
  }));

const facts = (name: string) => ({
  platform: 'simulated',
  provider: 'a',
  chip: digestOfText(`${name} chip`),
  engineFamily: 'v8',
});

const instanceOf = (name: string, firstEpoch: number, keys: number) => ({
  instance: digestOfText(name),
  firstEpoch,
  keys: keysOf(name, keys),
  release,
  variant: 'one',
  address: `${name}:1`,
  clientAddress: `${name}:2`,
  ...facts(name),
});

/** Slots 0 … n − 1 hold `g0`, `g1`, … */
export function founded(slots = 4, keys = 12): Membership {
  return genesisMembership(
    0,
    policy.recoveryPeriodMs,
    [...Array(slots).keys()].map((slot) => instanceOf(`g${slot}`, 0, keys)),
  );
}

export const headerAt = (sequence: number): Uint8Array => digestOfText(`header ${sequence}`);

export const contextAt = (sequence: number, time = sequence): TurnContext => ({
  cryptography,
  service,
  sequence,
  time,
  headerAt: (at) => (at > 0 && at < sequence && at >= sequence - 64 ? headerAt(at) : undefined),
});

export const appraiser: Appraiser = {
  appraise: (join) => ({
    facts: join.evidence.length === 0 ? undefined : facts(toHex(join.instance)),
    claims: [{ claim: 'evidence', verdict: join.evidence.length === 0 ? 'missing' : 'affirming' }],
  }),
  objection: () => undefined,
};

export function certificate(m: Membership, sequence: number): CommitCertificate {
  const subject = {
    epoch: m.epoch,
    view: 3,
    sequence,
    headerDigest: headerAt(sequence),
    newView: digestOfText('view'),
  };
  const { seats, slots } = configurationOf(m);
  const reveals = seats.slice(0, quorumOf(slots)).map(({ slot, signingKey }) => {
    const nonce = digestOfText(`nonce ${slot} ${sequence}`);
    const signature = sign(signingKey, voteStatement(service, subject, commitmentOf(cryptography, nonce)));
    return { slot, nonce, signature };
  });
  return { subject, reveals };
}

/** A join that the open turn of `m` accepts, but for what `change` says. */
export function joinFor(m: Membership, name: string, change: Partial<Join> = {}): Join {
  const { turn, slot, drawn } = m.open!;
  const { instance, keys, address, clientAddress } = instanceOf(name, m.epoch + 1, policy.epochKeys);
  const unsigned = {
    ...{ service, turn, slot, instance, firstEpoch: m.epoch + 1, keys, release, variant: drawn!.variant },
    ...{ address, clientAddress, evidence: digestOfText('evidence') },
    ...change,
  };
  return { ...unsigned, signature: change.signature ?? sign(unsigned.instance, joinStatement(unsigned)) };
}

export const signingKey = (m: Membership, slot: number): Uint8Array => keysIn(m.occupants[slot]!, m.epoch)!.signingKey;

/** Through its entries and back. */
export function stored(m: Membership): Membership | undefined {
  const map = new Map(membershipEntries(m).map(({ key, value }) => [key, value]));
  return readMembership((key) => map.get(key));
}
