/**
 * Founding: the constitution of a simulated service, and how an instance presents itself, at genesis and at its turn.
 */
import { launchDigest, type LaunchData, reportData, simulatedEvidence } from '@coppice/attestation';
import { signerFromSeed } from '@coppice/cryptography';
import { buildGenesis, type Constitution, parseConstitution, verifyGenesis } from '@coppice/governance';
import {
  type Digest,
  encodeUtf8,
  faultsTolerated,
  genesisStatement,
  type InstanceClaims,
  type Join,
  joinStatement,
  sameBytes,
  type Signer,
  toHex,
} from '@coppice/wire';
import type { Services } from '@coppice/execution';
import type { CryptographyProvider } from './cryptography.ts';
import type { Keyring } from './keyring.ts';
import { type MigrationManner, manners, registerRuntime } from './register.ts';
import type { Founded } from './world.ts';

/** When simulated services are founded, in milliseconds since 1970. */
export const genesisTime = 1_800_000_000_000;

export interface ConstitutionChoices {
  readonly slots: number;
  readonly members: readonly Signer[];
  readonly choice: Choice;
  readonly policy: object;
  /** Version with which the service begins. */
  readonly protocol?: 1 | 3;
}

/** A release of a simulation: what its replicas speak, and how its migration goes. */
export interface SimulatedRelease {
  readonly digest: Digest;
  readonly protocols: readonly number[];
  /** Versions of the service. */
  readonly versions: readonly number[];
  readonly migration: MigrationManner;
}

function releaseNumbered(
  number: number,
  protocols: readonly number[],
  versions: readonly number[],
  migration: MigrationManner,
): SimulatedRelease {
  return { digest: new Uint8Array(32).fill(0xc0 + number), protocols, versions, migration };
}

/** The first founds the service; the others may follow it, each by a different road to version 2, and those of version 4 after any of them. */
export const releases: readonly SimulatedRelease[] = [
  releaseNumbered(0, [1], [1], 'sound'),
  releaseNumbered(1, [1, 2, 3, 4], [1, 2], 'sound'),
  releaseNumbered(2, [1, 2], [1, 2], 'failing'),
  releaseNumbered(3, [1], [1, 2], 'divergent'),
  releaseNumbered(4, [1, 2, 3, 4], [2, 3], 'sound'),
  releaseNumbered(5, [1, 2, 3], [1, 2], 'stepwise'),
  releaseNumbered(6, [1, 2], [1, 2], 'failing-stepwise'),
  releaseNumbered(7, [1], [1, 2], 'divergent-stepwise'),
];

/** Founds a service whose founders sign by scheme 2 already. */
const outliving = releaseNumbered(8, [3], [1], 'sound');

/** By which a service is founded that begins with this version of the protocol. */
export const foundingRelease = (protocol: 1 | 3): SimulatedRelease => (protocol === 1 ? releases[0]! : outliving);

export function releaseOf(digest: Digest): SimulatedRelease | undefined {
  return [...releases, outliving].find((one) => sameBytes(one.digest, digest));
}

/** What a launch of a release can execute; of what nobody released, whatever the first can. */
export function servicesOf(release: Digest, slot: number): Services {
  const { migration, versions } = releaseOf(release) ?? releases[0]!;
  return new Map(versions.map((version) => [version, registerRuntime(version, migration, slot)]));
}

/** The script of a version, by how a release comes to it: nothing that is sound is what is not. */
export function scriptOf(version: number, migration: MigrationManner): Digest {
  // Whichever way it was come to, a version that is sound is the same.
  const kind = version === 1 || migration === 'stepwise' ? 0 : manners.indexOf(migration);
  return new Uint8Array(32).fill(16 * version + kind + 1);
}

/** How many variants a release has: far more than are needed, as many again as slots, or one more than slots. */
export type Choice = 'ample' | 'scarce' | 'meagre';

/** As members approve it. Variants of two engines differ in two dimensions, those of one in one. */
export function releaseEntry(
  { digest, migration, protocols, versions }: SimulatedRelease,
  slots: number,
  choice: Choice = 'ample',
) {
  const families = choice === 'ample' ? 3 * slots : Math.ceil((slots + 1) / faultsTolerated(slots));
  const count = { ample: 3 * slots, scarce: 2 * (slots + 1), meagre: slots + 1 }[choice];
  return {
    digest,
    variants: Array.from({ length: count }, (_, i) => ({
      id: `v${i}`,
      engineFamily: `engine-${i % families}`,
      runtime: `engine-${i % families}@1`,
      program: new Uint8Array(32).fill(i + 1),
      referenceValues: [{ platform: 'simulated', measurements: [digest] }],
    })),
    protocols,
    services: versions.map((version) => ({ version, script: scriptOf(version, migration) })),
  };
}

