/**
 * One honest upgrade, in small: members change the constitution and approve a release, it comes into every slot, and is activated.
 */
import { createHash } from 'node:crypto';
import type { LedgerRecord } from '@coppice/ledger';
import {
  type Cryptography,
  type Digest,
  encodeResult,
  type Item,
  joinStatement,
  type PlainValue,
  type SystemRequest,
  toHex,
  toLatin1,
} from '@coppice/wire';
import {
  type ReleaseFiles,
  type UpgradeCertificate,
  upgradeCertificateCodec,
  UpgradeCollector,
} from '@coppice/upgrade';
import {
  type Activation,
  encodeConstitution,
  foundingActivation,
  type GovernanceAction,
  writeActivation,
  writeConstitution,
} from '../../governance/src/index.ts';
import { ada, bo, bytesOf, constitutionOf, cryptography, cy, MemoryState } from '../../governance/test/fixtures.ts';
import { Scene } from '../../governance/test/scene.ts';
import { joinOf, LedgerScript } from '../../audit/test/ledger-script.ts';
import { testSigner } from '../../ledger/test/fixtures.ts';
import { encodeWriteSet, type WriteSet } from '../../state/src/index.ts';
import { encode } from '../../wire/src/index.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

const variants = ['v8-a', 'v8-b', 'jsc-a', 'jsc-b'];
const program = (id: string): Uint8Array => bytesOf(`program ${id}`);

export const manifest = Buffer.from(
  JSON.stringify({
    commit: null,
    service: { name: 'supply-chain', version: 2 },
    files: [1, 2],
    dependencies: [],
    variants: variants.map((id) => ({ id, runtime: 'node@26.0.0', sha256: toHex(program(id)) })),
  }),
);
export const release: Digest = sha256(manifest);
const entry = (digest: Uint8Array) => ({
  digest,
  variants: variants.map((id) => ({
    ...{ id, engineFamily: id.startsWith('v8') ? 'v8' : 'javascriptcore', runtime: 'node@26.0.0', engineSettings: [] },
    ...{ program: program(id), cryptography: 'libsodium' },
    referenceValues: [{ platform: 'simulated', measurements: [bytesOf('measured')] }],
  })),
});
export const approve = (digest = release): GovernanceAction => ({ kind: 'approve-release', release: entry(digest) });
export const change: GovernanceAction = { kind: 'set-parameters', changes: [{ path: 'clockBoundMs', value: 4000 }] };

