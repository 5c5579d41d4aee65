/**
 * The state digest, recomputed from write sets. spec/state.md.
 *
 * A separate reading of that page, which keeps of each entry no more than its digests need: its place, a hash of either kind and a length.
 * Nobody knows beforehand whether the hash will change (algorithms.md), and when it does, values are not there any more.
 * Entries are grouped by the hexadecimal digits of SHA-256(address). A group is a *leaf* if it has one entry, or at most
 * 32 in at most 16,384 bytes; else it is a node of 16 groups, by their next digit.
 */
import {
  bytes,
  compareBytes,
  concatBytes,
  type Cryptography,
  decode,
  type Digest,
  digestOf,
  limits,
  list,
  optional,
  rehashedFrom,
  struct,
  toLatin1,
} from '@coppice/wire';

/** A write set, as it is encoded. */
export const changesCodec = list(
  struct({ address: bytes(1089), value: optional(bytes(1 << 20)) }),
  limits.writeSetBytes,
);

/** One change of a write set; the address as Latin-1. */
export interface Change {
  readonly address: string;
  /** `undefined`: deleted. */
  readonly value: Uint8Array | undefined;
}

/** What an encoded write set changes, or `undefined` where it is none. */
export function changesOf(writeSet: Uint8Array): Change[] | undefined {
  const changes = decode(changesCodec, writeSet);
  if (!changes.ok) return undefined;
  return changes.value.map(({ address, value }) => ({ address: toLatin1(address), value }));
}

interface Entry {
  readonly place: Digest;
  /** By SHA-256, and by SHA3-256. */
  readonly hashes: readonly [Digest, Digest];
  readonly bytes: number;
}

interface Group {
  count: number;
  bytes: number;
  /** Until something below changes. */
  digest: Digest | undefined;
  /** A leaf's, by place. */
  entries: Map<string, Entry> | undefined;
  /** A node's. */
  children: Group[];
}

const emptyGroup = (): Group => ({ count: 0, bytes: 0, digest: undefined, entries: new Map(), children: [] });
const isSmall = ({ count, bytes }: Group): boolean => count <= 1 || (count <= 32 && bytes <= 16_384);
const nowhere: Digest = new Uint8Array(32);
const nodeTag = Uint8Array.of(0x4e);

export class StateReplay {
  readonly #hashes: readonly [Cryptography, Cryptography];
  readonly #root = emptyGroup();
  /** Of which hash digests are: 0 or 1. */
  #by: 0 | 1 = 0;

  constructor(cryptography: Cryptography) {
    this.#hashes = [cryptography.of(1), cryptography.of(rehashedFrom)];
  }

  /** Applies one transaction's write set; a reason where it is not one. */
  apply(writeSet: Uint8Array): string | undefined {
    const changes = decode(changesCodec, writeSet);
    if (!changes.ok) return changes.reason;
    let before: Uint8Array | undefined;
    for (const { address, value } of changes.value) {
      if (before !== undefined && compareBytes(before, address) >= 0) return 'addresses do not ascend';
      before = address;
      const place = this.#hashes[0].hash(address);
      this.#put(this.#root, 0, toLatin1(place), value === undefined ? undefined : this.#entry(place, address, value));
    }
    return undefined;
  }

