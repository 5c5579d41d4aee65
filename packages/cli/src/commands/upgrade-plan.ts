/**
 * `coppice upgrade plan`: what an activation of a release would make of the state, before anybody approves it.
 */
import { writeSetDigest } from '@coppice/ledger';
import { mapOf } from '@coppice/state';
import { migrationDigest } from '@coppice/upgrade';
import { type Digest, fromHex, limits, toHex } from '@coppice/wire';
import { nodeCryptography } from '@coppice/cryptography';
import { type ActivationPlan, type OnWrites, type Services, StateCopy } from '@coppice/execution';
import { entryFor, openRelease, type Release, ReleaseError, scriptsOf } from '@coppice/release';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import { migrationStepsMax } from '@coppice/service/runtime';
import { serviceOf } from '../connect.ts';
import { type Output, table } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { auditFolder } from './verify.ts';

export interface PlanOptions {
  readonly folder: string;
  readonly service?: string;
  readonly release: string;
  readonly ledger: string;
  readonly key?: readonly string[];
}

/** What the transactions of an activation write. */
class Written {
  readonly maps = new Map<string, { set: number; deleted: number; bytes: number }>();
  readonly digests: Digest[] = [];
  bytes = 0;
  bytesMax = 0;

  readonly add: OnWrites = (changes, encoded, protocol) => {
    this.digests.push(writeSetDigest(nodeCryptography.of(protocol), new Uint8Array(0), encoded));
    this.bytes += encoded.length;
    this.bytesMax = Math.max(this.bytesMax, encoded.length);
    for (const { address, value } of changes) {
      const name = mapOf(address);
      const of = this.maps.get(name) ?? { set: 0, deleted: 0, bytes: 0 };
      if (value === undefined) of.deleted++;
      else of.set++;
      of.bytes += address.length + (value?.length ?? 0);
      this.maps.set(name, of);
    }
  };

  get summaries(): MapSummary[] {
    return [...this.maps].map(([map, of]) => ({ map, ...of }));
  }
}

interface MapSummary {
  readonly map: string;
  readonly set: number;
  readonly deleted: number;
  /** Of keys and values. */
  readonly bytes: number;
}

export async function plan(options: PlanOptions, output: Output): Promise<void> {
  const release = opened(options.release);
  const copy = new StateCopy(nodeCryptography);
  const service = options.service === undefined ? undefined : serviceOf(options);
  const report = await auditFolder(options.ledger, service, {
    keys: options.key === undefined ? {} : { key: options.key },
    onState: (writeSets) => copy.apply(writeSets),
  });
  const { head } = report;
  if (!report.ok || head === undefined)
    throw new UserError(`the ledger does not hold: ${report.firstProblem?.message ?? 'it has no batches'}`);

  // From here on this process is one in which services run: nothing of it can be changed any more.
  lockdownRealm();
  const failures: string[] = [];
  const used = { steps: 0, stepsMost: 0, ms: 0, msMost: 0 };
  const written = new Written();
  const services = loaded(release, used, failures);
  const { digest, ...entry } = entryFor(release, copy.platforms);
  const at = { sequence: head.sequence + 1, time: head.time };
  const planned = copy.plan({ ...entry, digest: fromHex(digest)! }, services, at, written.add);
  if ('objection' in planned) {
    output.answer({ ok: false, problems: [{ reason: planned.objection, detail: planned.detail }] }, [
      `NOT POSSIBLE: ${planned.objection}: ${planned.detail}`,
    ]);
    process.exitCode = 1;
    return;
  }
  tell(planned, head, used, written, failures, output);
}

function opened(folder: string): Release {
  try {
    return openRelease(folder);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}

/** What the release's replicas can execute, with a note of what the migration takes. */
function loaded(release: Release, used: Used, failures: string[]): Services {
  return new Map(
    scriptsOf(release).map(({ text, version }) => {
      const runtime = loadService(text, { onFailure: (_, error) => failures.push(textOf(error)) });
      return [
        version,
        {
          execute: (access, call) => runtime.execute(access, call),
          query: (view, call) => runtime.query(view, call),
          migrate(access, fromVersion, agreed, cursor) {
            const began = performance.now();
            const outcome = runtime.migrate(access, fromVersion, agreed, cursor);
            const ms = performance.now() - began;
            used.ms += ms;
            used.steps += outcome.steps;
            used.msMost = Math.max(used.msMost, ms);
            used.stepsMost = Math.max(used.stepsMost, outcome.steps);
            return outcome;
          },
        },
      ];
    }),
  );
}

/** What a migration threw. It may be whatever a service makes; where its budget is used up, it has no methods. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    const message: unknown = Object.getOwnPropertyDescriptor(Object(thrown), 'message')?.value;
    return typeof message === 'string' ? message : 'something that is no text';
  }
}

/** What migrations took: in all, and at most in one transaction. */
interface Used {
  steps: number;
  stepsMost: number;
  ms: number;
  msMost: number;
}

function tell(
  { after, from, request, stateAfter, stateBefore }: ActivationPlan,
  { sequence, time }: { readonly sequence: number; readonly time: number },
  { ms, msMost, steps, stepsMost }: Used,
  { bytes, bytesMax, digests, summaries: maps }: Written,
  failures: readonly string[],
  output: Output,
): void {
  const { failed } = after;
  const problems = [
    ...(failed === undefined ? [] : [{ reason: failed.code, detail: failed.message }]),
    ...failures.map((detail) => ({ reason: 'threw', detail })),
  ];
  const digest = migrationDigest(nodeCryptography.of(from.protocol), digests);
  const transactions = digests.length;
  const answer = {
    ok: failed === undefined,
    release: request.release,
    from: { protocol: from.protocol, service: from.code.version },
    to: { protocol: request.protocol, service: request.service },
    at: { sequence, time },
    stateBefore,
    stateAfter,
    transactions,
    ...{ steps, stepsMost, stepsMax: migrationStepsMax, ms: Math.round(ms), msMost: Math.round(msMost) },
    writeSet: { digest, bytes, bytesMost: bytesMax, bytesMax: limits.writeSetBytes, maps },
    problems,
  };
  const most = transactions === 1 ? '' : ', in one transaction';
  output.answer(answer, [
    failed === undefined
      ? `version ${from.code.version} of the service becomes ${request.service}, version ${from.protocol} of the protocol ${request.protocol}`
      : `THE ACTIVATION WOULD FAIL: ${failed.code}: ${failed.message}`,
    `  state         as of batch ${sequence}, ${new Date(time).toISOString()}`,
    `  before        ${toHex(stateBefore)}`,
    `  after         ${toHex(stateAfter)}`,
    `  transactions  ${transactions}`,
    `  migration     ${steps} steps, ${Math.round(ms)} ms on this machine; at most ${stepsMost} of ${migrationStepsMax} steps, ${Math.round(msMost)} ms${most}`,
    `  writes        ${bytes} bytes, digest ${toHex(digest)}; at most ${bytesMax} of ${limits.writeSetBytes}${most}`,
    ...table([
      ['', 'map', 'set', 'deleted', 'bytes'],
      ...maps.map((of) => ['', of.map, String(of.set), String(of.deleted), String(of.bytes)]),
    ]),
    ...failures.map((detail) => `  threw         ${detail}`),
  ]);
  if (failed !== undefined) process.exitCode = 1;
}
