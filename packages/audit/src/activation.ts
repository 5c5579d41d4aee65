/**
 * Whether the service spoke what it had to, and changed that when it had to. spec/upgrades.md, read anew.
 *
 * Whether an activation is due follows from who sits where, and from the constitution: configurations and write sets show
 * both. What the migration computed is not judged: a quorum executed it, and its write set is in the ledger.
 */
import {
  bytes,
  concatBytes,
  type Configuration,
  type Cryptography,
  decode,
  type Digest,
  digest,
  encode,
  fromLatin1,
  type Header,
  limits,
  optional,
  publicMapPrefix,
  sameBytes,
  struct,
  type SystemRequest,
  systemRequestDigest,
  text,
  type TypeOf,
  u16,
  u32,
} from '@coppice/wire';
import { type Fields, fieldsOf, itemsOf, recordOf } from './governance.ts';
import type { ActivationReport, Findings } from './report.ts';
import { type Change, changesCodec, changesOf } from './state-replay.ts';

type Activate = Extract<SystemRequest, { kind: 'activate' }>;

const activeAddress = '$active\0';
/** How far a migration in steps is; what its steps replaced stands under longer keys. */
const migrationAddress = '$migration\0';
/** What a migration may write beside these: maps of the service, and their histories. */
const servicePrefixes = ['service/', 'history/', publicMapPrefix];
const isOfService = (address: string): boolean => servicePrefixes.some((prefix) => address.startsWith(prefix));

const failureCodec = struct({
  release: digest,
  protocol: u16,
  service: u32,
  code: text(limits.nameBytes),
  message: text(4096),
});

/** The entry under that address. */
const activeCodec = struct({
  protocol: u16,
  version: u32,
  script: digest,
  release: digest,
  attempts: u32,
  failed: optional(failureCodec),
});

const migrationCodec = struct({
  release: digest,
  protocol: u16,
  service: u32,
  steps: u32,
  cursor: bytes(4096),
  failed: optional(failureCodec),
});

/** What is active: versions of protocol and service, the service's script, the release that brought them. */
export type ActiveState = TypeOf<typeof activeCodec>;

/** An activation, or a step of one, in its batch. */
interface Ordered {
  readonly request: Activate;
  readonly index: number;
  readonly divergent: boolean;
}

interface Release {
  readonly digest: Digest;
  readonly protocols: readonly number[];
  readonly services: readonly { readonly version: number; readonly script: Digest }[];
}

/** A committed batch, as far as it matters here. */
export interface ActivationBatch {
  readonly header: Header;
  readonly system: readonly SystemRequest[];
  /** Requests of clients in it. */
  readonly clientRequests: number;
}

export class ActivationWatch {
  readonly reports: ActivationReport[] = [];
  readonly #cryptography: Cryptography;
  readonly #findings: Findings;
  #active: ActiveState;
  /** A migration in steps that is under way. */
  #migration: TypeOf<typeof migrationCodec> | undefined;
  /** Of what takes each of its steps back. */
  #replaced: Digest[] = [];
  /** Batches and entries of it so far. */
  #taken = { batches: 0, entries: 0 };
  /** The activation that the batch at hand orders. */
  #ordered: Ordered | undefined;
  /** Of the batch at hand: it was due, or has to be written. */
  #header: Header | undefined;

  constructor(cryptography: Cryptography, findings: Findings, constitution: Uint8Array) {
    this.#cryptography = cryptography;
    this.#findings = findings;
    this.#active = founding(constitution);
  }

  get active(): ActiveState {
    return this.#active;
  }

  /** Whether a migration in steps is under way. */
  get migrating(): boolean {
    return this.#migration !== undefined;
  }

