/**
 * `coppice succession prove | verify | tell`: that a service goes on from one that was lost, for whoever knew that one. spec/recovery.md, lines 40-52.
 */
import { readFileSync } from 'node:fs';
import {
  type Ancestor,
  askLineage,
  decodeLineage,
  DoorConnection,
  DoorError,
  encodeLineage,
  followLineage,
} from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { verifyReceipt } from '@coppice/ledger';
import { type Digest, fromHex, headerDigest, sameBytes, serviceDigest, toHex } from '@coppice/wire';
import { connect, type ServiceOptions } from '../connect.ts';
import { type Output } from '../output.ts';
import { PendingFile } from '../pending-file.ts';
import { UserError } from '../service-folder.ts';

/** Writes what proves it to strangers, as a replica of the successor shows it, once it has been verified from the first service on. */
export async function prove(options: ServiceOptions & { readonly out: string }, output: Output): Promise<void> {
  const file = new PendingFile(options.out);
  try {
    const services = await shownBy(options);
    const digests = services.map(digestOf);
    if (digests.length < 2) throw new UserError('the service goes on from no other: it is the first');
    const followed = followLineage(nodeCryptography, services, digests[0]!);
    if (!followed.ok) throw new UserError(`what the replica shows does not hold: ${followed.reason}`);
    file.write(encodeLineage(services));
    output.answer({ services: digests, out: options.out }, [
      ...services.map(lineOf),
      `proven by ${options.out}: to replicas with \`coppice succession tell\`, to anyone else with \`coppice succession verify\``,
    ]);
  } finally {
    file.discard();
  }
}

/** The service and those that it goes on from, as one of its replicas shows them. */
async function shownBy(options: ServiceOptions): Promise<Ancestor[]> {
  const client = await connect(options);
  try {
    const [seat] = client.chain.configuration.seats;
    const connection = await DoorConnection.open(seat!.clientAddress, seat!.instance);
    return await askLineage(nodeCryptography, connection).finally(() => connection.close());
  } finally {
    client.close();
  }
}

/** Whether a proof leads on from the service that the verifier knows, and past nothing that it holds a receipt of. */
export function verify(
  file: string,
  options: { readonly service: string; readonly receipts?: readonly string[] },
  output: Output,
): void {
  const service = fromHex(options.service);
  if (service?.length !== 32) throw new UserError('--service must be a service digest: 64 hexadecimal digits');
  const services = readLineage(file);
  const seen = (options.receipts ?? []).map((one) => headerOf(one, service)).sort((a, b) => b.sequence - a.sequence)[0];
  const followed = followLineage(nodeCryptography, services, service, seen);
  if (followed.ok) {
    const from = services.findIndex((one) => sameBytes(digestOf(one), service));
    return output.answer({ ok: true, service, successor: followed.successor }, [
      'valid',
      ...services.slice(from).map(lineOf),
    ]);
  }
  const { kind, reason } = followed;
  output.answer({ ok: false, kind, reason }, [`${kind === 'fork' ? 'FORK' : 'NOT VALID'}: ${reason}`]);
  process.exitCode = 1;
}

/** Shows it to replicas of a service that was thought dead: they stop for good. */
export async function tell(
  file: string,
  { address }: { readonly address: readonly string[] },
  output: Output,
): Promise<void> {
  const services = readLineage(file);
  const told: { address: string; stopped: boolean; reason: string }[] = [];
  for (const one of address) told.push({ address: one, ...(await tellReplica(services, one)) });
  const ok = told.every(({ stopped }) => stopped);
  output.answer(
    { ok, told },
    told.map((one) => `${one.address}: ${one.stopped ? 'stopped for good' : one.reason}`),
  );
  if (!ok) process.exitCode = 1;
}

async function tellReplica(
  services: readonly Ancestor[],
  address: string,
): Promise<{ stopped: boolean; reason: string }> {
  try {
    const connection = await DoorConnection.open(address, undefined);
    try {
      const { genesis } = await connection.ask({ kind: 'chain', from: 0 }, 'chain');
      const own = genesis && serviceDigest(nodeCryptography, genesis.genesis);
      const next = services.find(({ document: { genesis: later } }) => {
        return own !== undefined && later.predecessor !== undefined && sameBytes(later.predecessor.service, own);
      });
      if (next === undefined)
        return { stopped: false, reason: 'not stopped: no service in this proof goes on from its own' };
      await connection.ask({ kind: 'succession', document: next.document }, 'accepted');
      return { stopped: true, reason: '' };
    } finally {
      connection.close();
    }
  } catch (error) {
    if (error instanceof DoorError) return { stopped: false, reason: error.message };
    throw error;
  }
}

const digestOf = ({ document }: Ancestor): Digest => serviceDigest(nodeCryptography, document.genesis);

function lineOf(one: Ancestor): string {
  const { predecessor } = one.document.genesis;
  const head = predecessor?.header;
  const from =
    head === undefined ? 'the first' : `goes on from batch ${head.sequence} of ${toHex(head.service).slice(0, 8)}`;
  return `  service   ${toHex(digestOf(one))}, ${from}`;
}

function readLineage(file: string): readonly Ancestor[] {
  const services = decodeLineage(read(file));
  if (services === undefined) throw new UserError(`${file} is no proof of a succession`);
  return services;
}

function headerOf(file: string, service: Digest): { readonly sequence: number; readonly digest: Digest } {
  const bytes = read(file);
  const receipt = bytes[0] === 0x7b ? new TextDecoder().decode(bytes) : bytes;
  const verdict = verifyReceipt(nodeCryptography, receipt, { service });
  if (!verdict.ok) throw new UserError(`${file} is not a receipt of the service: ${verdict.check}: ${verdict.reason}`);
  const { header } = verdict.facts;
  return { sequence: header.sequence, digest: headerDigest(nodeCryptography, header) };
}

function read(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
}