/** A DSSE envelope's signature over a statement about a manifest. */
export function provenanceOf(name: string, digest = release): NonNullable<ReleaseFiles['provenance']> {
  const statement = Buffer.from(
    JSON.stringify({ subject: [{ name: 'manifest.json', digest: { sha256: toHex(digest) } }] }),
  );
  const type = 'application/vnd.in-toto+json';
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${statement.length} `), statement]);
  const signer = testSigner(name);
  return { statement, signatures: [{ key: signer.publicKey, signature: signer.sign(signed) }] };
}

class RecordingState extends MemoryState {
  readonly #written = new Map<string, Uint8Array | undefined>();

  override set(map: string, key: string, value: Uint8Array): void {
    super.set(map, key, value);
    this.#written.set(`${map}\0${key}`, value);
  }

  override delete(map: string, key: string): void {
    super.delete(map, key);
    this.#written.set(`${map}\0${key}`, undefined);
  }

  taken(): WriteSet {
    const written = [...this.#written].map(([address, value]) => ({ address, value }));
    this.#written.clear();
    return written.sort((a, b) => (a.address < b.address ? -1 : 1));
  }
}

export class Story {
  readonly script: LedgerScript;
  readonly scene: Scene;
  readonly #state = new RecordingState();

  constructor() {
    const constitution = constitutionOf();
    this.script = new LedgerScript(encodeConstitution(constitution));
    writeConstitution(this.#state, constitution);
    writeActivation(this.#state, foundingActivation(constitution) as Activation);
    this.scene = new Scene(constitution, this.script.log.service, this.#state);
    this.#state.taken();
  }

  get service(): Digest {
    return this.script.log.service;
  }

  get records(): readonly LedgerRecord[] {
    return this.script.records;
  }

  /** One statement, in a batch of its own, which a later one certifies if it is not to be certified itself. */
  step(act: (scene: Scene) => unknown, certified = true, alter: (writes: WriteSet) => WriteSet = (same) => same): void {
    this.scene.now = this.script.log.time + 10;
    act(this.scene);
    this.#batch(this.script.bundle('carrier', 1), alter(this.#state.taken()), {}, certified);
  }

  decide(action: GovernanceAction, alter?: (writes: WriteSet) => WriteSet): void {
    this.step((scene) => scene.propose(ada, action));
    const id = this.scene.digests.length - 1;
    this.step((scene) => scene.ballot(cy, id, false));
    this.step((scene) => scene.ballot(bo, id), false, alter);
  }

  turn(slot: number, name: string, number: number, { of = release, admitted = true } = {}): void {
    const { log } = this.script;
    const { evidence, signature: _, ...claims } = joinOf(name, slot, number, log.configuration.epoch + 1, log.service);
    const unsigned = { ...claims, evidence, release: of, variant: variants[slot]! };
    const join = { ...unsigned, signature: testSigner(name).sign(joinStatement(unsigned)) };
    this.#system({ kind: 'join', join }, [], admitted);
    const next = log.nextConfiguration(slot, name, number);
    const seats = next.seats.map((seat) =>
      seat.slot === slot ? { ...seat, release: of, variant: variants[slot]! } : seat,
    );
    this.script.close(
      { ...next, seats },
      log.launches.map((launch, i) => (i === slot ? name : launch)),
    );
  }

  activate(writes: WriteSet, ok = true, of = release): void {
    const request = { release: of, protocol: 2, service: 2, attempt: 1 };
    this.#system({ kind: 'activate', ...request }, writes, ok, { ...request, from: { protocol: 1, service: 1 } });
  }

  /** The same, whose migration takes this many steps. */
  activateInSteps(steps: number): void {
    for (let step = 1; step <= steps; step++) {
      const request = { release, protocol: 2, service: 2, attempt: step };
      const told = step === steps ? { from: { protocol: 1, service: 1 }, steps } : { step };
      this.#system({ kind: 'activate', ...request }, migrated, true, { ...request, ...told });
    }
  }

  #system(request: SystemRequest, writes: WriteSet, ok: boolean, value: PlainValue = {}): void {
    const result = encodeResult(ok ? { ok, value } : { ok, error: { code: 'refused', message: 'no' } });
    this.#batch(this.script.system(request), writes, { result });
  }

  #batch(item: Item, writes: WriteSet, change: { result?: Uint8Array } = {}, certified = true): void {
    const [first, own] = this.script.outcomes([item]);
    const outcomes = [{ ...first!, ...change, salt: new Uint8Array(0), writeSet: encodeWriteSet(writes) }, own!];
    const batch = this.script.accept([item], {}, outcomes);
    if (certified) this.script.commit([batch]);
    else this.script.commit([batch, this.script.accept([])]);
  }
}

export const migrated: WriteSet = [
  { address: '$active\0', value: bytesOf('active') },
  { address: 'items\0a', value: Uint8Array.of(1, 2, 3) },
  { address: 'items\0b', value: undefined },
];

/** One whose migration took three steps. */
export function upgradedInSteps(): Story {
  const story = new Story();
  story.decide(approve());
  for (const [slot, name] of names.entries()) story.turn(slot, name, slot + 1);
  story.script.checkpoint();
  story.activateInSteps(3);
  story.script.checkpoint();
  return story;
}

export const names = ['n0', 'n1', 'n2', 'n3'];

/** The whole upgrade, after decisions of other kinds. */
export function upgraded(earlier: readonly GovernanceAction[] = [change]): Story {
  const story = new Story();
  story.script.batch(story.script.bundle('alice', 3));
  for (const action of earlier) story.decide(action);
  story.decide(approve());
  for (const [slot, name] of names.entries()) story.turn(slot, name, slot + 1);
  story.script.checkpoint();
  story.activate(migrated);
  story.script.checkpoint();
  return story;
}

/** What its ledger gives. */
export function certificateOf(story: Story, files: Partial<ReleaseFiles> = {}): UpgradeCertificate | string {
  const given = { manifest, provenance: provenanceOf('builder'), ...files };
  const collector = new UpgradeCollector(cryptography);
  for (const record of story.records) collector.add(record);
  return collector.certificate(sha256(given.manifest), given);
}

export const encoded = (certificate: UpgradeCertificate): Uint8Array =>
  encode(upgradeCertificateCodec, certificate, 4096);

/** Remembers what it verified: tests verify the same again and again. */
const verdicts = new Map<string, boolean>();
export const remembering: Cryptography = {
  ...cryptography,
  verify(publicKey, message, signature) {
    const name = [publicKey, message, signature].map(toLatin1).join(' ');
    let verdict = verdicts.get(name);
    if (verdict === undefined) verdicts.set(name, (verdict = cryptography.verify(publicKey, message, signature)));
    return verdict;
  },
};
