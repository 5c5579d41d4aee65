/**
 * Results: what a transaction answers, as its client reads it. spec/requests.md.
 *
 * Deterministic CBOR of one of two shapes, so that a result can be read, shown and checked without knowing the service:
 * a value with the events that were emitted, or an error with a code.
 */
import { decodePlainCbor, encodeCbor, type PlainValue } from './cbor.ts';
import type { Decoded } from './codec.ts';
import { limits } from './limits.ts';

/** Something that a command announced to subscribers. */
export interface ResultEvent {
  readonly name: string;
  readonly data: PlainValue;
}

export interface ResultError {
  /** For programs. docs/reference/errors.md. */
  readonly code: string;
  /** For people. Carries no secrets. */
  readonly message: string;
  /** Where in the input the error is. */
  readonly path?: readonly (string | number)[];
  readonly data?: PlainValue;
}

export type Result =
  | { readonly ok: true; readonly value: PlainValue; readonly events?: readonly ResultEvent[] }
  | { readonly ok: false; readonly error: ResultError };

/** The bytes of a result. Throws a `RangeError` for what has no encoding: see {@link encodeCbor}. */
export function encodeResult(result: Result): Uint8Array {
  return encodeCbor(result as unknown as PlainValue);
}

/** The result with these bytes, or why there is none. Never throws; nothing in it is shared. */
export function decodeResult(bytes: Uint8Array): Decoded<Result> {
  const decoded = decodePlainCbor(bytes, { bytesMax: limits.resultBytes });
  if (!decoded.ok) return decoded;
  return isResult(decoded.value)
    ? { ok: true, value: decoded.value as unknown as Result }
    : { ok: false, reason: 'not a result' };
}

function isResult(value: PlainValue): boolean {
  if (!hasOnly(value, ['ok', 'value', 'events', 'error'])) return false;
  if (value['ok'] === true) {
    const { events } = value;
    const listed = events === undefined || (Array.isArray(events) && events.length > 0 && events.every(isEvent));
    return value['value'] !== undefined && value['error'] === undefined && listed;
  }
  return (
    value['ok'] === false && value['value'] === undefined && value['events'] === undefined && isError(value['error'])
  );
}

function isEvent(value: PlainValue): boolean {
  return hasOnly(value, ['name', 'data']) && typeof value['name'] === 'string' && value['data'] !== undefined;
}

function isError(value: PlainValue | undefined): boolean {
  if (value === undefined || !hasOnly(value, ['code', 'message', 'path', 'data'])) return false;
  const { path } = value;
  const pathFits =
    path === undefined ||
    (Array.isArray(path) && path.every((part) => typeof part === 'string' || Number.isSafeInteger(part)));
  return typeof value['code'] === 'string' && typeof value['message'] === 'string' && pathFits;
}

function hasOnly(value: PlainValue, names: readonly string[]): value is { readonly [key: string]: PlainValue } {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value) || value instanceof Uint8Array || value instanceof Map) return false;
  return Object.keys(value).every((name) => names.includes(name));
}
