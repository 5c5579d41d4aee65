/**
 * Whether the service spoke what it had to, and changed that when it had to. spec/upgrades.md, read anew.
 *
 * Whether an activation is due follows from who sits where, and from the constitution: configurations and write sets show
 * both. What the migration computed is not judged: a quorum executed it, and its write set is in the ledger.
 */
import {
  type Configuration,
  type Cryptography,
  decode,
  type Digest,
  digest,
  type Header,
  limits,
  optional,
  sameBytes,
  struct,
  type SystemRequest,
  systemRequestDigest,
  text,
  toLatin1,
  type TypeOf,
  u16,
  u32,
} from '@coppice/wire';
import { type Fields, fieldsOf, itemsOf, recordOf } from './governance.ts';
import type { ActivationReport, Findings } from './report.ts';
import { changesCodec } from './state-replay.ts';

type Activate = Extract<SystemRequest, { kind: 'activate' }>;

const activeAddress = '$active\0';
/** What a migration may write beside it: maps of the service, and their histories. */
const servicePrefixes = ['service/', 'history/'] as const;
const isOfService = (address: string): boolean => servicePrefixes.some((prefix) => address.startsWith(prefix));

/** The entry under that address. */
const activeCodec = struct({
  protocol: u16,
  version: u32,
  script: digest,
  release: digest,
  attempts: u32,
  failed: optional(
    struct({ release: digest, protocol: u16, service: u32, code: text(limits.nameBytes), message: text(4096) }),
  ),
});

/** What is active: versions of protocol and service, the service's script, the release that brought them. */
export type ActiveState = TypeOf<typeof activeCodec>;

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
  /** The activation that the batch at hand orders. */
  #ordered: { readonly request: Activate; readonly index: number; readonly divergent: boolean } | undefined;
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
    const digestOfDue = systemRequestDigest(this.#cryptography, due);
    if (!sameBytes(systemRequestDigest(this.#cryptography, request), digestOfDue))
      return wrong('another activation is due');
    const before = index === 1 ? system[0]! : undefined;
    const divergent = before?.kind === 'divergent' && sameBytes(before.request, digestOfDue);
    if (system.length !== (divergent ? 2 : 1) || clientRequests > 0) wrong('more than an activation');
    this.#ordered = { request, index, divergent };
  }

  /** Transaction `index` of the batch wrote this; `decided`: kind of the members' decision that took effect in it. */
  wrote(index: number, writeSet: Uint8Array, decided: string | undefined): void {
    const ordered = this.#ordered?.index === index ? this.#ordered : undefined;
    if (ordered === undefined && writeSet.indexOf(0x24) < 0) return;
    const changes = decode(changesCodec, writeSet);
    // Whoever recomputes the state says so.
    if (!changes.ok) return;
    const addresses = changes.value.map(({ address }) => toLatin1(address));
    const at = addresses.indexOf(activeAddress);
    const wrong = (message: string): void =>
      this.#findings.add('activation', `batch ${this.#header!.sequence}: ${message}`);
    if (at < 0) return ordered === undefined ? undefined : wrong('its activation changes nothing');
    const value = changes.value[at]!.value;
    const decoded = value && decode(activeCodec, value);
    if (decoded?.ok !== true) return wrong('what is active cannot be read');
    const [before, after] = [this.#active, decoded.value];
    this.#active = after;
    if (ordered === undefined) {
      const retried = decided === 'retry-activation' || decided === 'approve-release';
      return retried && same({ ...before, failed: undefined }, after)
        ? undefined
        : wrong('what is active changed without an activation');
    }
    const { divergent, request } = ordered;
    const { attempt, protocol, release, service } = request;
    const others = addresses.filter((_, i) => i !== at);
    if (after.attempts !== attempt) wrong('attempts are not counted');
    if (after.failed === undefined) {
      const versions = after.protocol === protocol && after.version === service && sameBytes(after.release, release);
      if (divergent) wrong('an activation that replicas could not agree on took effect');
      if (!versions) wrong('the activation makes something else active');
      if (!others.every(isOfService)) wrong('the migration wrote more than the service has');
      if (service === before.version && others.length > 0) wrong('a migration to the version that was active');
    } else {
      const named = after.failed.protocol === protocol && after.failed.service === service;
      if (!named || !sameBytes(after.failed.release, release)) wrong('another activation failed');
      if (divergent !== (after.failed.code === 'divergent')) wrong('it failed for another reason than is said');
      if (!same({ ...before, attempts: attempt, failed: after.failed }, after))
        wrong('a failed activation takes effect');
      if (others.length > 0) wrong('a failed migration wrote something');
    }
    this.reports.push({
      sequence: this.#header!.sequence,
      time: this.#header!.time,
      release,
      attempt,
      from: { protocol: before.protocol, service: before.version },
      to: { protocol, service },
      failed: after.failed && { code: after.failed.code, message: after.failed.message },
      entriesWritten: others.length,
    });
  }

  /** Line 10. */
  #due({ seats, slots }: Configuration, constitution: Uint8Array): Activate | undefined {
    const { attempts, failed, protocol, version } = this.#active;
    const newest = releasesOf(constitution)?.at(-1);
    const [highest, service] = [newest?.protocols.at(-1), newest?.services.at(-1)?.version];
    if (newest === undefined || highest === undefined || service === undefined || failed !== undefined)
      return undefined;
    if (highest <= protocol && service <= version) return undefined;
    if (seats.length !== slots || !seats.every(({ release }) => sameBytes(release, newest.digest))) return undefined;
    return { kind: 'activate', release: newest.digest, protocol: highest, service, attempt: attempts + 1 };
  }
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
