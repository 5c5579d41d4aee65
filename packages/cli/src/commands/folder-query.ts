/**
 * `coppice query --instance`: a query answered from an instance's folder, or a restored backup, as of any batch: for auditors, offline.
 *
 * The ledger is audited from genesis on, and the state made of what its committed batches wrote: nothing need be believed but the
 * service digest.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { StateCopy } from '@coppice/execution';
import { openRelease, type Release, ReleaseError, scriptsOf } from '@coppice/release';
import { encodeOperation } from '@coppice/service';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import { decodeResult } from '@coppice/wire';
import { serviceOf, type ServiceOptions } from '../connect.ts';
import type { Output } from '../output.ts';
import { readKey, UserError } from '../service-folder.ts';
import { parseInput, show } from './request.ts';
import { auditFolder } from './verify.ts';

export interface FolderQueryOptions extends ServiceOptions {
  readonly instance?: string;
  readonly at?: number;
  readonly release: string;
  readonly auditorKey?: readonly string[];
}

export async function queryFolder(
  name: string,
  input: string | undefined,
  { instance, at, release, auditorKey, key, ...options }: FolderQueryOptions,
  output: Output,
): Promise<void> {
  const operation = encodeOperation({ command: name, input: parseInput(input) });
  const opened = openedRelease(release);
  const copy = new StateCopy(nodeCryptography);
  let reached = { sequence: 0, time: 0 };
  const service = options.service === undefined ? undefined : serviceOf(options);
  if (service === undefined)
    output.say('no service was named: the ledger is judged by its own genesis, and could be any service’s');
  const report = await auditFolder(instance!, service, {
    ...(auditorKey === undefined ? {} : { keyFiles: auditorKey }),
    onState(writeSets, { sequence, time }) {
      if (sequence > (at ?? Infinity)) return;
      copy.apply(writeSets);
      reached = { sequence, time };
    },
  });
  if (!report.ok || report.head === undefined)
    throw new UserError(`the ledger does not hold: ${report.firstProblem?.message ?? 'it has no batches'}`);
  if (at !== undefined && report.head.sequence < at)
    throw new UserError(`the ledger goes up to batch ${report.head.sequence} only`);

  // From here on this process is one in which services run: nothing of it can be changed any more.
  lockdownRealm();
  const services = new Map(scriptsOf(opened).map(({ text, version }) => [version, loadService(text)]));
  // The auditor has everything: who is asked for is whom the service should take it for.
  const id = key === undefined ? '' : Buffer.from(readKey(key).publicKey).toString('hex');
  const call = { operation, caller: { id, roles: copy.rolesOf(id) }, ...reached, seed: new Uint8Array(0) };
  const encoded = copy.query(services, call);
  if (encoded === undefined)
    throw new UserError('the release does not have the version of the service that was active');
  const result = decodeResult(encoded);
  if (!result.ok) throw new UserError(`the answer is not a result: ${result.reason}`);
  show(result.value, output, { sequence: reached.sequence, time: reached.time }, [
    `as of batch ${reached.sequence}, ${new Date(reached.time).toISOString()}, of a ledger that holds`,
  ]);
}

function openedRelease(folder: string): Release {
  try {
    return openRelease(folder);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}
