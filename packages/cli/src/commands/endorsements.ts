/**
 * `coppice endorsements import`: has the ledger know what makers of hardware have published since. docs/reference/evidence.md.
 */
import { readFileSync } from 'node:fs';
import { type EndorsementFiles, mergeEndorsements, readEndorsements } from '@coppice/collection';
import { encodeOperation } from '@coppice/governance';
import { toHex } from '@coppice/wire';
import { connect, type ServiceOptions, submit } from '../connect.ts';
import type { Output } from '../output.ts';
import { readKey, ServiceFolder, UserError } from '../service-folder.ts';

/** Bytes of endorsements in one operation: governance takes 64 KiB. */
const operationBytes = 56 * 1024;

interface Imported {
  readonly source: string;
  readonly issue: number;
  readonly issued: number;
}

export async function importEndorsements(
  files: readonly string[],
  options: ServiceOptions & { readonly memberKey?: string },
  output: Output,
): Promise<void> {
  const operations = operationsOf(mergeEndorsements(files.map(endorsementsIn)));
  const folder = new ServiceFolder(options.folder);
  const { memberKey = folder.keys('members')[0] } = options;
  if (memberKey === undefined) throw new UserError('a member must sign: --member-key FILE');
  const key = options.memberKey === undefined ? folder.key('members', memberKey) : readKey(memberKey);
  const client = await connect(options, key);
  const imported: Imported[] = [];
  try {
    for (const endorsements of operations) {
      const payload = encodeOperation({ kind: 'endorse', endorsements });
      const { result } = await submit(client, { target: 'governance', payload });
      if (!result.ok) throw new UserError(`${result.error.code}: ${result.error.message}`, 4, result.error.code);
      imported.push(...(result.value as unknown as { imported: Imported[] }).imported);
    }
  } finally {
    client.close();
  }
  output.answer({ ok: true, member: toHex(key.publicKey), imported }, [
    ...imported.map(({ issued, source }) => `${source}: of ${new Date(issued).toISOString()}`),
    imported.length === 0
      ? 'the ledger knew all of it'
      : 'every replica is appraised again; one that falls short is replaced at the next turn',
  ]);
}

function endorsementsIn(file: string): EndorsementFiles {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  const found = readEndorsements(bytes);
  if (found === undefined) throw new UserError(`${file}: no endorsements of a known form`);
  if (found.firmware.length > 0)
    throw new UserError(`${file}: an endorsement of firmware comes with the evidence; the ledger keeps none`);
  return found;
}

/** Lists and documents, as many as fit, each time with all certificates. Lists first: what is revoked vouches for nothing. */
function operationsOf({ certificates, documents, lists }: EndorsementFiles): Uint8Array[][] {
  const bytesOf = (all: readonly Uint8Array[]): number => all.reduce((sum, { length }) => sum + length, 0);
  const operations: Uint8Array[][] = [];
  for (const endorsement of [...lists, ...documents]) {
    const last = operations.at(-1);
    if (last !== undefined && bytesOf(last) + endorsement.length <= operationBytes) last.push(endorsement);
    else operations.push([...certificates, endorsement]);
  }
  if (operations.length === 0) throw new UserError('nothing to import: neither a revocation list nor a document');
  return operations;
}
