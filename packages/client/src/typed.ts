/**
 * A service's client with the types that the service declares.
 */
import { createCaller, type Client as TypedClient, type Reply, type Transport } from '@coppice/service';
import type { Receipt } from '@coppice/ledger';
import { decodeResult, type Result } from '@coppice/wire';
import { type Client, RequestError } from './client.ts';

type ServiceDefinition = Parameters<typeof createCaller>[0];

/**
 * Commands and queries of `service` as functions: `await callerOf(service, client).grant({…})`. A command resolves once it is
 * committed and its receipt verified, and rejects with the service's own error, or with a {@link RequestError}. A query is one
 * replica's word.
 */
export function callerOf<S extends ServiceDefinition>(service: S, client: Client): TypedClient<S, () => Receipt> {
  const transport: Transport<() => Receipt> = {
    async submit(operation): Promise<Reply<() => Receipt>> {
      const committed = await client.submit({ target: 'service', payload: operation });
      return { ...readResult(committed.result), receipt: () => committed.receipt() };
    },
    async query(operation): Promise<Reply<() => Receipt>> {
      return readResult((await client.query('service', operation)).payload);
    },
  };
  return createCaller(service, transport);
}

function readResult(bytes: Uint8Array): Result {
  const result = decodeResult(bytes);
  if (!result.ok) throw new RequestError('unknown', `the answer is not a result: ${result.reason}`);
  return result.value;
}
