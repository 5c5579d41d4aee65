/**
 * Genesis: from a constitution and n joins to a service. spec/genesis.md.
 *
 * No instance and no member is trusted to found it. Whoever holds the document, be it an instance, a client or an
 * auditor years later, runs the same checks, and the service *is* the digest of what they are run on.
 */
import type { Collateral, EvidenceCryptography, LaunchData } from '@coppice/attestation';
import {
  type Configuration,
  configurationDigest,
  type Cryptography,
  type Digest,
  digestOf,
  type Genesis,
  type GenesisDocument,
  genesisStatement,
  type Inheritance,
  type Join,
  joinsRoot,
  joinStatement,
  keysOf,
  type Predecessor,
  sameBytes,
  type Scheme,
  schemeOf,
  type Seat,
  serviceDigest,
  toLatin1,
} from '@coppice/wire';
import { type Activation, foundingActivation, targetOf } from './active.ts';
import { appraiseJoin, capObjection, type Facts } from './admission.ts';
import { type Constitution, thresholdOf } from './constitution.ts';
import { constitutionDigest, decodeConstitution, encodeConstitution } from './constitution-document.ts';

/** What was being checked when genesis failed. */
export type GenesisCheck =
  | 'constitution'
  | 'time'
  | 'joins'
  | 'keys'
  | 'join-signature'
  | 'evidence'
  | 'caps'
  | 'joins-root'
  | 'configuration'
  | 'signatures';

export interface GenesisFailure {
  readonly ok: false;
  readonly check: GenesisCheck;
  readonly reason: string;
}

/** A founding instance: what it claims, and what its evidence showed. */
export interface Founder extends Facts, Pick<Join, FounderClaims> {
  readonly collateral: readonly Collateral[];
}
type FounderClaims =
  | 'evidence'
  | 'slot'
  | 'instance'
  | 'firstEpoch'
  | 'keys'
  | 'release'
  | 'variant'
  | 'address'
  | 'clientAddress';

export interface VerifiedGenesis {
  readonly constitution: Constitution;
  /** What the service begins with. spec/upgrades.md, line 1. */
  readonly activation: Activation;
  readonly service: Digest;
  /** The first epoch, and the last batch before it. */
  readonly first: { readonly epoch: number; readonly sequence: number };
  /** In slot order. */
  readonly founders: readonly Founder[];
}

/**
 * The genesis document of these joins, for members to sign: its `signatures` are empty. `time` is when epoch 0 begins,
 * in milliseconds; evidence is judged at it.
 */
export function buildGenesis(
  cryptography: EvidenceCryptography,
  input: {
    readonly constitution: Constitution;
    readonly joins: readonly Join[];
    readonly time: number;
    /** Of a service that goes on where another one was lost. */
    readonly succession?: { readonly predecessor: Predecessor; readonly inheritance: Inheritance };
  },
): { readonly ok: true; readonly document: GenesisDocument; readonly service: Digest } | GenesisFailure {
  const { constitution, succession, time } = input;
  const activation = activationOf(constitution, succession?.predecessor);
  if (typeof activation === 'string') return failed('constitution', activation);
  const joins = [...input.joins].sort((a, b) => a.slot - b.slot);
  const epoch = succession === undefined ? 0 : succession.predecessor.header.epoch + 1;
  const scheme = foundersScheme(constitution, succession?.predecessor);
  if (typeof scheme === 'string') return failed('constitution', scheme);
  const admitted = admitFounders(cryptography, constitution, joins, { time, epoch, scheme });
  if (!admitted.ok) return admitted;
  const bytes = encodeConstitution(constitution);
  const genesis: Genesis = {
    constitution: digestOf(cryptography, 'constitution', bytes),
    joinsRoot: joinsRoot(cryptography, joins),
    time,
    configuration: configurationOf(constitution, admitted.founders, { time, epoch }),
    ...(succession === undefined ? {} : { predecessor: succession.predecessor }),
  };
  const inheritance = succession === undefined ? {} : { inheritance: succession.inheritance };
  const document = { genesis, constitution: bytes, joins, signatures: [], ...inheritance };
  return { ok: true, document, service: serviceDigest(cryptography, genesis) };
}

/** Checks everything that a genesis document says. Pure and total: the first check that fails is named. */
export function verifyGenesis(
  cryptography: EvidenceCryptography,
  document: GenesisDocument,
  expected: { readonly constitution?: Digest } = {},
): ({ readonly ok: true } & VerifiedGenesis) | GenesisFailure {
  const verified = verifyUnsigned(cryptography, document, expected);
  if (!verified.ok) return verified;
  const objection = signatureObjection(cryptography, verified.constitution, verified.service, document.signatures);
  return objection === undefined ? verified : failed('signatures', objection);
}

