/**
 * Evidence bundles: evidence and the endorsements that verify it, in one document of one byte form.
 *
 * A collection of conceptual messages as the IETF's RATS group defines it (draft-ietf-rats-msg-wrap), in deterministic
 * CBOR: the collection's type names the platform, and each message is ⟨media type, bytes, what it is⟩. Endorsements
 * are numbered, since verifiers read them in order. All of it is the attester's input: nothing here is believed.
 */
import { type CborValue, decodeCbor, type Decoded, encodeCbor, limits } from '@coppice/wire';

/** Bytes, and the media type that says how to read them. */
export interface Message {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface EvidenceBundle {
  /** As listed in platforms.ts: decides who verifies. */
  readonly platform: string;
  readonly evidence: Message;
  /** In the order in which the platform's verifier reads them. */
  readonly endorsements: readonly Message[];
}

/** Endorsements of one bundle: certificates, revocation lists, TCB information. */
export const endorsementsMax = 24;

const typePrefix = 'urn:coppice:evidence:';
/** Indicator bits of the conceptual message. */
const endorsement = 2;
const evidence = 4;

/** The bytes of the bundle. Throws a `RangeError` where it exceeds the bounds of evidence. */
export function encodeBundle(bundle: EvidenceBundle): Uint8Array {
  if (bundle.endorsements.length > endorsementsMax) throw new RangeError('too many endorsements');
  const entries: [number | string, CborValue][] = [
    ['__cmwc_t', typePrefix + bundle.platform],
    ['evidence', [bundle.evidence.mediaType, bundle.evidence.bytes, evidence]],
    ...bundle.endorsements.map(({ mediaType, bytes }, i): [number, CborValue] => [i, [mediaType, bytes, endorsement]]),
  ];
  const encoded = encodeCbor(new Map(entries));
  if (encoded.length > limits.evidenceBytes) throw new RangeError('too much evidence');
  return encoded;
}

/** The bundle whose encoding is exactly `bytes`, or why there is none. Never throws; its byte strings are views. */
export function decodeBundle(bytes: Uint8Array): Decoded<EvidenceBundle> {
  const decoded = decodeCbor(bytes, { bytesMax: limits.evidenceBytes });
  if (!decoded.ok) return decoded;
  const entries = entriesOf(decoded.value);
  if (entries === undefined) return { ok: false, reason: 'not a collection' };

  const type = entries.get('__cmwc_t');
  if (typeof type !== 'string' || !type.startsWith(typePrefix))
    return { ok: false, reason: 'not a bundle of evidence' };
  const shown = messageOf(entries.get('evidence'), evidence);
  if (shown === undefined) return { ok: false, reason: 'no evidence' };

  // Type and evidence are two entries; all others must be the endorsements 0, 1, …
  const count = entries.size - 2;
  if (count > endorsementsMax) return { ok: false, reason: 'too many endorsements' };
  const endorsements: Message[] = [];
  for (let i = 0; i < count; i++) {
    const message = messageOf(entries.get(i), endorsement);
    if (message === undefined) return { ok: false, reason: 'unknown entry' };
    endorsements.push(message);
  }
  return { ok: true, value: { platform: type.slice(typePrefix.length), evidence: shown, endorsements } };
}

/** A map without integer keys is decoded as a plain object: a bundle without endorsements. */
function entriesOf(value: CborValue): ReadonlyMap<number | string, CborValue> | undefined {
  if (value instanceof Map) return value;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Array.isArray(value))
    return undefined;
  return new Map(Object.entries(value));
}

function messageOf(value: CborValue | undefined, indicator: number): Message | undefined {
  if (!Array.isArray(value) || value.length !== 3 || value[2] !== indicator) return undefined;
  const [mediaType, bytes] = value as [CborValue, CborValue];
  if (typeof mediaType !== 'string' || mediaType.length > limits.nameBytes || !(bytes instanceof Uint8Array)) {
    return undefined;
  }
  return { mediaType, bytes };
}
