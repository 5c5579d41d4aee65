/**
 * Histories of maps: every value that a key had, with the batches between which it held. spec/history.md.
 *
 * They are part of the state. A value is put there when it is replaced, under the batch that replaced it, and is not
 * written again: one record is the whole truth about its interval.
 */
import { bytes, decode, encode, fromLatin1, optional, struct, toLatin1, type TypeOf, u16, u64 } from '@coppice/wire';
import { type Key, keyBytesMax, type Range, StateLimitError, valueBytesMax } from './address.ts';

/** The map of the state in which a service's map has its values, and the one that has their history. */
export const valueMapOf = (name: string): string => `service/${name}`;
export const historyMapOf = (name: string): string => `history/${name}`;

/** Bytes around a key, and around a value, in a history. */
const keyOverhead = 10;
const valueOverhead = 64;
export const historyKeyBytesMax = keyBytesMax - keyOverhead;

export const beganCodec = struct({ since: u64 });
export const newestCodec = struct({ from: u64, time: u64 });
export const pastCodec = struct({ from: u64, time: u64, value: optional(bytes(valueBytesMax)) });

/** Where a history is said to begin. */
export const beganKey: Key = '';

/** The key of a past value, under the batch that replaced it; of batch 0, which there is not: that of the newest write. */
export function recordKey(key: Key, until: number): Key {
  return recordPrefix(key) + toLatin1(encode(u64, until));
}

function recordPrefix(key: Key): Key {
  return toLatin1(encode(u16, key.length)) + key;
}

interface HistoryReader {
  get(map: string, key: Key): Uint8Array | undefined;
}

interface HistoryWriter extends HistoryReader {
  set(map: string, key: Key, value: Uint8Array): void;
}

/** A write that is about to be made. */
export interface Write {
  readonly name: string;
  readonly key: Key;
  /** `undefined`: a delete. */
  readonly value: Uint8Array | undefined;
  /** Batch, and its agreed time in milliseconds. */
  readonly sequence: number;
  readonly time: number;
}

/**
 * Keeps what a write is about to replace, where the map has a history, or `declared` begins one: the bytes that it put there.
 * Throws StateLimitError for what a history cannot hold. spec/history.md, lines 6–12.
 */
export function keepVersion(access: HistoryWriter, write: Write, declared: boolean): number {
  const { name, key, value, sequence, time } = write;
  const map = historyMapOf(name);
  const begun = access.get(map, beganKey) !== undefined;
  if (!begun && !declared) return 0;
  if (key.length > historyKeyBytesMax)
    throw new StateLimitError('key', `a key of ${key.length} bytes in a map with a history`);
  if ((value?.length ?? 0) > valueBytesMax - valueOverhead)
    throw new StateLimitError('value', `a value of ${value!.length} bytes in a map with a history`);
  const before = access.get(valueMapOf(name), key);
  if (value === undefined && before === undefined) return 0;
  if (!begun) access.set(map, beganKey, encode(beganCodec, { since: sequence - 1 }));
  const newestKey = recordKey(key, 0);
  const newest = stored(newestCodec, access.get(map, newestKey));
  if (newest?.from === sequence) return 0;
  const past = encode(pastCodec, { from: newest?.from ?? 0, time: newest?.time ?? 0, value: before });
  access.set(map, recordKey(key, sequence), past);
  access.set(map, newestKey, encode(newestCodec, { from: sequence, time }));
  return past.length;
}

/** What a key's value was, and when. `from` is 0 where nothing had written the key since the history began. */
export type Version =
  | ({ readonly kind: 'past'; readonly until: number } & TypeOf<typeof pastCodec>)
  | {
      readonly kind: 'present';
      readonly newest: TypeOf<typeof newestCodec> | undefined;
      value: Uint8Array | undefined;
    };

export type Found =
  | { readonly ok: true; readonly version: Version; readonly since: number }
  | { readonly ok: false; readonly reason: 'no-history' | 'before-history' };

interface HistoryView extends HistoryReader {
  entries(map: string, range?: Range): Iterable<[Key, Uint8Array]>;
}

/** The value as of batch `at`, in a state that is of that batch or a later one. */
export function findVersion(view: HistoryView, name: string, key: Key, at: number): Found {
  const map = historyMapOf(name);
  const began = stored(beganCodec, view.get(map, beganKey));
  if (began === undefined) return { ok: false, reason: 'no-history' };
  const { since } = began;
  if (at < since) return { ok: false, reason: 'before-history' };
  const newest = stored(newestCodec, view.get(map, recordKey(key, 0)));
  if (newest === undefined || at >= newest.from)
    return { ok: true, since, version: { kind: 'present', newest, value: view.get(valueMapOf(name), key) } };
  // The first that ended after `at`: there is one, since something wrote the key later.
  const range = { prefix: recordPrefix(key), from: recordKey(key, at + 1), limit: 1 };
  const [[recorded, record]] = view.entries(map, range) as Iterable<[Key, Uint8Array]> & [[Key, Uint8Array]];
  const until = stored(u64, fromLatin1(recorded.slice(-8)))!;
  return { ok: true, since, version: { kind: 'past', until, ...stored(pastCodec, record)! } };
}

/** What the state holds was written here: it decodes. */
function stored<T>(codec: Parameters<typeof decode<T>>[0], encoded: Uint8Array | undefined): T | undefined {
  if (encoded === undefined) return undefined;
  const decoded = decode(codec, encoded);
  if (!decoded.ok) throw new Error(`a history holds what nobody wrote: ${decoded.reason}`);
  return decoded.value;
}