/** A constitution of one simulated platform, under which every cap holds at first. */
export function constitutionOf({ slots, members, choice, policy, protocol = 1 }: ConstitutionChoices): Constitution {
  const parsed = parseConstitution({
    format: 1,
    name: 'Simulated consortium',
    development: true,
    slots,
    members: members.map((member, i) => ({ name: `member ${i}`, key: toHex(member.publicKey) })),
    clients: 'open',
    service: { name: 'register', version: 1 },
    releases: [releaseEntry(foundingRelease(protocol), slots, choice)],
    policy: {
      platforms: [{ name: 'simulated', generations: [{ name: 'simulated' }] }],
      ...policy,
    },
  });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ path, reason }) => `${path} ${reason}`).join('; '));
  return parsed.value;
}

/** Which judgement of its maker's founders bring, and everybody after them. */
const evaluation = 7;

/** Evidence that is not of this launch. */
export interface OtherEvidence {
  /** Of a launch with this data. */
  readonly launch?: LaunchData;
  /** Of this code. */
  readonly measurement?: Uint8Array;
  /** Its keys are another instance's: the evidence is of this one. */
  readonly instance?: Uint8Array;
  /** Its first key is of an epoch that has begun. */
  readonly begun?: boolean;
  /** Its keys are of scheme 1, whatever is asked for. */
  readonly oldScheme?: boolean;
  /** Its host can read its memory. */
  readonly debug?: boolean;
  /** Its endorsement is of an evaluation before the one that the ledger has seen. */
  readonly older?: boolean;
  /** From hardware whose endorsement is no longer valid. */
  readonly outdated?: boolean;
  /** These very bytes. */
  readonly replayed?: Uint8Array;
  /** It runs where the instance of this slot does: on its provider's hardware, or on the same chip. */
  readonly beside?: { readonly slot: number; readonly shares: 'provider' | 'chip' };
}

/** Whose hardware an instance runs on, as its evidence shows. */
export function hardwareOf(slot: number, { beside }: Pick<OtherEvidence, 'beside'> = {}) {
  const chip = beside?.shares === 'chip' ? beside.slot : slot;
  return { provider: `provider ${beside?.slot ?? slot}`, chip: `chip ${chip}` };
}

/** The join of an instance that was launched with this data, on the host of its slot. */
export function joinOf(
  { cryptography }: CryptographyProvider,
  launch: LaunchData,
  keyring: Keyring,
  address: string,
  other: OtherEvidence = {},
): Join {
  const { service, turn, slot, release, variant } = launch;
  const claims: InstanceClaims = {
    ...{ service, turn, slot, instance: keyring.identity.publicKey },
    ...{ firstEpoch: keyring.firstEpoch, keys: keyring.publicKeys, release, variant },
    ...{ address: `${address}:1`, clientAddress: `${address}:2` },
  };
  const launched = launchDigest(cryptography, other.launch ?? launch);
  const { provider, chip } = hardwareOf(slot, other);
  const evidence = simulatedEvidence(
    cryptography,
    signerFromSeed,
    {
      chip: encodeUtf8(chip)!,
      provider,
      evaluation: other.older === true ? evaluation - 1 : evaluation,
      validity: { from: genesisTime - 1000, until: genesisTime + (other.outdated === true ? -1 : 1_000_000_000) },
    },
    {
      measurement: other.measurement ?? release,
      launchDigest: launched,
      reportData: reportData(cryptography, { ...claims, instance: other.instance ?? claims.instance }, launched),
      debug: other.debug ?? false,
    },
  );
  const unsigned = { ...claims, evidence: other.replayed ?? evidence };
  return { ...unsigned, signature: keyring.identity.sign(joinStatement(unsigned)) };
}

/** The service of these joins, signed by all members. */
export function found(
  { cryptography }: CryptographyProvider,
  constitution: Constitution,
  members: readonly Signer[],
  joins: readonly Join[],
): Founded {
  const built = buildGenesis(cryptography, { constitution, joins, time: genesisTime });
  if (!built.ok) throw new Error(`${built.check}: ${built.reason}`);
  const statement = genesisStatement(built.service);
  const signatures = members.map((member) => ({ member: member.publicKey, signature: member.sign(statement) }));
  const document = { ...built.document, signatures };
  const verified = verifyGenesis(cryptography, document);
  if (!verified.ok) throw new Error(`${verified.check}: ${verified.reason}`);
  return { document, genesis: { ...verified, time: genesisTime } };
}