  /** @param rehashed of the hash that version 4 of the protocol brings */
  digest(rehashed = false): Digest {
    const root = this.#root;
    if (rehashed !== (this.#by === 1)) {
      this.#by = rehashed ? 1 : 0;
      forgetDigests(root);
    }
    return digestOf(this.#hashes[this.#by], 'state', root.count === 0 ? new Uint8Array(0) : this.#preimage(root));
  }

  /** 'E' ‖ u16 length ‖ address ‖ u32 length ‖ value, hashed. */
  #entry(place: Digest, address: Uint8Array, value: Uint8Array): Entry {
    const packed = new Uint8Array(7 + address.length + value.length);
    const view = new DataView(packed.buffer);
    packed[0] = 0x45;
    view.setUint16(1, address.length);
    packed.set(address, 3);
    view.setUint32(3 + address.length, value.length);
    packed.set(value, 7 + address.length);
    const [first, later] = this.#hashes;
    return { place, hashes: [first.hash(packed), later.hash(packed)], bytes: packed.length };
  }

  /** Puts an entry, or takes it out. */
  #put(group: Group, depth: number, place: string, entry: Entry | undefined): void {
    group.digest = undefined;
    if (group.entries !== undefined) {
      const before = group.entries.get(place);
      if (entry === undefined) group.entries.delete(place);
      else group.entries.set(place, entry);
      group.count = group.entries.size;
      group.bytes += (entry?.bytes ?? 0) - (before?.bytes ?? 0);
      if (isSmall(group)) return;
      group.children = Array.from({ length: 16 }, emptyGroup);
      for (const [each, there] of group.entries) this.#put(childOf(group, depth, each), depth + 1, each, there);
      group.entries = undefined;
      return;
    }
    const child = childOf(group, depth, place);
    const { count, bytes } = child;
    this.#put(child, depth + 1, place, entry);
    group.count += child.count - count;
    group.bytes += child.bytes - bytes;
    if (!isSmall(group)) return;
    group.entries = new Map(group.children.flatMap(entriesOf));
    group.children = [];
  }

  #digest(group: Group): Digest {
    if (group.count === 0) return nowhere;
    return (group.digest ??= this.#hashes[this.#by].hash(this.#preimage(group)));
  }

  #preimage({ entries, children }: Group): Uint8Array {
    if (entries === undefined) return concatBytes(nodeTag, ...children.map((child) => this.#digest(child)));
    const inOrder = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const hashes = inOrder.flatMap(([, { place, hashes: of }]) => [place, of[this.#by]]);
    return concatBytes(Uint8Array.of(0x4c, entries.size), ...hashes);
  }
}

function forgetDigests(group: Group): void {
  group.digest = undefined;
  for (const child of group.children) forgetDigests(child);
}

/** The child to which a place belongs: by the hexadecimal digit at `depth`. */
function childOf(group: Group, depth: number, place: string): Group {
  const byte = place.charCodeAt(depth >> 1);
  return group.children[depth % 2 === 0 ? byte >> 4 : byte & 15]!;
}

function entriesOf(group: Group): [string, Entry][] {
  return group.entries === undefined ? group.children.flatMap(entriesOf) : [...group.entries];
}

/** Bytes of committed write sets that wait for a checkpoint to say which state it is about. */
const waitingBytesMax = 256 * 1024 * 1024;

/** The state, behind the committed log: a checkpoint certificate comes when later batches are committed already. */
export class StateWatch {
  readonly #replay: StateReplay;
  #waiting: { sequence: number; writeSets: readonly Uint8Array[] }[] = [];
  #waitingBytes = 0;
  #applied = 0;

  /** Begins with what genesis wrote. */
  constructor(cryptography: Cryptography, genesis: Uint8Array) {
    this.#replay = new StateReplay(cryptography);
    this.#replay.apply(genesis);
  }

  /** Takes the write sets of the next committed batch; a reason where an earlier one turns out to be malformed. */
  add(sequence: number, writeSets: readonly Uint8Array[]): string | undefined {
    this.#waiting.push({ sequence, writeSets });
    for (const each of writeSets) this.#waitingBytes += each.length;
    return this.#waitingBytes > waitingBytesMax ? this.#applyThrough(sequence) : undefined;
  }

  /** The digest after batch `sequence`; a reason where it cannot be told. */
  digestAt(sequence: number, rehashed: boolean): Digest | string {
    if (sequence < this.#applied) return 'the checkpoint comes too late to recompute its state';
    return this.#applyThrough(sequence) ?? this.#replay.digest(rehashed);
  }

  #applyThrough(sequence: number): string | undefined {
    const later = this.#waiting.findIndex((batch) => batch.sequence > sequence);
    const due = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    this.#applied = sequence;
    for (const batch of due) {
      for (const writeSet of batch.writeSets) {
        this.#waitingBytes -= writeSet.length;
        const malformed = this.#replay.apply(writeSet);
        if (malformed !== undefined) return `write set of batch ${batch.sequence}: ${malformed}`;
      }
    }
    return undefined;
  }
}
