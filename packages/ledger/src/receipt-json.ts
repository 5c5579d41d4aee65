/**
 * The JSON form of receipts: the same fields under the same names, for people and for tools.
 *
 * Byte strings are lower-case hexadecimal, absent values `null`, and a system request is its encoding, in hexadecimal.
 * Every object has exactly its fields. What was read is encoded, and only what the binary form accepts is a receipt,
 * so the two forms are one format. Text must be what {@link receiptToJson} gives, up to white space between tokens:
 * a document that different JSON parsers would read differently is refused.
 */
import {
  type Code,
  type CommitCertificate,
  type Configuration,
  decode,
  type Decoded,
  encode,
  type EpochCertificate,
  fromHex,
  type Genesis,
  type Header,
  nonceBytes,
  type Operation,
  type Predecessor,
  type PreparedCertificate,
  schemes,
  type Seat,
  type Subject,
  type SystemRequest,
  systemRequestCodec,
  toHex,
} from '@coppice/wire';
import { type Receipt, receiptCodec, type ProvenTransaction } from './receipt.ts';

/** How values of one type stand in JSON. Reading throws a `RangeError` for anything else. */
interface Form<T> {
  toJson(value: T): unknown;
  fromJson(json: unknown): T;
}

function refuse(reason: string): never {
  throw new RangeError(reason);
}

function hex(...lengths: readonly number[]): Form<Uint8Array> {
  return {
    toJson: toHex,
    fromJson(json) {
      const bytes = typeof json === 'string' ? fromHex(json) : undefined;
      if (bytes === undefined || (lengths.length > 0 && !lengths.includes(bytes.length)))
        refuse('not the hexadecimal text expected');
      return bytes;
    },
  };
}

function integer(max: number): Form<number> {
  return {
    toJson: (value) => value,
    fromJson: (json) =>
      typeof json === 'number' && Number.isInteger(json) && json >= 0 && json <= max && !Object.is(json, -0)
        ? json
        : refuse('not the integer expected'),
  };
}

const text: Form<string> = {
  toJson: (value) => value,
  fromJson: (json) => (typeof json === 'string' ? json : refuse('not a text')),
};

function array<T>(item: Form<T>): Form<readonly T[]> {
  return {
    toJson: (values) => values.map((value) => item.toJson(value)),
    fromJson: (json) => (Array.isArray(json) ? json.map((value) => item.fromJson(value)) : refuse('not a list')),
  };
}

function nullable<T>(item: Form<T>): Form<T | undefined> {
  return {
    toJson: (value) => (value === undefined ? null : item.toJson(value)),
    fromJson: (json) => (json === null ? undefined : item.fromJson(json)),
  };
}

function object<T extends object>(fields: { readonly [K in keyof T]-?: Form<T[K]> }): Form<T> {
  const entries = Object.entries(fields) as [keyof T & string, Form<T[keyof T]>][];
  return {
    toJson: (value) => Object.fromEntries(entries.map(([name, form]) => [name, form.toJson(value[name])])),
    fromJson(json) {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) refuse('not an object');
      const given = new Map<string, unknown>(Object.entries(json));
      if (given.size !== entries.length) refuse('not exactly the fields expected');
      return Object.fromEntries(
        entries.map(([name, form]) => {
          if (!given.has(name)) refuse(`no field ${name}`);
          return [name, form.fromJson(given.get(name))];
        }),
      ) as T;
    },
  };
}

const u16 = integer(0xffff);
const u32 = integer(0xffff_ffff);
const u64 = integer(Number.MAX_SAFE_INTEGER);
const key = hex(32);
const digest = hex(32);
/** Of one scheme or the other. */
const seatKey = hex(schemes[1].publicKeyBytes, schemes[2].publicKeyBytes);
const signature = hex(schemes[1].signatureBytes, schemes[2].signatureBytes);

const seat = object<Seat>({
  slot: u16,
  instance: key,
  signingKey: seatKey,
  sealingKey: key,
  release: digest,
  variant: text,
  platform: text,
  provider: text,
  turn: u64,
  since: u64,
  termEnd: u64,
  address: text,
  clientAddress: text,
});

const configuration = object<Configuration>({ epoch: u64, slots: u16, seats: array(seat) });

const headerFields = {
  protocolVersion: u16,
  service: digest,
  epoch: u64,
  sequence: u64,
  time: u64,
  proposer: u16,
  previousRoot: digest,
  transactionsRoot: digest,
  transactions: u32,
  configuration: digest,
};
const first = object<Omit<Header, 'code' | 'rehashed'>>(headerFields);
const code = object<Code>({ version: u32, script: digest });
const second = object<Omit<Header, 'rehashed'> & { readonly code: Code }>({ ...headerFields, code });
const fourth = object<Header & { readonly code: Code; readonly rehashed: number }>({
  ...headerFields,
  code,
  rehashed: u64,
});

