/**
 * Calling a service with the types that it declares.
 */
import type { Result, ResultError } from '@coppice/wire';
import type { Command, Query } from './definition.ts';
import { encodeOperation } from './operation.ts';
import { ServiceError } from './service-error.ts';

/** What comes back for an operation: its result, and the proof of it, where there is one. */
export type Reply<Receipt = unknown> = Result & { readonly receipt?: Receipt | undefined };

/** Carries operations to a service. It rejects only when there is no answer: an error that the service gives is a reply. */
export interface Transport<Receipt = unknown> {
  submit(operation: Uint8Array): Promise<Reply<Receipt>>;
  query(operation: Uint8Array): Promise<Reply<Receipt>>;
}

/** A command or query: rejects with a {@link ServiceError} where the service does. */
export interface Call<Input, Output, Receipt = unknown> {
  (...input: undefined extends Input ? [input?: Input] : [input: Input]): Promise<Output>;
  /** The same, with the receipt. */
  withReceipt(
    ...input: undefined extends Input ? [input?: Input] : [input: Input]
  ): Promise<{ readonly result: Output; readonly receipt: Receipt | undefined }>;
}

interface Calls {
  readonly commands: Readonly<Record<string, Command>>;
  readonly queries: Readonly<Record<string, Query>>;
}

type CallOf<C, Receipt> = C extends { readonly types?: { readonly input: infer I; readonly result: infer R } }
  ? Call<I extends void ? undefined : I, R, Receipt>
  : never;

/** The client of a service `S`: all its commands and queries, as functions of their inputs. */
export type Client<S extends Calls, Receipt = unknown> = {
  readonly [K in keyof S['commands']]: CallOf<S['commands'][K], Receipt>;
} & {
  readonly [K in keyof S['queries']]: CallOf<S['queries'][K], Receipt>;
};

/** A client that sends over `transport`. Of `service` only the names are used. */
export function createCaller<S extends Calls, Receipt>(service: S, transport: Transport<Receipt>): Client<S, Receipt> {
  const caller: Record<string, Call<unknown, unknown, Receipt>> = {};
  const submit = (operation: Uint8Array): Promise<Reply<Receipt>> => transport.submit(operation);
  const query = (operation: Uint8Array): Promise<Reply<Receipt>> => transport.query(operation);
  for (const name of Object.keys(service.commands)) caller[name] = callOf(name, submit);
  for (const name of Object.keys(service.queries)) caller[name] = callOf(name, query);
  return caller as Client<S, Receipt>;
}

function callOf<Receipt>(
  command: string,
  send: (operation: Uint8Array) => Promise<Reply<Receipt>>,
): Call<unknown, unknown, Receipt> {
  const withReceipt = async (input?: unknown): Promise<{ result: unknown; receipt: Receipt | undefined }> => {
    const reply = await send(encodeOperation({ command, input }));
    if (!reply.ok) throw errorOf(reply.error);
    return { result: reply.value, receipt: reply.receipt };
  };
  return Object.assign(async (input?: unknown) => (await withReceipt(input)).result, { withReceipt });
}

function errorOf({ code, message, path, data }: ResultError): ServiceError {
  return new ServiceError(code, message, { path, data });
}
