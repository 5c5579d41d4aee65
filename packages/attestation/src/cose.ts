/**
 * Messages with one signature, of others: COSE_Sign1 of RFC 9052, with or without its tag, and keys in any order.
 */
import { type Decoded, sign1Structure } from '@coppice/wire';
import { type CborTable, decodeForeignCbor, Tagged } from './cbor.ts';

const sign1Tag = 18;
const critical = 2;

export interface Sign1 {
  /** The header that is signed, and the one that is not. */
  readonly protectedHeader: CborTable;
  readonly unprotectedHeader: CborTable;
  readonly payload: Uint8Array;
  /** What the signature covers: the Sig_structure without external data. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * The message that exactly these bytes are, or why they are none. `understood` are the labels that whoever asks reads: a message that says
 * of another that it must not be ignored is refused. RFC 9052, section 3.1.
 */
export function decodeSign1(bytes: Uint8Array, understood: readonly (number | string)[] = []): Decoded<Sign1> {
  const refused = (reason: string): Decoded<never> => ({ ok: false, reason });
  const decoded = decodeForeignCbor(bytes);
  if (!decoded.ok) return decoded;
  const message =
    decoded.value instanceof Tagged && decoded.value.tag === sign1Tag ? decoded.value.value : decoded.value;
  if (!Array.isArray(message) || message.length !== 4) return refused('not a message with one signature');
  const [header, unprotectedHeader, payload, signature] = message as unknown[];
  if (!(header instanceof Uint8Array) || !(unprotectedHeader instanceof Map))
    return refused('not a message with one signature');
  if (!(payload instanceof Uint8Array) || !(signature instanceof Uint8Array)) return refused('payload is detached');
  const protectedHeader = decodeForeignCbor(header);
  if (!protectedHeader.ok) return refused(`header: ${protectedHeader.reason}`);
  if (!(protectedHeader.value instanceof Map)) return refused('header is no map');
  const labels = (protectedHeader.value as CborTable).get(critical);
  if (
    (unprotectedHeader as CborTable).has(critical) ||
    !areUnderstood(labels, protectedHeader.value as CborTable, understood)
  )
    return refused('critical headers that nobody here reads');
  const signed = sign1Structure({ protectedHeader: header, payload });
  return {
    ok: true,
    value: {
      protectedHeader: protectedHeader.value as CborTable,
      unprotectedHeader: unprotectedHeader as CborTable,
      payload,
      signed,
      signature,
    },
  };
}

function areUnderstood(labels: unknown, header: CborTable, understood: readonly (number | string)[]): boolean {
  if (labels === undefined) return true;
  return (
    Array.isArray(labels) &&
    labels.length > 0 &&
    labels.every((label: number | string) => header.has(label) && understood.includes(label))
  );
}
