/**
 * A consortium of three, a service of four slots on simulated devices, and a state to govern in.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import {
  type EvidenceCryptography,
  launchDigest,
  reportData,
  simulatedEvidence,
  type SimulatedDevice,
} from '@coppice/attestation';
import { nodeX509Cryptography } from '@coppice/cryptography';
import {
  type GenesisDocument,
  genesisStatement,
  type InstanceClaims,
  type Join,
  joinStatement,
  serviceDigest,
  type Signer,
  toHex,
  ofAllVersions,
} from '@coppice/wire';
import {
  buildGenesis,
  type Constitution,
  constitutionDigest,
  type ConstitutionSource,
  foundingActivation,
  writeActivation,
  writeConstitution,
  parseConstitution,
  type StateAccess,
} from '../src/index.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key for which anybody can sign: the identity point. */
export const weakKey = Uint8Array.of(1, ...new Uint8Array(31));

export const cryptography: EvidenceCryptography = ofAllVersions<Omit<EvidenceCryptography, 'of'>>(
  {
    x509: nodeX509Cryptography,
    hash: (bytes) => createHash('sha256').update(bytes).digest(),
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    },
    validPublicKey: (publicKey) => Buffer.compare(publicKey, weakKey) !== 0,
  },
  (bytes) => createHash('sha3-256').update(bytes).digest(),
);

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(cryptography.hash(Buffer.from(text)));

function signerOf(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { publicKey: Uint8Array.from(spki.subarray(12)), sign: (message) => sign(null, message, key) };
}

export const signerNamed = (name: string): Signer => signerOf(bytesOf(name));

export const members = ['ada', 'bo', 'cy'].map(signerNamed);
export const [ada, bo, cy] = members.map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array, Uint8Array];
export const release = bytesOf('release');
export const time = 1_800_000_000_000;

const variantNamed = (id: string) => ({
  id,
  engineFamily: id.startsWith('v8') ? 'v8' : 'jsc',
  referenceValues: [{ platform: 'simulated', measurements: [toHex(release)] }],
});

/** What the members wrote, as JSON gives it. */
export function source(): any {
  return {
    format: 1,
    name: 'Three hospitals',
    development: true,
    slots: 4,
    members: [
      { name: 'Ada', key: toHex(ada) },
      { name: 'Bo', key: toHex(bo) },
      { name: 'Cy', key: toHex(cy), roles: ['auditor'] },
    ],
    clients: 'open',
    service: { name: 'consents', version: 1 },
    releases: [{ digest: toHex(release), variants: ['v8-a', 'v8-b', 'jsc-a', 'jsc-b'].map(variantNamed) }],
    policy: {
      recoveryPeriodMs: 24 * 3600 * 1000,
      platforms: [{ name: 'simulated', generations: [{ name: 'simulated' }] }],
      caps: { platform: 4, engineFamily: 2 },
    },
  } satisfies ConstitutionSource | object;
}

export function constitutionOf(change: (written: any) => void = () => {}): Constitution {
  const written = source();
  change(written);
  const parsed = parseConstitution(written);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

export interface Founding {
  claims?: Partial<InstanceClaims>;
  device?: Partial<SimulatedDevice>;
  measurement?: Uint8Array;
  /** Evidence of something else. */
  evidence?: Uint8Array;
  /** Signs the join; by default the instance does. */
  signer?: Signer;
}

const variants = ['v8-a', 'v8-b', 'jsc-a', 'jsc-b'];

/** The join of a founding instance, but for what is given. */
export function joinOf(constitution: Constitution, slot: number, founding: Founding = {}): Join {
  const service = constitutionDigest(cryptography, constitution);
  const identity = signerNamed(`instance ${slot}`);
  const keys = Array.from({ length: constitution.policy.epochKeys }, (_, epoch) => ({
    signingKey: bytesOf(`signing key ${slot} ${epoch}`),
    sealingKey: bytesOf(`sealing key ${slot} ${epoch}`),
  }));
  const claims: InstanceClaims = {
    service,
    turn: 0,
    slot,
    instance: identity.publicKey,
    firstEpoch: 0,
    keys,
    release,
    variant: variants[slot % 4]!,
    address: `10.0.0.${slot}:7000`,
    clientAddress: `https://replica-${slot}.example`,
    ...founding.claims,
  };
  const launched = launchDigest(cryptography, { ...claims, challenge: service });
  const evidence = simulatedEvidence(
    cryptography,
    signerOf,
    {
      chip: bytesOf(`chip ${slot}`),
      provider: `provider ${slot}`,
      validity: { from: time - 1000, until: time + 1000 },
      ...founding.device,
    },
    {
      measurement: founding.measurement ?? release,
      launchDigest: launched,
      reportData: reportData(cryptography, claims, launched),
      debug: false,
    },
  );
  const join = { ...claims, evidence: founding.evidence ?? evidence };
  return { ...join, signature: (founding.signer ?? identity).sign(joinStatement(join)) };
}

export function joinsOf(constitution: Constitution, foundings: Record<number, Founding> = {}): Join[] {
  return Array.from({ length: constitution.slots }, (_, slot) => joinOf(constitution, slot, foundings[slot]));
}

/** The document, signed by these members. */
export function signedBy(document: GenesisDocument, signers: readonly Signer[]): GenesisDocument {
  const statement = genesisStatement(serviceDigest(cryptography, document.genesis));
  const signatures = signers.map((signer) => ({ member: signer.publicKey, signature: signer.sign(statement) }));
  return { ...document, signatures };
}

export function genesisOf(constitution: Constitution, joins: readonly Join[] = joinsOf(constitution)): GenesisDocument {
  const built = buildGenesis(cryptography, { constitution, joins, time });
  if (!built.ok) throw new Error(`${built.check}: ${built.reason}`);
  return signedBy(built.document, members);
}

/** Maps in memory, that count the writes. */
export class MemoryState implements StateAccess {
  readonly #entries = new Map<string, Uint8Array>();
  writes = 0;

  constructor(constitution?: Constitution) {
    if (constitution !== undefined) this.found(constitution);
    this.writes = 0;
  }

  /** Writes what genesis does. */
  found(constitution: Constitution): void {
    const activation = foundingActivation(constitution);
    if (typeof activation === 'string') throw new Error(activation);
    writeConstitution(this, constitution);
    writeActivation(this, activation);
  }

  get(map: string, key: string): Uint8Array | undefined {
    return this.#entries.get(`${map}\0${key}`);
  }

  set(map: string, key: string, value: Uint8Array): void {
    this.writes++;
    this.#entries.set(`${map}\0${key}`, value);
  }

  delete(map: string, key: string): void {
    this.writes++;
    this.#entries.delete(`${map}\0${key}`);
  }

  *entries(map: string): Generator<[string, Uint8Array], undefined> {
    const prefix = `${map}\0`;
    for (const [address, value] of [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (address.startsWith(prefix)) yield [address.slice(prefix.length), value];
    }
    return undefined;
  }
}
