/** Changes to DER that keep the lengths of everything around right: what is inside is reached, not only the first length. */
import type { Random } from '../packages/simulator/src/random.ts';

interface Node {
  tag: Uint8Array;
  children: Node[] | undefined;
  content: Uint8Array;
  /** Written in place of the true length. */
  length?: Uint8Array;
}

const depthMax = 24;

/** The elements of `bytes`, or `undefined` where they are not elements one after the other. */
function read(bytes: Uint8Array, depth: number): Node[] | undefined {
  const nodes: Node[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const tag = bytes[at++]!;
    if ((tag & 0x1f) === 0x1f) return undefined;
    let length = bytes[at++];
    if (length === undefined) return undefined;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 3) return undefined;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? 0);
    }
    const content = bytes.subarray(at, at + length);
    if (content.length < length) return undefined;
    at += length;
    // Octet and bit strings often hold DER themselves.
    const inside =
      tag === 4 ? content : tag === 3 && content[0] === 0 ? undefined : (tag & 0x20) !== 0 ? content : undefined;
    const children =
      inside !== undefined && inside.length > 1 && depth < depthMax ? read(inside, depth + 1) : undefined;
    nodes.push({ tag: bytes.subarray(start, start + 1), children, content });
    if (nodes.length > 500) return undefined;
  }
  return nodes;
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  if (length < 0x1_0000) return Uint8Array.of(0x82, length >> 8, length);
  return Uint8Array.of(0x83, length >> 16, length >> 8, length);
}

function write(nodes: readonly Node[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { tag, children, content, length } of nodes) {
    const inner = children === undefined ? content : write(children);
    parts.push(tag, length ?? lengthOf(inner.length), inner);
  }
  return Buffer.concat(parts);
}

function all(nodes: Node[]): { siblings: Node[]; at: number }[] {
  return nodes.flatMap((node, at) => [
    { siblings: nodes, at },
    ...(node.children === undefined ? [] : all(node.children)),
  ]);
}

export function mutateDer(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const roots = read(bytes, 0);
  if (roots === undefined || roots.length === 0) return bytes;
  const places = all(roots);
  const { siblings, at } = random.pick(places);
  const node = siblings[at]!;
  switch (random.below(9)) {
    case 0:
      node.tag = Uint8Array.of(random.percent(50) ? random.below(256) : node.tag[0]! ^ (1 << random.below(8)));
      break;
    case 1:
      siblings.splice(at, 1);
      break;
    case 2:
      siblings.splice(at, 0, node);
      break;
    case 3: {
      const theirs = read(other, 0);
      const from = theirs === undefined ? [] : all(theirs);
      if (from.length === 0) break;
      const taken = random.pick(from);
      siblings[at] = taken.siblings[taken.at]!;
      break;
    }
    case 4: {
      // Lengths that are not the shortest, are indefinite, or lie.
      const { length } = node.children === undefined ? node.content : write(node.children);
      node.length = random.pick([
        Uint8Array.of(0x80),
        Uint8Array.of(0x81, length),
        Uint8Array.of(0x82, length >> 8, length),
        Uint8Array.of(0x84, 0, 0, length >> 8, length),
        Uint8Array.of(0x84, 0xff, 0xff, 0xff, 0xff),
        Uint8Array.of(0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
        lengthOf(length + 1),
        lengthOf(Math.max(0, length - 1)),
      ]);
      break;
    }
    case 5:
      node.children = undefined;
      node.content = random.pick([
        new Uint8Array(0),
        random.bytes(1 + random.below(40)),
        new Uint8Array(1 + random.below(20)),
        new Uint8Array(20).fill(0xff),
      ]);
      break;
    case 6: {
      const changed = node.children === undefined ? node.content.slice() : new Uint8Array(write(node.children));
      if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
      node.children = undefined;
      node.content = changed;
      break;
    }
    case 7: {
      // Within itself.
      const depth = random.percent(90) ? 1 + random.below(5) : random.below(1000);
      let inner = write([node]);
      for (let i = 0; i < depth; i++) inner = Buffer.concat([node.tag, lengthOf(inner.length), inner]);
      siblings[at] = { tag: inner.subarray(0, 1), children: undefined, content: inner };
      break;
    }
    default:
      // In another order.
      siblings.push(...siblings.splice(at, 1));
  }
  return new Uint8Array(write(roots));
}