/** Of the form of its version. */
const header: Form<Header> = {
  toJson(value) {
    const { rehashed } = value;
    if (value.code === undefined) return first.toJson(value);
    const named = { ...value, code: value.code };
    return rehashed === undefined ? second.toJson(named) : fourth.toJson({ ...named, rehashed });
  },
  fromJson(json) {
    const has = (field: string): boolean => typeof json === 'object' && json !== null && field in json;
    return has('rehashed') ? fourth.fromJson(json) : has('code') ? second.fromJson(json) : first.fromJson(json);
  },
};

const subject = object<Subject>({ epoch: u64, view: u64, sequence: u64, headerDigest: digest, newView: digest });

const certificate = object<CommitCertificate>({
  subject,
  reveals: array(object<CommitCertificate['reveals'][number]>({ slot: u16, nonce: hex(nonceBytes), signature })),
});

const vote = object<PreparedCertificate['votes'][number]>({ slot: u16, commitment: digest, signature });

const predecessor = object<Predecessor>({
  service: digest,
  header,
  certificate: object<PreparedCertificate>({ subject, votes: array(vote) }),
  ledgerRoot: digest,
  stateDigest: digest,
});

const founding = { constitution: digest, joinsRoot: digest, time: u64, configuration };
const foundingGenesis = object<Omit<Genesis, 'predecessor'>>(founding);
const succeedingGenesis = object<Genesis & { readonly predecessor: Predecessor }>({ ...founding, predecessor });

/** With a predecessor where there is one. */
const genesis: Form<Genesis> = {
  toJson: (value) =>
    value.predecessor === undefined
      ? foundingGenesis.toJson(value)
      : succeedingGenesis.toJson({ ...value, predecessor: value.predecessor }),
  fromJson: (json) =>
    typeof json === 'object' && json !== null && 'predecessor' in json
      ? succeedingGenesis.fromJson(json)
      : foundingGenesis.fromJson(json),
};

const target: Form<Operation['target']> = {
  toJson: (value) => value,
  fromJson: (json) => (json === 'service' || json === 'governance' ? json : refuse('not a target')),
};

const clientRequest = object<Extract<ProvenTransaction['request'], { kind: 'client' }>>({
  kind: { toJson: () => 'client', fromJson: (json) => (json === 'client' ? json : refuse('not a client request')) },
  client: key,
  number: u64,
  operation: object<Operation>({ target, payload: hex() }),
});

const systemRequest = object<Extract<ProvenTransaction['request'], { kind: 'system' }>>({
  kind: { toJson: () => 'system', fromJson: (json) => (json === 'system' ? json : refuse('not a system request')) },
  request: {
    toJson: (value: SystemRequest) => toHex(encode(systemRequestCodec, value)),
    fromJson(json) {
      const decoded = decode(systemRequestCodec, hex().fromJson(json));
      return decoded.ok ? decoded.value : refuse(decoded.reason);
    },
  },
});

const request: Form<ProvenTransaction['request']> = {
  toJson: (value) => (value.kind === 'client' ? clientRequest.toJson(value) : systemRequest.toJson(value)),
  fromJson: (json) =>
    typeof json === 'object' && json !== null && 'kind' in json && json.kind === 'system'
      ? systemRequest.fromJson(json)
      : clientRequest.fromJson(json),
};

const path = array(digest);

const receipt = object<Receipt>({
  version: u16,
  genesis,
  epochs: array(object<EpochCertificate>({ header, certificate, next: configuration })),
  header,
  via: nullable(object<NonNullable<Receipt['via']>>({ header, path })),
  certificate,
  transaction: object<ProvenTransaction>({ index: u32, request, result: hex(), writeSetDigest: digest, path }),
});

/** The JSON form: plain objects, ready for `JSON.stringify`. */
export function receiptToJson(value: Receipt): object {
  return receipt.toJson(value) as object;
}

/** The receipt with this JSON form, given as text or parsed, or why there is none. Never throws. */
export function receiptFromJson(json: string | object): Decoded<Receipt> {
  try {
    const parsed: unknown = typeof json === 'string' ? JSON.parse(json) : json;
    const read = decode(receiptCodec, encode(receiptCodec, receipt.fromJson(parsed), 4096));
    if (!read.ok || typeof json !== 'string') return read;
    // Strings are well-formed here, so this removes white space between tokens and nothing else.
    const compact = json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
    if (compact !== JSON.stringify(receiptToJson(read.value))) return { ok: false, reason: 'not in canonical form' };
    return read;
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, reason: error.message };
    if (error instanceof SyntaxError) return { ok: false, reason: 'not JSON' };
    throw error;
  }
}
