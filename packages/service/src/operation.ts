/**
 * Operations: what a client asks of a service. Deterministic CBOR of `[name]` or `[name, input]`.
 *
 * Clients send anything, so {@link decodeOperation} is total, and whatever it accepts has exactly that one encoding.
 */
import { type Decoded, decodePlainCbor, encodeCbor, limits, type PlainValue } from '@coppice/wire';
import { copyIn, type Value } from './value.ts';

export interface Operation {
  /** Of the command or query. */
  readonly command: string;
  /** `undefined` for those that take none. */
  readonly input?: Value | undefined;
}

/**
 * The bytes of an operation. Throws a `ServiceError` with code `invalid-value` for an input that is no value, and a
 * `RangeError` for one of more than `limits.operationBytes`.
 */
export function encodeOperation({
  command,
  input,
}: {
  readonly command: string;
  readonly input?: unknown;
}): Uint8Array {
  const parts = input === undefined ? [command] : [command, copyIn(input, () => {})];
  const bytes = encodeCbor(parts);
  if (bytes.length > limits.operationBytes) throw new RangeError(`an operation of ${bytes.length} bytes`);
  return bytes;
}

/** The operation with exactly these bytes, or why there is none. Never throws; nothing in it is a view of `bytes`. */
export function decodeOperation(bytes: Uint8Array): Decoded<Operation> {
  const decoded = decodePlainCbor(bytes, { bytesMax: limits.operationBytes });
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value)) return refused('not a name and an input');
  const [command, input, ...more] = decoded.value as readonly PlainValue[];
  if (typeof command !== 'string' || more.length > 0) return refused('not a name and an input');
  return { ok: true, value: input === undefined ? { command } : { command, input } };
}

function refused(reason: string): Decoded<Operation> {
  return { ok: false, reason };
}