  /** A batch begins: in this configuration, with this constitution in force. Lines 10, 11, 20, 21. */
  begin(
    { header, system, clientRequests }: ActivationBatch,
    configuration: Configuration,
    constitution: Uint8Array,
  ): void {
    const wrong = (message: string): void => this.#findings.add('activation', `batch ${header.sequence}: ${message}`);
    const { protocol, script, version } = this.#active;
    this.#header = header;
    const { code, protocolVersion } = header;
    if (protocolVersion !== protocol) wrong(`its header is of version ${protocolVersion}, and ${protocol} is active`);
    if (code !== undefined && (code.version !== version || !sameBytes(code.script, script)))
      wrong(
        `its header names version ${code.version} of the service, and ${version} is active, or another script of it`,
      );

    this.#ordered = undefined;
    const due = this.#due(configuration, constitution);
    const index = system.findIndex(({ kind }) => kind === 'activate');
    if (due === undefined) return index < 0 ? undefined : wrong('an activation that is not due');
    const request = system[index];
    if (request?.kind !== 'activate') return wrong('an activation is due, and it orders none');
    const cryptography = this.#cryptography.of(protocol);
    const digestOfDue = systemRequestDigest(cryptography, due);
    if (!sameBytes(systemRequestDigest(cryptography, request), digestOfDue)) return wrong('another activation is due');
    const before = index === 1 ? system[0]! : undefined;
    const divergent = before?.kind === 'divergent' && sameBytes(before.request, digestOfDue);
    if (system.length !== (divergent ? 2 : 1) || clientRequests > 0) wrong('more than an activation');
    this.#ordered = { request, index, divergent };
  }

  /** Transaction `index` of the batch wrote this; `decided`: kind of the members' decision that took effect in it. */
  wrote(index: number, writeSet: Uint8Array, decided: string | undefined): void {
    const ordered = this.#ordered?.index === index ? this.#ordered : undefined;
    if (ordered === undefined && writeSet.indexOf(0x24) < 0) return;
    const changes = changesOf(writeSet);
    // Whoever recomputes the state says so.
    if (changes === undefined) return;
    const wrong = (message: string): void =>
      this.#findings.add('activation', `batch ${this.#header!.sequence}: ${message}`);
    const written = changes.find(({ address }) => address === activeAddress);
    const progress = changes.filter(({ address }) => address.startsWith(migrationAddress));
    if (written === undefined) {
      if (progress.length > 0) wrong('a migration goes on without an activation');
      return ordered === undefined ? undefined : wrong('its activation changes nothing');
    }
    const decoded = written.value && decode(activeCodec, written.value);
    if (decoded?.ok !== true) return wrong('what is active cannot be read');
    const [before, after] = [this.#active, decoded.value];
    this.#active = after;
    if (ordered === undefined) {
      const retried = decided === 'retry-activation' || decided === 'approve-release';
      return retried && progress.length === 0 && same({ ...before, failed: undefined }, after)
        ? undefined
        : wrong('what is active changed without an activation');
    }
    if (after.attempts !== ordered.request.attempt) wrong('attempts are not counted');
    const others = changes.filter((change) => change !== written && !progress.includes(change));
    this.#taken.batches += 1;
    this.#taken.entries += others.length;
    const migration = this.#follow(progress);
    if (migration === 'malformed') return wrong('how far its migration is cannot be read');
    const was = this.#migration;
    this.#migration = migration;
    const problem =
      was?.failed !== undefined
        ? this.#takenBack(was.failed, was.steps, before, after, progress, others)
        : migration?.failed !== undefined
          ? failedStep(ordered, before, after, was, migration, others)
          : migration !== undefined
            ? this.#step(ordered, before, after, was, migration, progress, others)
            : undefined;
    if (problem !== undefined) wrong(problem);
    if (migration !== undefined) return;
    const { attempt, protocol, release, service } = ordered.request;
    if (was !== undefined && was.failed === undefined && after.failed !== undefined)
      wrong('a migration that failed is not taken back');
    if (was?.failed === undefined) this.#judgeEnd(ordered, before, after, others, wrong);
    if (was === undefined ? progress.length > 0 : progress.some(({ value }) => value !== undefined))
      wrong('something is left of its migration');
    this.reports.push({
      sequence: this.#header!.sequence,
      time: this.#header!.time,
      release,
      attempt,
      from: { protocol: before.protocol, service: before.version },
      to: { protocol, service },
      failed: after.failed && { code: after.failed.code, message: after.failed.message },
      batches: this.#taken.batches,
      entriesWritten: this.#taken.entries,
    });
    this.#taken = { batches: 0, entries: 0 };
    this.#replaced = [];
  }

  /** Lines 12-17: it took effect, or failed, in one transaction or at the end of its steps. */
  #judgeEnd(
    { divergent, request }: Ordered,
    before: ActiveState,
    after: ActiveState,
    others: readonly Change[],
    wrong: (message: string) => void,
  ): void {
    const { attempt, protocol, release, service } = request;
    if (after.failed === undefined) {
      const versions = after.protocol === protocol && after.version === service && sameBytes(after.release, release);
      if (divergent) wrong('an activation that replicas could not agree on took effect');
      if (!versions) wrong('the activation makes something else active');
      if (!others.every(({ address }) => isOfService(address))) wrong('the migration wrote more than the service has');
      if (service === before.version && others.length > 0) wrong('a migration to the version that was active');
      return;
    }
    const named = after.failed.protocol === protocol && after.failed.service === service;
    if (!named || !sameBytes(after.failed.release, release)) wrong('another activation failed');
    if (divergent !== (after.failed.code === 'divergent')) wrong('it failed for another reason than is said');
    if (!same({ ...before, attempts: attempt, failed: after.failed }, after)) wrong('a failed activation takes effect');
    if (others.length > 0) wrong('a failed migration wrote something');
  }

