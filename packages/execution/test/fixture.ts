/**
 * A service of four slots on simulated devices, three members, and a log that is executed without being agreed on: what a
 * primary, hosts, instances and clients would do is done here by hand.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import {
  type EvidenceCryptography,
  type LaunchData,
  launchDigest,
  reportData,
  type SimulatedDevice,
  simulatedEvidence,
} from '@coppice/attestation';
import { nodeX509Cryptography } from '@coppice/cryptography';
import {
  buildGenesis,
  constitutionDigest,
  encodeOperation,
  type GovernanceAction,
  parseConstitution,
  signStatement,
  type Statement,
  verifyGenesis,
} from '@coppice/governance';
import type { BatchInput, Executed } from '@coppice/protocol';
import {
  type Bundle,
  bundleStatement,
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  decodeResult,
  type Digest,
  encodeResult,
  type Erasure,
  erasureStatement,
  genesisStatement,
  type InstanceClaims,
  type Item,
  type Join,
  joinStatement,
  type Operation,
  quorumOf,
  type Ready,
  readyStatement,
  requestDigests,
  type Signer,
  type SystemRequest,
  toHex,
  voteStatement,
  ofAllVersions,
} from '@coppice/wire';
import { type ExecutionSettings, ReplicaExecution } from '../src/execution.ts';
import type { Service, Services } from '../src/service.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

export const counts = { verified: 0 };

export const cryptography: EvidenceCryptography = ofAllVersions<Omit<EvidenceCryptography, 'of'>>(
  {
    x509: nodeX509Cryptography,
    hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
    verify(publicKey, message, signature) {
      counts.verified++;
      const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    },
    validPublicKey: () => true,
  },
  (bytes) => new Uint8Array(createHash('sha3-256').update(bytes).digest()),
);

export const bytesOf = (text: string): Uint8Array => cryptography.hash(Buffer.from(text));

function signerOf(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { publicKey: new Uint8Array(spki.subarray(12)), sign: (message) => new Uint8Array(sign(null, message, key)) };
}

const signers = new Map<string, Signer>();

/** The key of this name: always the same one. */
export function signerNamed(name: string): Signer {
  let signer = signers.get(name);
  if (signer === undefined) signers.set(name, (signer = signerOf(bytesOf(name))));
  return signer;
}

export const signWith = (publicKey: Uint8Array, message: Uint8Array): Uint8Array =>
  [...signers.values()].find((signer) => toHex(signer.publicKey) === toHex(publicKey))!.sign(message);

export const members = ['ada', 'bo', 'cy'].map(signerNamed);
export const release = bytesOf('release');
export const genesisTime = 1_800_000_000_000;
export const epochKeys = 16;

/** What tests change of the constitution, as members would write it. */
export type Change = (written: any) => void;

