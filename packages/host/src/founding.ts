/**
 * Genesis, as the host runs it: launches n instances bound to the constitution, collects their joins, has the members sign,
 * and hands every instance the document. The host decides nothing: instances and members each check all of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  buildGenesis,
  type Constitution,
  constitutionDigest,
  foundersProtocol,
  verifyGenesis,
} from '@coppice/governance';
import type { EvidenceCryptography } from '@coppice/attestation';
import { DoorConnection, DoorError } from '@coppice/client';
import {
  type Cryptography,
  type Digest,
  type GenesisDocument,
  genesisStatement,
  type Inheritance,
  type Join,
  type Predecessor,
  sameBytes,
  serviceDigest,
  type Signer,
} from '@coppice/wire';
import type { Driver, RunningInstance } from './process-driver.ts';

export interface Founded {
  readonly service: Digest;
  readonly document: GenesisDocument;
  readonly instances: readonly RunningInstance[];
}

/** What a service goes on from. spec/recovery.md, "The successor". */
export interface Succession {
  readonly predecessor: Predecessor;
  readonly inheritance: Inheritance;
  /**
   * Writes the log up to the predecessor's head, as a ledger of the service of this digest, and gives its folder. Where it is encrypted, the
   * holders of these keys can open it: the founders.
   */
  readonly provide: (service: Digest, sealingKeys: readonly Uint8Array[]) => Promise<string>;
}

const answerMs = 20_000;
/** For replaying a whole log. */
const inheritingMs = 3_600_000;
const inheritingPollMs = 500;

/** What a successor is launched for. */
interface FoundingOptions {
  readonly succession?: Pick<Succession, 'predecessor' | 'inheritance'>;
  /** The release that is launched, of those that the constitution approves. */
  readonly release?: Digest;
}

/** Founds a service. Throws where an instance, the document or a signature is not as it must be, and leaves nothing running then. */
export async function found(
  cryptography: EvidenceCryptography,
  driver: Driver,
  constitution: Constitution,
  members: readonly Signer[],
  onStep: (step: string) => void = () => undefined,
): Promise<Founded> {
  const draft = await launchFounders(cryptography, driver, constitution, onStep);
  return endingOnFailure(driver, draft.instances, async () => {
    const document = signedBy(
      cryptography,
      draft.document,
      members.map((signer) => ({
        member: signer.publicKey,
        signature: signer.sign(genesisStatement(draft.service)),
      })),
    );
    onStep(`genesis signed by ${document.signatures.length} members`);
    await Promise.all(draft.instances.map((instance) => begin(instance, document, answerMs)));
    return { ...draft, document };
  });
}

/** Launches n instances bound to the constitution, and makes the document of their joins: nobody has signed it. Where that fails, they are ended. */
export async function launchFounders(
  cryptography: EvidenceCryptography,
  driver: Driver,
  constitution: Constitution,
  onStep: (step: string) => void,
  { succession, release: named }: FoundingOptions = {},
): Promise<Founded> {
  const digest = constitutionDigest(cryptography, constitution);
  const release =
    named === undefined ? constitution.releases[0]! : constitution.releases.find((one) => sameBytes(one.digest, named));
  if (release === undefined) throw new Error('the constitution in force does not approve the release of this machine');
  const protocol = foundersProtocol(constitution, succession?.predecessor);
  if (typeof protocol === 'string') throw new Error(protocol);
  const launches = await Promise.allSettled(
    Array.from({ length: constitution.slots }, (_, slot) =>
      driver.launch({
        launch: {
          service: digest,
          slot,
          turn: 0,
          challenge: digest,
          release: release.digest,
          variant: variantOf(release, slot),
        },
        bootstrap: [],
        epochKeys: constitution.policy.epochKeys,
        protocol,
        ...(succession === undefined ? {} : { firstEpoch: succession.predecessor.header.epoch + 1 }),
      }),
    ),
  );
  const instances = launches.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return endingOnFailure(driver, instances, async () => {
    for (const one of launches) if (one.status === 'rejected') throw one.reason;
    onStep(`${instances.length} instances launched`);
    const joins: Join[] = [];
    for (const instance of instances)
      joins.push(
        await asking(instance, async (door) => (await door.ask({ kind: 'founding' }, 'founding', answerMs)).join),
      );
    onStep('joins collected, with evidence');
    const time = Math.max(Date.now(), succession?.predecessor.header.time ?? 0);
    const built = buildGenesis(cryptography, {
      constitution,
      joins,
      time,
      ...(succession === undefined ? {} : { succession }),
    });
    if (!built.ok) throw new Error(`no genesis from these joins: ${built.check}: ${built.reason}`);
    return { service: built.service, document: built.document, instances };
  });
}