  /** How far the migration is after these changes. */
  #follow(progress: readonly Change[]): TypeOf<typeof migrationCodec> | undefined | 'malformed' {
    const written = progress.find(({ address }) => address === migrationAddress);
    if (written === undefined) return this.#migration;
    if (written.value === undefined) return undefined;
    const decoded = decode(migrationCodec, written.value);
    return decoded.ok ? decoded.value : 'malformed';
  }

  /** Line 24. That a step replaced what it says is in what a quorum executed; that it says it of all that it wrote is seen here. */
  #step(
    { divergent, request }: Ordered,
    before: ActiveState,
    after: ActiveState,
    was: TypeOf<typeof migrationCodec> | undefined,
    migration: TypeOf<typeof migrationCodec>,
    progress: readonly Change[],
    others: readonly Change[],
  ): string | undefined {
    const { attempt, protocol, release, service } = request;
    const named = migration.protocol === protocol && migration.service === service;
    if (divergent) return 'a step that replicas could not agree on was taken';
    if (!same({ ...before, attempts: attempt }, after)) return 'a step of a migration takes effect';
    if (!named || !sameBytes(migration.release, release)) return 'a step of another migration';
    if (migration.steps !== (was?.steps ?? 0) + 1) return 'steps are not counted';
    if (!others.every(({ address }) => isOfService(address))) return 'the migration wrote more than the service has';
    const pieces = progress.filter(({ address }) => address !== migrationAddress);
    const kept = concatBytes(...pieces.map(({ value }) => value ?? new Uint8Array(0)));
    const replaced = changesOf(kept);
    const all =
      replaced?.length === others.length && replaced.every(({ address }, i) => address === others[i]!.address);
    if (!all) return 'a step does not keep what it replaced';
    this.#replaced[migration.steps - 1] = this.#cryptography.hash(kept);
    return undefined;
  }

  /** Lines 25, 26: exactly what the last step said that it replaced. */
  #takenBack(
    failed: TypeOf<typeof failureCodec>,
    steps: number,
    before: ActiveState,
    after: ActiveState,
    progress: readonly Change[],
    others: readonly Change[],
  ): string | undefined {
    const left = this.#migration?.steps ?? 0;
    const changes = others.map(({ address, value }) => ({ address: fromLatin1(address), value }));
    const restored = this.#cryptography.hash(encode(changesCodec, changes));
    const expected = this.#replaced[steps - 1];
    if (left !== steps - 1) return 'steps are not taken back one by one';
    if (expected === undefined || !sameBytes(restored, expected)) return 'a step is not taken back as it was taken';
    if (progress.some(({ address, value }) => address !== migrationAddress && value !== undefined))
      return 'what a step replaced stays after it was taken back';
    const ended = left === 0 ? failed : undefined;
    return same({ ...before, attempts: after.attempts, failed: ended }, after)
      ? undefined
      : 'a migration that is taken back takes effect';
  }

  /** Line 10. */
  #due({ seats, slots }: Configuration, constitution: Uint8Array): Activate | undefined {
    const { attempts, failed, protocol, version } = this.#active;
    if (this.#migration !== undefined) {
      const { protocol: highest, release, service } = this.#migration;
      return { kind: 'activate', release, protocol: highest, service, attempt: attempts + 1 };
    }
    const newest = releasesOf(constitution)?.at(-1);
    const [highest, service] = [newest?.protocols.at(-1), newest?.services.at(-1)?.version];
    if (newest === undefined || highest === undefined || service === undefined || failed !== undefined)
      return undefined;
    if (highest <= protocol && service <= version) return undefined;
    if (seats.length !== slots || !seats.every(({ release }) => sameBytes(release, newest.digest))) return undefined;
    return { kind: 'activate', release: newest.digest, protocol: highest, service, attempt: attempts + 1 };
  }
}