/** All of that but the signatures: what a member checks before it signs. Lines 10-19. */
export function verifyUnsigned(
  cryptography: EvidenceCryptography,
  document: GenesisDocument,
  expected: { readonly constitution?: Digest } = {},
): ({ readonly ok: true } & VerifiedGenesis) | GenesisFailure {
  const { genesis, joins } = document;
  // The constitution, in its one form, is the one that the genesis names, and the one that was agreed on. [10-11]
  const digest = digestOf(cryptography, 'constitution', document.constitution);
  if (!sameBytes(digest, genesis.constitution)) return failed('constitution', 'is not the one that genesis names');
  if (expected.constitution !== undefined && !sameBytes(digest, expected.constitution)) {
    return failed('constitution', 'is not the one that was expected');
  }
  const decoded = decodeConstitution(document.constitution);
  if (!decoded.ok) return failed('constitution', `${decoded.problems[0]!.path} ${decoded.problems[0]!.reason}`.trim());
  const constitution = decoded.value;
  const people = [...constitution.members, ...(constitution.clients === 'open' ? [] : constitution.clients)];
  const unusable = people.find(({ key }) => !cryptography.validPublicKey(key));
  if (unusable !== undefined) return failed('constitution', `the key of ${unusable.name} is not a public key`);

  const { predecessor, time } = genesis;
  const activation = activationOf(constitution, predecessor);
  if (typeof activation === 'string') return failed('constitution', activation);
  const { epoch } = genesis.configuration;
  if (epoch !== (predecessor === undefined ? 0 : predecessor.header.epoch + 1))
    return failed('configuration', `begins with epoch ${epoch}`);
  if (predecessor !== undefined && time < predecessor.header.time) return failed('time', 'is before the predecessor’s');

  const scheme = foundersScheme(constitution, predecessor);
  if (typeof scheme === 'string') return failed('constitution', scheme);
  const admitted = admitFounders(cryptography, constitution, joins, { time, epoch, scheme });
  if (!admitted.ok) return admitted;
  const { founders } = admitted;

  // What is derived from the joins is what the document says. [18-19]
  if (!sameBytes(joinsRoot(cryptography, joins), genesis.joinsRoot)) return failed('joins-root', 'is of other joins');
  const derived = configurationDigest(cryptography, configurationOf(constitution, founders, { time, epoch }));
  if (!sameBytes(derived, configurationDigest(cryptography, genesis.configuration))) {
    return failed('configuration', 'is not the one that follows from the joins');
  }

  const service = serviceDigest(cryptography, genesis);
  const first = { epoch, sequence: predecessor?.header.sequence ?? 0 };
  return { ok: true, constitution, activation, service, first, founders };
}

/**
 * The same, of a document whose service is known, by its digest, to have been verified: of keys that the digest covers, it is not asked again
 * whether they are public keys, which takes half of the time. spec/recovery.md, line 34.
 */
export function verifyGenesisAgain(
  cryptography: EvidenceCryptography,
  document: GenesisDocument,
): ReturnType<typeof verifyGenesis> {
  return verifyGenesis({ ...cryptography, validPublicKey: () => true }, document);
}

/** What the service begins with; a successor with what its predecessor's state says, and this stands for. */
function activationOf(constitution: Constitution, predecessor: Predecessor | undefined): Activation | string {
  if (predecessor === undefined) return foundingActivation(constitution);
  const last = constitution.releases.at(-1)!;
  return { ...targetOf(last), release: last.digest, attempts: 0, failed: undefined, migration: undefined };
}

/** By which scheme founders are to sign, or why there is none: spec/algorithms.md, line 11. */
function foundersScheme(constitution: Constitution, predecessor: Predecessor | undefined): Scheme | string {
  const protocol = foundersProtocol(constitution, predecessor);
  return typeof protocol === 'string' ? protocol : schemeOf(protocol);
}

/** The version of the protocol by which founders' joins are judged: of a successor, that of the header it goes on from. */
export function foundersProtocol(constitution: Constitution, predecessor?: Predecessor): number | string {
  if (predecessor !== undefined) return predecessor.header.protocolVersion;
  const activation = foundingActivation(constitution);
  return typeof activation === 'string' ? activation : activation.protocol;
}

/** The last millisecond that a date can name (ECMA-262, section 21.4.1.1): terms that begin then have an encoding. */
const timeMax = 8.64e15;

function failed(check: GenesisCheck, reason: string): GenesisFailure {
  return { ok: false, check, reason };
}

/** When the first epoch begins, and which it is. */
interface Beginning {
  readonly time: number;
  readonly epoch: number;
}