function constitutionOf(change: Change = () => {}) {
  const written = {
    format: 1,
    name: 'Three hospitals',
    development: true,
    slots: 4,
    members: members.map((member, i) => ({ name: `member ${i}`, key: toHex(member.publicKey) })),
    clients: 'open',
    service: { name: 'register', version: 1 },
    releases: [
      {
        digest: toHex(release),
        variants: variantsOf(release),
      },
    ],
    policy: {
      recoveryPeriodMs: 6000,
      turnIntervalMs: 1000,
      turnDeadlineMs: 500,
      heartbeatMs: 10,
      viewTimeoutMs: 40,
      epochKeys,
      platforms: [{ name: 'simulated', generations: [{ name: 'simulated' }] }],
      caps: { platform: 4, engineFamily: 4, provider: 4 },
    },
  };
  change(written);
  const parsed = parseConstitution(written);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** In what a join differs from an honest one. */
export interface Forgery {
  /** What the instance really was launched with. */
  readonly launch?: Partial<LaunchData>;
  /** What it really had reported. */
  readonly reported?: Partial<InstanceClaims>;
  readonly measurement?: Uint8Array;
  readonly debug?: boolean;
  readonly device?: Partial<SimulatedDevice>;
}

function joinOf(
  launch: { service: Digest; slot: number; turn: number; challenge: Digest; variant: string; release?: Digest },
  name: string,
  firstEpoch: number,
  forgery: Forgery = {},
): Join {
  const { release: of = release } = launch;
  const identity = signerNamed(name);
  const keys = Array.from({ length: epochKeys }, (_, k) => ({
    signingKey: signerNamed(`${name} ${firstEpoch + k}`).publicKey,
    sealingKey: bytesOf(`${name} sealing ${firstEpoch + k}`),
  }));
  const { service, slot, turn, variant } = launch;
  const claims: InstanceClaims = {
    ...{ service, turn, slot, instance: identity.publicKey, firstEpoch, keys, release: of, variant },
    ...{ address: `${name}:1`, clientAddress: `${name}:2` },
  };
  const launched = launchDigest(cryptography, { ...launch, release: of, ...forgery.launch });
  const expected = launchDigest(cryptography, { ...launch, release: of });
  const validity = { from: 0, until: Number.MAX_SAFE_INTEGER };
  const evidence = simulatedEvidence(
    cryptography,
    signerOf,
    { chip: bytesOf(`chip of ${name}`), provider: 'a', validity, ...forgery.device },
    {
      measurement: forgery.measurement ?? of,
      launchDigest: launched,
      // Report data is the instance's to choose: a forger says what is expected.
      reportData: reportData(cryptography, { ...claims, ...forgery.reported }, expected),
      debug: forgery.debug ?? false,
    },
  );
  const join = { ...claims, evidence };
  return { ...join, signature: identity.sign(joinStatement(join)) };
}

export interface FoundingOptions {
  readonly time?: number;
  /** By slot, in what its device differs. */
  readonly devices?: Readonly<Record<number, Partial<SimulatedDevice>>>;
}

/** Genesis with the instances `g0` … `g3`. */
export function found(
  change?: Change,
  { time = genesisTime, devices = {} }: FoundingOptions = {},
): ExecutionSettings['genesis'] & { readonly configuration: Configuration } {
  const constitution = constitutionOf(change);
  const challenge = constitutionDigest(cryptography, constitution);
  const joins = ['a', 'b', 'c', 'd'].map((variant, slot) =>
    joinOf({ service: challenge, slot, turn: 0, challenge, variant }, `g${slot}`, 0, { device: devices[slot] ?? {} }),
  );
  const built = buildGenesis(cryptography, { constitution, joins, time });
  if (!built.ok) throw new Error(built.reason);
  const statement = genesisStatement(built.service);
  const signatures = members.map((member) => ({ member: member.publicKey, signature: member.sign(statement) }));
  const verified = verifyGenesis(cryptography, { ...built.document, signatures });
  if (!verified.ok) throw new Error(verified.reason);
  return { ...verified, time, configuration: built.document.genesis.configuration };
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
export const bytes = (of: string): Uint8Array => new Uint8Array(Buffer.from(of));

/** Commands: `set key value`, `add key` (counts), `fail key` (writes, then fails), `seed`. */
export const register: Service = {
  execute(access, call) {
    const [command, key = '', value = ''] = text(call.operation).split(' ');
    if (command === 'set') access.set('service/map', key, bytes(value));
    else if (command === 'fill') access.set('service/map', key, new Uint8Array(2 ** 20));
    else if (command === 'add') {
      const count = Number(text(access.get('service/map', key) ?? bytes('0'))) + 1;
      access.set('service/map', key, bytes(String(count)));
      return { ok: true, result: encodeResult({ ok: true, value: count }) };
    } else if (command === 'fail') {
      access.set('service/map', key, bytes('never'));
      return { ok: false, result: encodeResult({ ok: false, error: { code: 'failed', message: 'as asked' } }) };
    } else if (command === 'seed') return { ok: true, result: encodeResult({ ok: true, value: toHex(call.seed) }) };
    else if (command === 'who')
      return { ok: true, result: encodeResult({ ok: true, value: [call.caller.id, call.caller.roles, call.time] }) };
    return { ok: true, result: encodeResult({ ok: true, value: null }) };
  },
  query(view, call) {
    const value = view.get('service/map', text(call.operation));
    return { ok: true, result: encodeResult({ ok: true, value: value === undefined ? null : text(value) }) };
  },
};

/** What replicas of the first release can execute. */
export const services: Services = new Map([[1, register]]);

export interface BundleOptions {
  acknowledged?: number;
  time?: number;
  target?: Operation['target'];
  payloads?: readonly Uint8Array[];
}

export function bundleOf(
  service: Digest,
  client: string,
  first: number,
  commands: readonly string[],
  options: BundleOptions = {},
): Bundle {
  const signer = signerNamed(client);
  const { acknowledged = 0, time = genesisTime, target = 'service', payloads = commands.map(bytes) } = options;
  const operations = payloads.map((payload) => ({ target, payload }));
  const unsigned = { client: signer.publicKey, acknowledged, time, first, operations };
  const digests = requestDigests(cryptography, unsigned);
  return { ...unsigned, signature: signer.sign(bundleStatement(cryptography, service, unsigned, digests)) };
}

/** One replica's execution, and the log that it executes. */
export class Log {
  readonly execution: ReplicaExecution;
  readonly service: Digest;
  readonly headers = new Map<number, Digest>();
  readonly inputs: { input: BatchInput; executed: Executed }[] = [];
  readonly #genesisTime: number;
  #carried = 0;
  sequence = 0;
  time: number;

  constructor(genesis: ExecutionSettings['genesis'], settings: Partial<ExecutionSettings> = {}) {
    this.execution = new ReplicaExecution({ cryptography, genesis, services, ...settings });
    this.service = genesis.service;
    this.#genesisTime = this.time = genesis.time;
  }

  input(items: readonly Item[], time = this.time + 1): BatchInput {
    const { epoch } = this.execution.configuration();
    const headerAt = (at: number): Digest | undefined => this.headers.get(at);
    return { epoch, sequence: this.sequence + 1, time, proposer: 0, batch: { items }, headerAt };
  }

  /** Takes an execution into the log. */
  accept(input: BatchInput, executed: Executed): Executed {
    this.sequence = input.sequence;
    this.time = input.time;
    this.headers.set(input.sequence, cryptography.hash(executed.transactionsRoot));
    this.inputs.push({ input, executed });
    return executed;
  }

  run(items: readonly Item[] = [], time?: number): Executed {
    const input = this.input(items, time);
    const executed = this.execution.execute(input);
    if ('unacceptable' in executed) throw new Error(executed.unacceptable);
    return this.accept(input, executed);
  }

  refused(items: readonly Item[], time?: number): string {
    const executed = this.execution.execute(this.input(items, time));
    return 'unacceptable' in executed ? executed.unacceptable : 'accepted';
  }

  rollback(sequence: number): void {
    this.execution.rollback(sequence);
    this.inputs.length -= this.sequence - sequence;
    this.sequence = sequence;
    this.time = this.inputs.at(-1)?.input.time ?? this.#genesisTime;
  }

  digest(): Digest {
    this.execution.commit(this.sequence);
    return this.execution.checkpoint(this.sequence);
  }

  bundle(client: string, first: number, commands: readonly string[], options?: BundleOptions): Item {
    return { kind: 'bundle', bundle: bundleOf(this.service, client, first, commands, { time: this.time, ...options }) };
  }

  /** A request that carries what a member signed. */
  statement(member: string, statement: Partial<Statement>): Uint8Array {
    const signer = signerNamed(member);
    const common = { service: this.service, member: signer.publicKey, expires: this.time + 1_000_000 };
    const signed = signStatement(signer, { ...common, ...statement } as Statement);
    return encodeOperation({ kind: 'submit', statement: signed });
  }

  /** Has members propose and approve, one batch a signature, carried by somebody; commits, and gives what each got. */
  decide(action: GovernanceAction, ...voters: readonly string[]): unknown[] {
    const answers: { readonly digest: Digest }[] = [];
    for (const voter of voters) {
      const nonce = bytesOf(`${voter} ${this.sequence}`).slice(0, 16);
      const proposal = answers[0]?.digest;
      const payload = this.statement(
        voter,
        proposal === undefined ? { kind: 'proposal', action, nonce } : { kind: 'ballot', proposal, approve: true },
      );
      const carried = { target: 'governance' as const, payloads: [payload] };
      const { outcomes } = this.run([this.bundle('carrier', ++this.#carried, [], carried)]);
      this.execution.commit(this.sequence);
      const result = decodeResult(outcomes[0]!.result);
      if (!result.ok || !result.value.ok) throw new Error(JSON.stringify(result));
      answers.push(result.value.value as never);
    }
    return answers;
  }

  /** The commit certificate of the header at `sequence`, as the epoch's first q seats give it. */
  certificate(sequence: number): CommitCertificate {
    const { epoch, seats, slots }: Configuration = this.execution.configuration();
    const newView = new Uint8Array(32);
    const subject = { epoch, view: 0, sequence, headerDigest: this.headers.get(sequence)!, newView };
    const reveals = seats.slice(0, quorumOf(slots)).map(({ slot, signingKey }) => {
      const nonce = bytesOf(`nonce ${slot} ${sequence}`);
      const signature = signWith(signingKey, voteStatement(this.service, subject, commitmentOf(cryptography, nonce)));
      return { slot, nonce, signature };
    });
    return { subject, reveals };
  }

  challenge(): Item {
    const { turn, openedAt } = this.execution.challengeOwed()!;
    return system({ kind: 'challenge', turn, certificate: this.certificate(openedAt) });
  }

  /** The join of an instance of this name, for the open turn in the committed state. */
  join(name: string, forgery?: Forgery): Join {
    const { open, epoch } = this.execution.committed().membership;
    const { turn, slot, drawn, release: of } = open!;
    return joinOf({ service: this.service, slot, turn, release: of, ...drawn! }, name, epoch + 1, forgery);
  }

  ready(name: string): Ready {
    const { turn } = this.execution.candidate()!;
    const unsigned = {
      service: this.service,
      turn,
      sequence: this.sequence,
      headerDigest: this.headers.get(this.sequence)!,
    };
    return { ...unsigned, signature: signerNamed(name).sign(readyStatement(unsigned)) };
  }

  /** Notices of erasure of every incumbent of the epoch before. */
  erasures(): Erasure[] {
    const { membership } = this.execution.committed();
    const { seats } = this.execution.configuration();
    return membership.previous.map(({ slot, instance }) => {
      const unsigned = { service: this.service, epoch: membership.epoch - 1, slot, instance };
      const seat = seats.find((one) => toHex(one.instance) === toHex(instance));
      return { ...unsigned, signature: signWith(seat?.signingKey ?? instance, erasureStatement(unsigned)) };
    });
  }

  /** Runs a whole turn that is due at `time`, as far as no activation is due: the name of the new instance gives the rest. */
  turn(name: string, time: number): void {
    const steps: (() => Item[])[] = [
      () => [],
      () => [this.challenge()],
      () => [system({ kind: 'join', join: this.join(name) })],
      () => [],
      () => [system({ kind: 'ready', ready: this.ready(name) })],
      () => this.erasures().map((erasure) => system({ kind: 'erasure', erasure })),
    ];
    for (const [i, step] of steps.entries()) {
      if (this.execution.activationDue() !== undefined) return;
      this.run(step(), time + i);
      this.execution.commit(this.sequence);
    }
  }
}

export const variantsOf = (digest: Digest) =>
  ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({
    id,
    engineFamily: 'v8',
    referenceValues: [{ platform: 'simulated', measurements: [digest] }],
  }));

export const system = (request: SystemRequest): Item => ({ kind: 'system', request });
