/**
 * The edges of Ed25519 on which implementations disagree, with what the strict rule of spec/encoding.md says of each, computed by the rule's
 * own words on the curve of @noble/curves. Deterministic: seeds are hashes of the case's name.
 */
import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

type Point = InstanceType<typeof ed25519.Point>;

export interface Edge {
  readonly what: string;
  /** Hexadecimal, as all of these. */
  readonly key: string;
  readonly message: string;
  readonly signature: string;
  /** What `verify` gives. */
  readonly verifies: boolean;
  /** What `validPublicKey` gives. */
  readonly validKey: boolean;
}

const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const prime = 2n ** 255n - 19n;
const { BASE, ZERO } = ed25519.Point;
const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');

const sha512 = (...parts: readonly Uint8Array[]): Uint8Array =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha512')).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const integer = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const times = (point: Point, by: bigint): Point => (by % order === 0n ? ZERO : point.multiplyUnsafe(by % order));
const eighths = (i: number): Point => Array.from({ length: i }).reduce<Point>((sum) => sum.add(torsion), ZERO);

/** y of an encoding, without the sign of x. */
const yOf = (encoding: Uint8Array): bigint => integer(encoding) & (2n ** 255n - 1n);
const small = new Set(Array.from({ length: 8 }, (_, i) => yOf(eighths(i).toBytes())));

function pointOf(encoding: Uint8Array): Point | undefined {
  try {
    return ed25519.Point.fromBytes(encoding);
  } catch {
    return undefined;
  }
}

const acceptable = (encoding: Uint8Array): boolean =>
  encoding.length === 32 && yOf(encoding) < prime && !small.has(yOf(encoding));

/** Points 1 to 4 of the rule. */
function verifies(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  const [commitment, scalar] = [signature.slice(0, 32), integer(signature.slice(32))];
  const point = acceptable(key) && acceptable(commitment) && scalar < order ? pointOf(key) : undefined;
  if (point === undefined) return false;
  const challenge = integer(sha512(commitment, key, message)) % order;
  return hex(times(BASE, scalar).subtract(times(point, challenge)).toBytes()) === hex(commitment);
}

/** [L]A by doubling and adding: the curve's own check of a subgroup is one of those in question. */
function validKey(key: Uint8Array): boolean {
  const point = acceptable(key) ? pointOf(key) : undefined;
  if (point === undefined) return false;
  let sum = ZERO;
  for (let bit = 252; bit >= 0; bit--) {
    sum = sum.double();
    if ((order >> BigInt(bit)) & 1n) sum = sum.add(point);
  }
  return sum.equals(ZERO);
}

/** A signature with secret scalar a, nonce r, and torsion added to key and commitment. */
function signed(
  message: Uint8Array,
  { a, r, keyPart = 0, noncePart = 0 }: { a: bigint; r: bigint; keyPart?: number; noncePart?: number },
) {
  const key = times(BASE, a).add(eighths(keyPart)).toBytes();
  const commitment = times(BASE, r).add(eighths(noncePart)).toBytes();
  const challenge = integer(sha512(commitment, key, message)) % order;
  return { key, commitment, scalar: (r + challenge * a) % order };
}

export function edges(): Edge[] {
  const found: Edge[] = [];
  const add = (what: string, key: Uint8Array, message: Uint8Array, signature: Uint8Array): void => {
    const verdict = { verifies: verifies(key, message, signature), validKey: validKey(key) };
    found.push({ what, key: hex(key), message: hex(message), signature: hex(signature), ...verdict });
  };
  const join = (commitment: Uint8Array, scalar: bigint): Uint8Array =>
    Uint8Array.from([...commitment, ...littleEndian(scalar)]);
  const secrets = (what: string) => {
    const seed = sha512(Buffer.from(what));
    return {
      message: seed.slice(0, 16),
      a: integer(sha512(seed, Uint8Array.of(1))) % order,
      r: integer(sha512(seed, Uint8Array.of(2))) % order,
    };
  };

  // Torsion in key and commitment, many messages each: whether the challenge cancels it depends on the message.
  for (let keyPart = 0; keyPart < 8; keyPart++) {
    for (let noncePart = 0; noncePart < 8; noncePart++) {
      for (let i = 0; i < 3; i++) {
        const what = `torsion ${keyPart} in the key, ${noncePart} in R, ${i}`;
        const { a, message, r } = secrets(what);
        const { commitment, key, scalar } = signed(message, { a, r, keyPart, noncePart });
        add(what, key, message, join(commitment, scalar));
      }
    }
  }
  // Keys and commitments of small order, in every encoding, with scalars that suit.
  const encodings = Array.from({ length: 8 }, (_, i) => eighths(i).toBytes()).flatMap((bytes) => {
    const flipped = Uint8Array.from(bytes);
    flipped[31]! ^= 0x80;
    const beyond = integer(bytes) + prime < 2n ** 255n ? [littleEndian(integer(bytes) + prime)] : [];
    return [bytes, flipped, ...beyond];
  });
  for (const [i, one] of encodings.entries()) {
    const { a, message, r } = secrets(`small ${i}`);
    const honest = signed(message, { a, r });
    add(`key of small order ${i}, R of small order, S = 0`, one, message, join(encodings[0]!, 0n));
    add(`key of small order ${i}, the same R, S = 0`, one, message, join(one, 0n));
    add(`key of small order ${i}, R = [r]B, S = r`, one, message, join(times(BASE, r).toBytes(), r));
    const challenge = integer(sha512(one, honest.key, message)) % order;
    add(`R of small order ${i}, S = ka`, honest.key, message, join(one, (challenge * a) % order));
  }
  // Coordinates beyond the prime, scalars beyond the order.
  for (let y = prime; y < 2n ** 255n; y++) {
    const { a, message, r } = secrets(`beyond ${y}`);
    const honest = signed(message, { a, r });
    add(`key with y = p + ${y - prime}`, littleEndian(y), message, join(honest.commitment, honest.scalar));
    add(`R with y = p + ${y - prime}`, honest.key, message, join(littleEndian(y), honest.scalar));
  }
  for (let by = 1n; honestFits(by); by++) {
    const { a, message, r } = secrets(`scalar ${by}`);
    const honest = signed(message, { a, r });
    if (honest.scalar + by * order < 2n ** 256n)
      add(`S + ${by}L`, honest.key, message, join(honest.commitment, honest.scalar + by * order));
  }
  const { a, message, r } = secrets('lengths');
  const honest = signed(message, { a, r });
  const signature = join(honest.commitment, honest.scalar);
  add('as it should be', honest.key, message, signature);
  add('an empty message', honest.key, new Uint8Array(0), signature);
  add('a short key', honest.key.slice(1), message, signature);
  add('a long signature', honest.key, message, Uint8Array.from([...signature, 0]));
  add('no signature', honest.key, message, new Uint8Array(0));
  add('not on the curve', new Uint8Array(32).fill(2), message, signature);
  return found;
}

function honestFits(by: bigint): boolean {
  return by * order < 2n ** 256n;
}
