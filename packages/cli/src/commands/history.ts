/**
 * `coppice history`: what keys of maps had, where the service keeps it, and whether a proof of it holds. spec/history.md.
 */
import { readFileSync } from 'node:fs';
import { type Client, DoorError, historyOf } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { type HistoricalValue, historicalValueCodec, verifyHistoricalValue } from '@coppice/ledger';
import { decodeKey, type Key } from '@coppice/service';
import { decodePlainCbor, encode, type PlainValue, toLatin1 } from '@coppice/wire';
import { connect, type ServiceOptions } from '../connect.ts';
import { ancestorLines, ancestryOf, judgedOf } from '../lineage.ts';
import { batches, type Output } from '../output.ts';
import { PendingFile } from '../pending-file.ts';
import { UserError } from '../service-folder.ts';
import { plain } from './request.ts';

interface Shown {
  readonly value: PlainValue | undefined;
  readonly from: number;
  readonly until: number | undefined;
  readonly writtenAt: number | undefined;
  readonly checkpoint: number;
}

export async function showHistory(
  map: string,
  keyText: string,
  options: ServiceOptions & { at?: number; from?: number; to?: number; limit: number; proof?: string },
  output: Output,
): Promise<void> {
  const { at, from, to, limit, proof } = options;
  if (at !== undefined && (from !== undefined || to !== undefined))
    throw new UserError('--at is one batch, --from and --to are a range of them');
  const key = keyOf(keyText);
  const file = proof === undefined ? undefined : new PendingFile(proof);
  let client: Client | undefined;
  const versions: Shown[] = [];
  let more = false;
  let first: HistoricalValue | undefined;
  let newest: number | undefined;
  try {
    client = await connect(options);
    const range =
      at === undefined
        ? { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
        : { from: at, to: at };
    const history = historyOf<PlainValue>(client, map);
    if (range.to !== undefined) {
      ({ checkpoint: newest } = await history.at(key));
      if (range.to > newest)
        process.stderr.write(
          `no stable checkpoint has batch ${range.to} yet: the newest is of batch ${newest}; asking for 30 s\n`,
        );
    }
    for await (const { document, ...version } of history.versions(key, range)) {
      more = versions.length === limit;
      if (more) break;
      first ??= document();
      versions.push(version);
    }
    if (first !== undefined) file?.write(encode(historicalValueCodec, first));
  } catch (error) {
    if (!(error instanceof DoorError)) throw error;
    const beyond = error.message === 'not-stable' && newest !== undefined;
    const why = beyond
      ? `not-stable: no stable checkpoint has batch ${at ?? to} yet; the newest that was shown is of batch ${newest}`
      : (explained[error.message] ?? error.message);
    throw new UserError(why, error.code === 'REFUSED' ? 1 : 3);
  } finally {
    client?.close();
    file?.discard();
  }
  output.answer({ ok: true, map, key, versions: versions.map(documented), more }, [
    ...versions.map(lineOf),
    ...(more ? [`and older ones: --to ${versions.at(-1)!.from - 1}`] : []),
    ...(proof === undefined ? [] : [`proof: ${proof}`]),
  ]);
}

/** What a replica refuses with, for people. */
const explained: Readonly<Record<string, string>> = {
  'not-allowed': 'not-allowed: the service declares no history of this map, or none for this client',
  'not-stable': 'not-stable: no stable checkpoint has come so far yet',
  'no-history': 'no-history: nothing was written to this map since the service declares its history',
  'before-history': 'before-history: the service kept no history then',
};

export function verifyHistory(file: string, options: { folder: string; service?: string }, output: Output): void {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  const verdict = judgedOf(
    ancestryOf(options),
    (service) => verifyHistoricalValue(nodeCryptography, bytes, { service }),
    ({ checkpoint }) => checkpoint,
  );
  if (!verdict.ok) {
    output.answer({ ok: false, check: verdict.check, reason: verdict.reason }, [
      `NOT VALID: ${verdict.check}: ${verdict.reason}`,
    ]);
    process.exitCode = 1;
    return;
  }
  const { map, key: keyBytes, value: encoded, ...interval } = verdict.facts;
  const key = decodeKey(toLatin1(keyBytes));
  const decoded = encoded === undefined ? undefined : decodePlainCbor(encoded);
  const version = { ...interval, value: decoded?.ok === true ? decoded.value : undefined };
  const { head, service } = verdict.of;
  output.answer({ ok: true, service, lostAt: head?.sequence ?? null, map, key, ...documented(version) }, [
    'valid',
    ...ancestorLines(verdict.of),
    `  map       ${map}`,
    `  key       ${JSON.stringify(key)}`,
    `  ${lineOf(version)}`,
  ]);
}

function documented({ value, until, writtenAt, ...rest }: Shown): object {
  return {
    ...rest,
    until: until ?? null,
    writtenAt: writtenAt ?? null,
    present: value !== undefined,
    value: value ?? null,
  };
}

function lineOf({ value, from, until, writtenAt, checkpoint }: Shown): string {
  const held = until === undefined ? `batches ${from} to ${checkpoint} at least` : batches(from, until - 1);
  const when = writtenAt === undefined ? 'not written since the history began' : new Date(writtenAt).toISOString();
  return `${held}  ${when}  ${value === undefined ? 'no value' : JSON.stringify(plain(value))}`;
}

function keyOf(text: string): Key {
  try {
    return JSON.parse(text) as Key;
  } catch {
    return text;
  }
}
