/**
 * Genesis, as the host runs it: launches n instances bound to the constitution, collects their joins, has the members sign,
 * and hands every instance the document. The host decides nothing: instances and members each check all of it.
 */
import {
  buildGenesis,
  type Constitution,
  constitutionDigest,
  foundersProtocol,
  verifyGenesis,
} from '@coppice/governance';
import type { EvidenceCryptography } from '@coppice/attestation';
import { DoorConnection } from '@coppice/client';
import {
  type Digest,
  type GenesisDocument,
  genesisStatement,
  type Inheritance,
  type Join,
  type Predecessor,
  sameBytes,
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

/** Founds a service. Throws where an instance, the document or a signature is not as it must be. */
export async function found(
  cryptography: EvidenceCryptography,
  driver: Driver,
  constitution: Constitution,
  members: readonly Signer[],
  onStep: (step: string) => void = () => undefined,
  /** The release that is launched, of those that the constitution approves, and what the service goes on from. */
  { succession, release: named }: { readonly succession?: Succession; readonly release?: Digest } = {},
): Promise<Founded> {
  const digest = constitutionDigest(cryptography, constitution);
  const release =
    named === undefined ? constitution.releases[0]! : constitution.releases.find((one) => sameBytes(one.digest, named));
  if (release === undefined) throw new Error('the constitution in force does not approve the release of this machine');
  const protocol = foundersProtocol(constitution, succession?.predecessor);
  if (typeof protocol === 'string') throw new Error(protocol);
  const instances = await Promise.all(
    Array.from({ length: constitution.slots }, (_, slot) =>
      driver.launch({
        launch: {
          service: digest,
          slot,
          turn: 0,
          challenge: digest,
          release: release.digest,
          variant: release.variants[slot % release.variants.length]!.id,
        },
        bootstrap: [],
        epochKeys: constitution.policy.epochKeys,
        protocol,
        ...(succession === undefined ? {} : { firstEpoch: succession.predecessor.header.epoch + 1 }),
      }),
    ),
  );
  onStep(`${instances.length} instances launched`);
  const connections = await Promise.all(
    instances.map((instance) => DoorConnection.open(instance.clientAddress, Buffer.from(instance.instance, 'hex'))),
  );
  try {
    const joins: Join[] = [];
    for (const connection of connections)
      joins.push((await connection.ask({ kind: 'founding' }, 'founding', answerMs)).join);
    onStep('joins collected, with evidence');
    const time = Math.max(Date.now(), succession?.predecessor.header.time ?? 0);
    const built = buildGenesis(cryptography, {
      constitution,
      joins,
      time,
      ...(succession === undefined ? {} : { succession }),
    });
    if (!built.ok) throw new Error(`no genesis from these joins: ${built.check}: ${built.reason}`);
    const signatures = members
      .map((signer) => ({ member: signer.publicKey, signature: signer.sign(genesisStatement(built.service)) }))
      .sort((a, b) => Buffer.compare(a.member, b.member));
    const document = { ...built.document, signatures };
    const verified = verifyGenesis(cryptography, document, { constitution: digest });
    if (!verified.ok) throw new Error(`the genesis document does not hold: ${verified.check}: ${verified.reason}`);
    onStep(`genesis signed by ${signatures.length} members`);
    if (succession !== undefined) {
      const sealingKeys = joins.map(({ keys }) => keys[0]!.sealingKey);
      const log = await succession.provide(built.service, sealingKeys);
      const { sequence } = succession.predecessor.header;
      for (const instance of instances) await driver.handOver(instance, log, `history/1-${sequence}`);
      onStep(`log of ${sequence} batches handed over`);
    }
    const patience = succession === undefined ? answerMs : inheritingMs;
    await Promise.all(
      connections.map((connection) => connection.ask({ kind: 'found', document }, 'accepted', patience)),
    );
    return { service: built.service, document, instances };
  } finally {
    for (const connection of connections) connection.close();
  }
}
