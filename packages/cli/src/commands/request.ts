/**
 * `coppice invoke`, `query`, `turn` and `parameter`: requests of clients and members.
 */
import { readFileSync } from 'node:fs';
import type { Client } from '@coppice/client';
import type { GovernanceAction } from '@coppice/governance';
import { encodeOperation, ServiceError } from '@coppice/service';
import { type PlainValue, decodeResult, type Result, toHex } from '@coppice/wire';
import { connect, type ServiceOptions, submit } from '../connect.ts';
import { decide, parseAction } from '../governing.ts';
import { type Output } from '../output.ts';
import { PendingFile } from '../pending-file.ts';
import { readKey, ServiceFolder, UserError } from '../service-folder.ts';
import { receiptText } from './verify.ts';

/** A request without input is encoded without one. */
function parseInput(text: string | undefined): PlainValue | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as PlainValue;
  } catch {
    throw new UserError(`must be JSON, and is not: ${text === '' ? '(nothing)' : text}`);
  }
}

/** A command or query as it is sent. Throws UserError where its input is no value, as numbers that JSON has and nobody else. */
export function operationOf(command: string, input: string | undefined): Uint8Array {
  try {
    return encodeOperation({ command, input: parseInput(input) });
  } catch (error) {
    throw error instanceof ServiceError ? new UserError(error.message) : error;
  }
}

/** Exit status 4: committed, and the service refused it. */
export function show(result: Result, output: Output, proof: object, lines: readonly string[]): void {
  if (result.ok)
    output.answer({ ok: true, value: result.value, events: result.events ?? [], ...proof }, [
      JSON.stringify(plain(result.value), undefined, 2),
      ...lines,
    ]);
  else {
    const { code, message, path } = result.error;
    output.answer({ ok: false, error: result.error, ...proof }, [
      `${code}: ${message}${path === undefined ? '' : ` (at ${path.join('.')})`}`,
      ...lines,
    ]);
    process.exitCode = 4;
  }
}

/** For people: bytes as hexadecimal. */
export function plain(value: PlainValue): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      inner instanceof Uint8Array ? toHex(inner) : typeof inner === 'bigint' ? inner.toString() : inner,
    ) ?? 'null',
  );
}

export async function invoke(
  command: string,
  input: string | undefined,
  options: ServiceOptions & { receipt?: string },
  output: Output,
): Promise<void> {
  const payload = operationOf(command, input);
  const receipt = options.receipt === undefined ? undefined : new PendingFile(options.receipt);
  let client: Client | undefined;
  try {
    client = await connect(options);
    const { committed, result } = await submit(client, { target: 'service', payload });
    receipt?.write(receiptText(committed.receipt()));
    const where = `committed in batch ${committed.sequence}, transaction ${committed.index}`;
    show(
      result,
      output,
      { sequence: committed.sequence, index: committed.index, time: committed.time, receipt: options.receipt },
      [where, ...(options.receipt === undefined ? [] : [`receipt: ${options.receipt}`])],
    );
  } finally {
    client?.close();
    receipt?.discard();
  }
}

export async function query(
  name: string,
  input: string | undefined,
  options: ServiceOptions,
  output: Output,
): Promise<void> {
  const payload = operationOf(name, input);
  const client = await connect(options);
  try {
    const answer = await client.query('service', payload);
    const result = decodeResult(answer.payload);
    if (!result.ok) throw new UserError(`the replica's answer is not a result: ${result.reason}`, 3);
    show(result.value, output, { sequence: answer.sequence }, [
      `as one replica answers from its state after batch ${answer.sequence}: not proven`,
    ]);
  } finally {
    client.close();
  }
}

/** Has as many members as it takes sign for an action. Keys: those given, or all that the folder holds. */
async function signFor(
  action: GovernanceAction,
  options: ServiceOptions & { memberKey?: readonly string[] },
  output: Output,
): Promise<void> {
  const folder = new ServiceFolder(options.folder);
  const keys = options.memberKey?.map(readKey) ?? folder.keys('members').map((name) => folder.key('members', name));
  const client = await connect(options);
  try {
    const standing = await decide(client, keys, action, ({ publicKey }, { state, approvals, needed }) =>
      output.say(`member ${toHex(publicKey).slice(0, 8)} signed: ${approvals} of ${needed}, ${state}`),
    );
    const { proposal, state } = standing;
    output.answer({ ok: state === 'accepted', ...standing }, [
      ...(state === 'open' ? [`proposal ${proposal} needs more members: coppice member vote ${proposal}`] : []),
      ...(standing.code === undefined ? [] : [`${standing.code}: ${standing.reason}`]),
    ]);
    if (state !== 'accepted') process.exitCode = 4;
  } finally {
    client.close();
  }
}

export async function earlyTurn(
  slot: number,
  options: ServiceOptions & { memberKey?: readonly string[] },
  output: Output,
): Promise<void> {
  return signFor(parseAction({ kind: 'early-turn', slot }), options, output);
}

/** Sets what is accepted of a platform, as a file says it in the form of a constitution's `policy.platforms`. */
export async function setPlatform(
  file: string,
  options: ServiceOptions & { memberKey?: readonly string[] },
  output: Output,
): Promise<void> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  return signFor(parseAction({ kind: 'set-platform', platform: parseInput(text) }), options, output);
}

export async function setParameter(
  path: string,
  value: string,
  options: ServiceOptions & { memberKey?: readonly string[] },
  output: Output,
): Promise<void> {
  const changes = [{ path, value: parseInput(value) }];
  return signFor(parseAction({ kind: 'set-parameters', changes }), options, output);
}