/** Lines 12-17: n joins, in slot order, that may sit beside each other. */
function admitFounders(
  cryptography: EvidenceCryptography,
  constitution: Constitution,
  joins: readonly Join[],
  { time, epoch, scheme }: Beginning & { readonly scheme: Scheme },
): { readonly ok: true; readonly founders: readonly Founder[] } | GenesisFailure {
  const { slots, policy } = constitution;
  const service = constitutionDigest(cryptography, constitution);
  if (!(time >= 0 && time <= timeMax)) return failed('time', 'is no date');
  if (joins.length !== slots) return failed('joins', `${joins.length} joins for ${slots} slots`);
  for (const [slot, join] of joins.entries()) {
    if (join.slot !== slot) return failed('joins', `the join for slot ${slot} is for slot ${join.slot}`);
    if (!sameBytes(join.service, service)) return failed('joins', `slot ${slot} is for another constitution`);
    if (join.turn !== 0 || join.firstEpoch !== epoch) return failed('joins', `slot ${slot} is not for genesis`);
    if (!keysOf(scheme, join.keys)) return failed('keys', `slot ${slot} brings keys that are not of scheme ${scheme}`);
    if (join.keys.length < policy.epochKeys) return failed('keys', `slot ${slot} brings ${join.keys.length} keys`);
  }
  const repeated = repetition(joins);
  if (repeated !== undefined) return failed(repeated.check, repeated.reason);

  const founders: Founder[] = [];
  for (const join of joins) {
    if (!validKeys(cryptography, join)) return failed('keys', `a key of slot ${join.slot} is not a public key`);
    if (!cryptography.verify(join.instance, joinStatement(join), join.signature)) {
      return failed('join-signature', `of slot ${join.slot}`);
    }
    const { slot, instance, firstEpoch, keys, release, variant, address, clientAddress } = join;
    const launch: LaunchData = { service, slot, turn: 0, challenge: service, release, variant };
    // No ledger has seen anything yet: what founders show is the first that it remembers.
    const { facts, collateral, claims } = appraiseJoin(cryptography, constitution, join, launch, time, () => undefined);
    if (facts === undefined) {
      const refused = claims.find((claim) => claim.verdict !== 'affirming');
      return failed('evidence', `slot ${slot}: ${refused?.claim} ${refused?.actual}: ${refused?.reason}`);
    }
    founders.push({
      slot,
      instance,
      firstEpoch,
      keys,
      release,
      variant,
      address,
      clientAddress,
      ...facts,
      collateral,
      evidence: join.evidence,
    });
  }
  for (const founder of founders) {
    const objection = capObjection(constitution, founders, founder);
    if (objection !== undefined) return failed('caps', `slot ${founder.slot}: ${objection}`);
  }
  return { ok: true, founders };
}

/** No two founders, and no two of their keys, are the same. A key that two seats share would vote twice. [14] */
function repetition(joins: readonly Join[]): { check: GenesisCheck; reason: string } | undefined {
  const keys = joins.flatMap(({ instance, keys: own }) => [
    instance,
    ...own.flatMap(({ signingKey, sealingKey }) => [signingKey, sealingKey]),
  ]);
  if (new Set(keys.map(toLatin1)).size < keys.length) return { check: 'keys', reason: 'a key is there twice' };
  for (const field of ['address', 'clientAddress'] as const) {
    if (new Set(joins.map((join) => join[field])).size < joins.length) {
      return { check: 'joins', reason: `two slots have one ${field}` };
    }
  }
  return undefined;
}

function validKeys(cryptography: Cryptography, { instance, keys }: Join): boolean {
  return [instance, ...keys.map(({ signingKey }) => signingKey)].every((key) => cryptography.validPublicKey(key));
}

/** Line 18. */
function configurationOf(
  constitution: Constitution,
  founders: readonly Founder[],
  { time, epoch }: Beginning,
): Configuration {
  const termEnd = time + constitution.policy.recoveryPeriodMs;
  const seats = founders.map((founder): Seat => {
    const { slot, instance, release, variant, platform, provider, address, clientAddress } = founder;
    const shown = { slot, instance, release, variant, platform, provider, address, clientAddress };
    return { ...shown, ...founder.keys[0]!, turn: 0, since: time, termEnd };
  });
  return { epoch, slots: constitution.slots, seats };
}

/** Lines 20-21. Why these signatures do not found the service, if so. */
export function signatureObjection(
  cryptography: Cryptography,
  constitution: Constitution,
  service: Digest,
  signatures: GenesisDocument['signatures'],
): string | undefined {
  const needed = thresholdOf(constitution, 'genesis');
  const signers = new Set(signatures.map(({ member }) => toLatin1(member)));
  if (signers.size < signatures.length) return 'a member signed twice';
  const members = new Set(constitution.members.map(({ key }) => toLatin1(key)));
  const statement = genesisStatement(service);
  for (const { member, signature } of signatures) {
    if (!members.has(toLatin1(member))) return 'a signature is of no member';
    if (!cryptography.verify(member, statement, signature)) return 'a signature is not valid';
  }
  return signatures.length < needed ? `${signatures.length} of ${needed} members signed` : undefined;
}
