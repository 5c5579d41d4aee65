/**
 * Genesis, as the host runs it: launches n instances bound to the constitution, collects their joins, has the members sign,
 * and hands every instance the document. The host decides nothing: instances and members each check all of it.
 */
import { type Constitution, buildGenesis, constitutionDigest, verifyGenesis } from '@coppice/governance';
import type { EvidenceCryptography } from '@coppice/attestation';
import { DoorConnection } from '@coppice/client';
import { type Digest, type GenesisDocument, genesisStatement, type Join, type Signer } from '@coppice/wire';
import type { Driver, RunningInstance } from './process-driver.ts';

export interface Founded {
  readonly service: Digest;
  readonly document: GenesisDocument;
  readonly instances: readonly RunningInstance[];
}

/** Founds a service. Throws where an instance, the document or a signature is not as it must be. */
export async function found(
  cryptography: EvidenceCryptography,
  driver: Driver,
  constitution: Constitution,
  members: readonly Signer[],
  onStep: (step: string) => void = () => undefined,
): Promise<Founded> {
  const digest = constitutionDigest(cryptography, constitution);
  const release = constitution.releases[0]!;
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
      joins.push((await connection.ask({ kind: 'founding' }, 'founding', 20_000)).join);
    onStep('joins collected, with evidence');
    const built = buildGenesis(cryptography, { constitution, joins, time: Date.now() });
    if (!built.ok) throw new Error(`no genesis from these joins: ${built.check}: ${built.reason}`);
    const signatures = members
      .map((signer) => ({ member: signer.publicKey, signature: signer.sign(genesisStatement(built.service)) }))
      .sort((a, b) => Buffer.compare(a.member, b.member));
    const document = { ...built.document, signatures };
    const verified = verifyGenesis(cryptography, document, { constitution: digest });
    if (!verified.ok) throw new Error(`the genesis document does not hold: ${verified.check}: ${verified.reason}`);
    onStep(`genesis signed by ${signatures.length} members`);
    await Promise.all(connections.map((connection) => connection.ask({ kind: 'found', document }, 'accepted', 20_000)));
    return { service: built.service, document, instances };
  } finally {
    for (const connection of connections) connection.close();
  }
}