/** The variant of a release that the founder in a slot runs. */
export function variantOf(release: Constitution['releases'][number], slot: number): string {
  return release.variants[slot % release.variants.length]!.id;
}

/** The document with members' signatures. Throws where it does not hold with these. */
export function signedBy(
  cryptography: EvidenceCryptography,
  unsigned: GenesisDocument,
  signatures: GenesisDocument['signatures'],
): GenesisDocument {
  const document = { ...unsigned, signatures: signatures.toSorted((a, b) => Buffer.compare(a.member, b.member)) };
  const verified = verifyGenesis(cryptography, document);
  if (!verified.ok) throw new Error(`the genesis document does not hold: ${verified.check}: ${verified.reason}`);
  return document;
}

/** Puts the log that a successor goes on from where its founders read it. */
export async function handOver(
  driver: Driver,
  { document: { genesis, joins }, instances, service }: Founded,
  provide: Succession['provide'],
): Promise<void> {
  const { sequence } = genesis.predecessor!.header;
  const log = await provide(
    service,
    joins.map(({ keys }) => keys[0]!.sealingKey),
  );
  for (const instance of instances) await driver.handOver(instance, log, `history/1-${sequence}`);
}

/** Has founders, who have the log, begin; also those of whom some did already. spec/recovery.md, line 38. */
export async function beginSuccessor(cryptography: Cryptography, { document, instances }: Founded): Promise<void> {
  const service = serviceDigest(cryptography, document.genesis);
  await Promise.all(
    instances.map(async (instance) => {
      for (;;) {
        const own = await serviceOf(cryptography, instance);
        if (own !== undefined && sameBytes(own, service)) return;
        if (own !== undefined) throw new Error(`the instance in ${instance.folder} is of another service`);
        try {
          return await begin(instance, document, inheritingMs);
        } catch (error) {
          // Whoever asked it before is gone, and it reads the log still.
          if (!(error instanceof DoorError && error.message.includes('has founded a service already'))) throw error;
          await pause(inheritingPollMs);
        }
      }
    }),
  );
}

/** The service of a founder; `undefined`: it has none yet. Throws where it does not answer. */
export async function serviceOf(cryptography: Cryptography, instance: RunningInstance): Promise<Digest | undefined> {
  try {
    const { genesis } = await asking(instance, (door) => door.ask({ kind: 'chain', from: 0 }, 'chain', answerMs));
    if (genesis === undefined) throw new Error(`the instance in ${instance.folder} shows no genesis`);
    return serviceDigest(cryptography, genesis.genesis);
  } catch (error) {
    if (error instanceof DoorError && error.code === 'REFUSED' && error.message.includes('no service yet'))
      return undefined;
    throw error;
  }
}

async function begin(instance: RunningInstance, document: GenesisDocument, patience: number): Promise<void> {
  await asking(instance, (door) => door.ask({ kind: 'found', document }, 'accepted', patience));
}

async function asking<T>(instance: RunningInstance, ask: (door: DoorConnection) => Promise<T>): Promise<T> {
  const door = await DoorConnection.open(instance.clientAddress, Buffer.from(instance.instance, 'hex'));
  try {
    return await ask(door);
  } finally {
    door.close();
  }
}

/** Instances without a service are of no use to anyone: where founding it fails, those that were launched for it are ended, and no others. */
export async function endingOnFailure<T>(
  driver: Driver,
  instances: readonly RunningInstance[],
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    for (const instance of instances) driver.destroy(instance);
    throw error;
  }
}
