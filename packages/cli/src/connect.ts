/**
 * How a command finds the service that it is about, and with whose key.
 */
import { existsSync } from 'node:fs';
import { Client, DoorError, RequestError } from '@coppice/client';
import { type KeyedSigner, newSigner, nodeCryptography } from '@coppice/cryptography';
import { decodeResult, faultsTolerated, fromHex, type Operation, quorumOf, type Result } from '@coppice/wire';
import { LocalService } from './local-service.ts';
import { readKey, ServiceFolder, UserError } from './service-folder.ts';

export interface ServiceOptions {
  readonly folder: string;
  readonly service?: string;
  readonly address?: readonly string[];
  readonly key?: string;
}

/** The folder that is used where none is named. */
export const defaultFolder = '.coppice';

export async function connect(options: ServiceOptions, signer?: KeyedSigner): Promise<Client> {
  const key = signer ?? (options.key === undefined ? undefined : readKey(options.key));
  try {
    if (options.service !== undefined) {
      const service = fromHex(options.service);
      if (service?.length !== 32) throw new UserError('--service must be the service digest: 64 hexadecimal digits');
      if (options.address === undefined)
        throw new UserError('--service needs --address: the client door of at least one replica');
      return await Client.connect({
        service,
        addresses: options.address,
        signer: key ?? newSigner(),
        cryptography: nodeCryptography,
      });
    }
    const local = LocalService.open(options.folder);
    return await local.connect(key ?? local.folder.key('clients', 'default'));
  } catch (error) {
    if (error instanceof DoorError)
      throw new UserError(`${error.message}\n${whyUnreachable(options)}`, 3, 'unreachable');
    throw error;
  }
}

/** What a host can see of its own replicas. */
function whyUnreachable(options: ServiceOptions): string {
  if (options.service !== undefined) return 'Is one of the addresses right, and does a replica listen there?';
  const local = LocalService.open(options.folder);
  const { slots } = local.folder.readService();
  const running = new Set(local.driver.running().map((instance) => instance.slot)).size;
  if (slots - running <= faultsTolerated(slots))
    return `${running} of ${slots} replicas run on this machine: try again.`;
  return `${running} of ${slots} replicas run on this machine, and ended ones cannot come back: the service has ended. Its members can have another go on with its ledgers: coppice recover`;
}

/** The service digest of the folder or the option. */
export function serviceOf(options: { readonly folder: string; readonly service?: string }): Uint8Array {
  const text =
    options.service ??
    (existsSync(options.folder) ? new ServiceFolder(options.folder).readService().service : undefined);
  const service = text === undefined ? undefined : fromHex(text);
  if (service?.length !== 32) throw new UserError('name the service: --service DIGEST, or --folder of a local one');
  return service;
}

/** Time after which whoever waits is told what for, and then again after as much. */
const silenceMs = 5000;
const answerMs = 2000;

/** What a request that is not committed waits for. */
async function whatIsWaitedFor(client: Client): Promise<string> {
  const { seats, slots } = client.chain.configuration;
  const asked = seats.map(async ({ clientAddress, slot }) => {
    const late = new Promise<never>((_, reject) => setTimeout(reject, answerMs).unref());
    const answers = await Promise.race([client.status(slot), late]).then(
      () => true,
      () => false,
    );
    return answers ? [] : [`slot ${slot} at ${clientAddress}`];
  });
  const silent = (await Promise.all(asked)).flat();
  const answering = `${seats.length - silent.length} of ${slots} replicas answer`;
  const refused = client.putOff.length === 0 ? '' : `; refused for now: ${client.putOff.join('; ')}`;
  if (silent.length === 0) return `waiting for the commit: ${answering}${refused}`;
  const quorum = quorumOf(slots);
  const missing =
    seats.length - silent.length < quorum ? `waiting for a quorum of ${quorum}` : 'waiting for the commit';
  return `${missing}: ${answering}; no answer from ${silent.join(', ')}${refused}`;
}

/** Says on stderr, now and then, what it is waited for. Gives what ends that. */
function tellWaiting(client: Client): () => void {
  let ended = false;
  const timer = setInterval(() => {
    void whatIsWaitedFor(client).then((line) => {
      if (!ended) process.stderr.write(`${line}\n`);
    });
  }, silenceMs);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

/** Submits, and gives the result. Throws UserError where it is not committed. */
export async function submit(
  client: Client,
  operation: Operation,
): Promise<{ result: Result; committed: Awaited<ReturnType<Client['submit']>> }> {
  const told = tellWaiting(client);
  try {
    const committed = await client.submit(operation);
    const result = decodeResult(committed.result);
    if (!result.ok) throw new UserError(`the committed result is not one: ${result.reason}`);
    return { result: result.value, committed };
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof RequestError && error.code === 'unknown')
      throw new UserError(`whether it was committed is not known: ${error.message}`, 5, 'unknown');
    throw new UserError(error instanceof Error ? error.message : String(error), 3);
  } finally {
    told();
  }
}