/** Line 25: a step that fails changes nothing but that it failed. */
function failedStep(
  { divergent, request }: Ordered,
  before: ActiveState,
  after: ActiveState,
  was: TypeOf<typeof migrationCodec> | undefined,
  migration: TypeOf<typeof migrationCodec>,
  others: readonly Change[],
): string | undefined {
  const { failed, ...rest } = migration;
  if (was === undefined || migration.steps !== was.steps || !sameBytes(rest.release, was.release))
    return 'a step of another migration failed';
  if (divergent !== (failed?.code === 'divergent')) return 'it failed for another reason than is said';
  if (!same({ ...before, attempts: request.attempt }, after)) return 'a failed activation takes effect';
  return others.length > 0 ? 'a failed migration wrote something' : undefined;
}

function same(a: ActiveState, b: ActiveState): boolean {
  const failures = [a.failed, b.failed];
  return (
    a.protocol === b.protocol &&
    a.version === b.version &&
    a.attempts === b.attempts &&
    sameBytes(a.script, b.script) &&
    sameBytes(a.release, b.release) &&
    (failures[0] === failures[1] || failures.every((one) => one !== undefined)) &&
    failures[0]?.code === failures[1]?.code
  );
}

/** Constitutions do not change often. */
const read = new WeakMap<Uint8Array, readonly Release[] | undefined>();

function releasesOf(constitution: Uint8Array): readonly Release[] | undefined {
  if (!read.has(constitution)) read.set(constitution, readReleases(recordOf(constitution)));
  return read.get(constitution);
}

function readReleases(constitution: Fields | undefined): readonly Release[] | undefined {
  const releases = itemsOf(constitution?.['releases']).map((one) => ({
    digest: one['digest'],
    protocols: one['protocols'],
    services: itemsOf(one['services']),
  }));
  const sound = releases.every(
    ({ digest: name, protocols, services }) =>
      name instanceof Uint8Array &&
      Array.isArray(protocols) &&
      protocols.every((each) => typeof each === 'number') &&
      services.every(({ script, version }) => typeof version === 'number' && script instanceof Uint8Array),
  );
  return sound && releases.length > 0 ? (releases as unknown as readonly Release[]) : undefined;
}

/** Version of the protocol with which a service of this constitution begins. */
export function foundingProtocol(constitution: Uint8Array): number {
  return founding(constitution).protocol;
}

/** Line 1. Of a constitution that cannot be read, of which genesis has its own problems: nothing. */
function founding(constitution: Uint8Array): ActiveState {
  const releases = releasesOf(constitution) ?? [];
  const last = releases.at(-1);
  const common = last?.protocols.filter((one) => releases.every(({ protocols }) => protocols.includes(one)));
  const version = fieldsOf(recordOf(constitution)?.['service'])['version'];
  const code = last?.services.find((one) => one.version === version);
  return {
    protocol: common?.at(-1) ?? 1,
    version: code?.version ?? 0,
    script: code?.script ?? new Uint8Array(32),
    release: last?.digest ?? new Uint8Array(32),
    attempts: 0,
    failed: undefined,
  };
}
