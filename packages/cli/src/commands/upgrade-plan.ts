/**
 * `coppice upgrade plan`: what an activation of a release would make of the state, before anybody approves it.
 */
import { digestOf, fromHex, limits, toHex } from '@coppice/wire';
import { nodeCryptography } from '@coppice/cryptography';
import { type ActivationPlan, type Services, StateCopy } from '@coppice/execution';
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
    ...(options.key === undefined ? {} : { keyFiles: options.key }),
    onState: (writeSets) => copy.apply(writeSets),
  });
  const { head } = report;
  if (!report.ok || head === undefined)
    throw new UserError(`the ledger does not hold: ${report.firstProblem?.message ?? 'it has no batches'}`);

  // From here on this process is one in which services run: nothing of it can be changed any more.
  lockdownRealm();
  const failures: string[] = [];
  const used = { steps: 0, ms: 0 };
  const services = loaded(release, used, failures);
  const { digest, ...entry } = entryFor(release, copy.platforms);
  const planned = copy.plan({ ...entry, digest: fromHex(digest)! }, services, {
    sequence: head.sequence + 1,
    time: head.time,
  });
  if ('objection' in planned) {
    output.answer({ ok: false, problems: [{ reason: planned.objection, detail: planned.detail }] }, [
      `NOT POSSIBLE: ${planned.objection}: ${planned.detail}`,
    ]);
    process.exitCode = 1;
    return;
  }
  tell(planned, head, used, failures, output);
}

function opened(folder: string): Release {
  try {
    return openRelease(folder);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}

/** What the release's replicas can execute, with a note of what the migration takes. */
function loaded(release: Release, used: { steps: number; ms: number }, failures: string[]): Services {
  return new Map(
    scriptsOf(release).map(({ text, version }) => {
      const runtime = loadService(text, { onFailure: (_, error) => failures.push(String(error)) });
      return [
        version,
        {
          execute: (access, call) => runtime.execute(access, call),
          query: (view, call) => runtime.query(view, call),
          migrate(access, fromVersion, agreed) {
            const began = performance.now();
            const outcome = runtime.migrate(access, fromVersion, agreed);
            used.ms = performance.now() - began;
            used.steps = outcome.steps;
            return outcome;
          },
        },
      ];
    }),
  );
}

function tell(
  { after, changes, from, request, stateAfter, stateBefore, writeSet }: ActivationPlan,
  { sequence, time }: { readonly sequence: number; readonly time: number },
  { ms, steps }: { readonly steps: number; readonly ms: number },
  failures: readonly string[],
  output: Output,
): void {
  const maps = summaries(changes);
  const { failed } = after;
  const problems = [
    ...(failed === undefined ? [] : [{ reason: failed.code, detail: failed.message }]),
    ...failures.map((detail) => ({ reason: 'threw', detail })),
  ];
  const digest = digestOf(nodeCryptography, 'write-set', Uint8Array.of(0), writeSet);
  const answer = {
    ok: failed === undefined,
    release: request.release,
    from: { protocol: from.protocol, service: from.code.version },
    to: { protocol: request.protocol, service: request.service },
    at: { sequence, time },
    stateBefore,
    stateAfter,
    ...{ steps, stepsMax: migrationStepsMax, ms: Math.round(ms) },
    writeSet: { digest, bytes: writeSet.length, bytesMax: limits.writeSetBytes, maps },
    problems,
  };
  output.answer(answer, [
    failed === undefined
      ? `version ${from.code.version} of the service becomes ${request.service}, version ${from.protocol} of the protocol ${request.protocol}`
      : `THE ACTIVATION WOULD FAIL: ${failed.code}: ${failed.message}`,
    `  state         as of batch ${sequence}, ${new Date(time).toISOString()}`,
    `  before        ${toHex(stateBefore)}`,
    `  after         ${toHex(stateAfter)}`,
    `  migration     ${steps} of ${migrationStepsMax} steps, ${Math.round(ms)} ms on this machine`,
    `  writes        ${writeSet.length} of ${limits.writeSetBytes} bytes, digest ${toHex(digest)}`,
    ...table([
      ['', 'map', 'set', 'deleted', 'bytes'],
      ...maps.map(({ bytes, deleted, map, set }) => ['', map, String(set), String(deleted), String(bytes)]),
    ]),
    ...failures.map((detail) => `  threw         ${detail}`),
  ]);
  if (failed !== undefined) process.exitCode = 1;
}

function summaries(changes: ActivationPlan['changes']): MapSummary[] {
  const maps = new Map<string, { set: number; deleted: number; bytes: number }>();
  for (const { address, value } of changes) {
    const name = address.slice(0, address.indexOf('\0'));
    const of = maps.get(name) ?? { set: 0, deleted: 0, bytes: 0 };
    if (value === undefined) of.deleted++;
    else of.set++;
    of.bytes += address.length + (value?.length ?? 0);
    maps.set(name, of);
  }
  return [...maps].map(([map, of]) => ({ map, ...of }));
}
