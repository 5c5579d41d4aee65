/**
 * A service's client with the types that the service declares.
 */
import {
  createCaller,
  type Client as TypedClient,
  encodeKey,
  type Key,
  type Reply,
  type Transport,
  type Value,
} from '@coppice/service';
import type { HistoricalFacts, HistoricalValue, Receipt } from '@coppice/ledger';
import { decodePlainCbor, decodeResult, fromLatin1, type PlainValue, type Result } from '@coppice/wire';
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

/** A value that a key of a service's map had, proven. */
export interface ValueAt<V> extends Omit<HistoricalFacts, 'map' | 'key' | 'value'> {
  /** `undefined`: the key had none. */
  readonly value: V | undefined;
  /** The proof, self-contained: `verifyHistoricalValue` of the ledger package. */
  readonly document: () => HistoricalValue;
}

export interface MapHistory<V> {
  /** What the key had as of batch `at`, or at the newest stable checkpoint. Throws `DoorError`: spec/history.md, lines 41–44. */
  at(key: Key, at?: number): Promise<ValueAt<V>>;
  /** What it had, newest first, from batch `to` back to `from`, or to where the history began; each proven by itself. */
  versions(key: Key, range?: { readonly from?: number; readonly to?: number }): AsyncGenerator<ValueAt<V>, undefined>;
}

/** The history of a map whose service declares one. */
export function historyOf<V = Value>(client: Client, map: string): MapHistory<V> {
  const at = async (key: Key, sequence?: number): Promise<ValueAt<V>> => {
    const { value, ...rest } = await client.history(map, fromLatin1(encodeKey(key)), sequence);
    return { ...rest, value: value === undefined ? undefined : (readValue(value) as V) };
  };
  return {
    at,
    async *versions(key, { from = 0, to } = {}) {
      let version = await at(key, to);
      yield version;
      // Where nothing wrote the version, the history begins.
      while (version.writtenAt !== undefined && version.from > from) {
        version = await at(key, version.from - 1);
        yield version;
      }
      return undefined;
    },
  };
}

function readValue(bytes: Uint8Array): PlainValue {
  const decoded = decodePlainCbor(bytes);
  if (!decoded.ok) throw new RequestError('unknown', `what is proven is no value: ${decoded.reason}`);
  return decoded.value;
}

function readResult(bytes: Uint8Array): Result {
  const result = decodeResult(bytes);
  if (!result.ok) throw new RequestError('unknown', `the answer is not a result: ${result.reason}`);
  return result.value;
}
