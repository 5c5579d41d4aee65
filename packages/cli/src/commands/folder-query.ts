/**
 * `coppice query --instance` and `coppice backup serve`: what a folder answers, as of any batch, without the service. docs/reference/backup.md.
 */
import { dirname, join, resolve } from 'node:path';
import { decodeResult, toHex } from '@coppice/wire';
import { Archive, type Moment } from '../archive.ts';
import { ArchiveServer } from '../archive-server.ts';
import { readMoment } from '../backup/moment.ts';
import { serviceOf, type ServiceOptions } from '../connect.ts';
import type { Output } from '../output.ts';
import { readKey, ServiceFolder, UserError } from '../service-folder.ts';
import { operationOf, show } from './request.ts';

export interface FolderOptions extends ServiceOptions {
  readonly at?: Moment;
  readonly release?: string;
  readonly auditorKey?: readonly string[];
  readonly share?: readonly string[];
  readonly shareKey?: string;
}

export interface ServeOptions extends FolderOptions {
  readonly host: string;
  readonly port: number;
}

async function opened(folder: string, options: FolderOptions, output: Output): Promise<Archive> {
  const { at = readMoment(folder), auditorKey, release, share, shareKey } = options;
  const service = options.service === undefined ? undefined : serviceOf(options);
  if (service === undefined)
    output.say('no service was named: the ledger is judged by its own genesis, and could be any service’s');
  const releases = release === undefined ? releasesFor(folder) : [release];
  const keys = {
    ...(auditorKey !== undefined && { key: auditorKey }),
    ...(share !== undefined && { share }),
    ...(shareKey !== undefined && { shareKey }),
  };
  const archive = await Archive.open({ folder, service, at, releases, keys });
  const { sequence, time } = archive.end;
  if (at !== undefined && 'time' in at && at.time > time)
    process.stderr.write(
      `the ledger ends with batch ${sequence}, of ${new Date(time).toISOString()}: what was later is not known here\n`,
    );
  return archive;
}

/** Those of the service's folder that the instance's lies in, or `release` beside. */
function releasesFor(folder: string): string[] {
  const around = new ServiceFolder(dirname(dirname(resolve(folder))));
  if (!around.founded) return ['release'];
  return around.releases.list().map((name) => join(around.releases.folder, name));
}

const callerOf = (key: string | undefined): Uint8Array | undefined =>
  key === undefined ? undefined : readKey(key).publicKey;

export async function queryFolder(
  name: string,
  input: string | undefined,
  { instance, ...options }: FolderOptions & { readonly instance: string },
  output: Output,
): Promise<void> {
  const payload = operationOf(name, input);
  const archive = await opened(instance, options, output);
  const encoded = archive.query({ target: 'service', payload, caller: callerOf(options.key) });
  const result = decodeResult(encoded);
  if (!result.ok) throw new UserError(`the answer is not a result: ${result.reason}`);
  const { end, header } = archive;
  const { sequence, time } = header;
  show(result.value, output, { sequence, time, ledgerEnds: end }, [
    `as of batch ${sequence}, ${new Date(time).toISOString()}, of a ledger that holds`,
  ]);
}

/** Answers until it is stopped. */
export async function serveFolder(
  folder: string,
  { host, port, ...options }: ServeOptions,
  output: Output,
): Promise<void> {
  const archive = await opened(folder, options, output);
  const server = new ArchiveServer(archive, callerOf(options.key));
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${await server.listen(port, host)}/`;
  const { service, header, root } = archive;
  const { sequence, time } = header;
  output.answer({ url, service, sequence, time, root }, [
    `${url} answers as service ${toHex(service)} was after batch ${sequence}, ${new Date(time).toISOString()}: of a ledger that holds`,
    `  root  ${sequence}:${toHex(root)}`,
    'Ctrl-C ends it.',
  ]);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  server.close();
}
