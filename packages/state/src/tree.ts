/**
 * An ordered map of text to values that can be shared: a B+ tree that copies on write.
 *
 * Every node names its owner, a token of the tree that made it. A tree changes its own nodes in place and copies those
 * of others. So {@link Tree.share}, which gives both sides a new token, takes constant time, and between two shares a
 * node is copied at most once.
 *
 * - The keys of a leaf are in ascending order; `values` runs beside them.
 * - A branch's `keys[i]` is at most every key below `children[i]`, and above every key below `children[i - 1]`.
 * - No node but the root is empty, and all leaves are at one depth.
 */

const keysMax = 64;
/** A node with fewer keys is merged with a neighbour, when both fit into one. */
const keysLow = keysMax / 4;

interface TreeNode<V> {
  readonly owner: object;
  readonly keys: string[];
  /** A branch's; empty in a leaf. */
  readonly children: TreeNode<V>[];
  /** A leaf's; empty in a branch. */
  readonly values: V[];
}

/** The index of the first of the keys that is `key` or above it. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the child below which `key` belongs. */
function childIndex<V>(node: TreeNode<V>, key: string): number {
  const at = lowerBound(node.keys, key);
  return at > 0 && node.keys[at] !== key ? at - 1 : at;
}

export class Tree<V> {
  #owner = {};
  #root: TreeNode<V> = { owner: this.#owner, keys: [], children: [], values: [] };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A tree of the same content, in constant time. The two no longer see each other's changes. */
  share(): Tree<V> {
    const other = new Tree<V>();
    other.#root = this.#root;
    other.#size = this.#size;
    this.#owner = {};
    return other;
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node.children.length > 0) node = node.children[childIndex(node, key)]!;
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** The greatest key that is `key` or below it, and its value. */
  floor(key: string): { readonly key: string; readonly value: V } | undefined {
    let node = this.#root;
    while (node.children.length > 0) node = node.children[childIndex(node, key)]!;
    let at = lowerBound(node.keys, key);
    if (node.keys[at] !== key) at--;
    if (at >= 0) return { key: node.keys[at]!, value: node.values[at]! };
    // All keys of this leaf are above it: the leaf before has the one, if any.
    const before = this.cursor('', key, true);
    return before.next() ? { key: before.key!, value: before.value! } : undefined;
  }

  set(key: string, value: V): void {
    this.#root = this.#owned(this.#root);
    this.#insert(this.#root, key, value);
    if (this.#root.keys.length <= keysMax) return;
    const left = this.#root;
    const right = this.#split(left, false);
    this.#root = { owner: this.#owner, keys: [left.keys[0]!, right.keys[0]!], children: [left, right], values: [] };
  }

  delete(key: string): void {
    // Absent keys are looked for first, so that they copy nothing.
    if (this.get(key) === undefined) return;
    this.#root = this.#owned(this.#root);
    this.#remove(this.#root, key);
    while (this.#root.children.length === 1) this.#root = this.#root.children[0]!;
  }

  /** Walks the keys from `from` to before `to`, or back. Good until the tree is changed. */
  cursor(from: string, to: string, reverse = false): Cursor<V> {
    return new Cursor(this.#root, from, to, reverse);
  }

  #owned(node: TreeNode<V>): TreeNode<V> {
    if (node.owner === this.#owner) return node;
    return {
      owner: this.#owner,
      keys: node.keys.slice(),
      children: node.children.slice(),
      values: node.values.slice(),
    };
  }

  /** The child of an owned node, made owned. */
  #ownedChild(node: TreeNode<V>, index: number): TreeNode<V> {
    return (node.children[index] = this.#owned(node.children[index]!));
  }

  #insert(node: TreeNode<V>, key: string, value: V): void {
    if (node.children.length > 0) {
      const index = childIndex(node, key);
      if (key < node.keys[0]!) node.keys[0] = key;
      const child = this.#ownedChild(node, index);
      this.#insert(child, key, value);
      if (child.keys.length <= keysMax) return;
      const right = this.#split(child, index === node.children.length - 1);
      node.keys.splice(index + 1, 0, right.keys[0]!);
      node.children.splice(index + 1, 0, right);
      return;
    }
    const at = lowerBound(node.keys, key);
    if (node.keys[at] === key) {
      node.values[at] = value;
    } else {
      node.keys.splice(at, 0, key);
      node.values.splice(at, 0, value);
      this.#size++;
    }
  }

  /** Moves the upper part of a full node to a new one. At the tree's right edge little of it: keys often ascend. */
  #split(node: TreeNode<V>, edge: boolean): TreeNode<V> {
    const at = edge ? keysMax - keysLow : keysMax / 2;
    return {
      owner: this.#owner,
      keys: node.keys.splice(at),
      children: node.children.splice(at),
      values: node.values.splice(at),
    };
  }

  #remove(node: TreeNode<V>, key: string): void {
    if (node.children.length === 0) {
      const at = lowerBound(node.keys, key);
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      this.#size--;
      return;
    }
    const index = childIndex(node, key);
    const child = this.#ownedChild(node, index);
    this.#remove(child, key);
    if (child.keys.length === 0) {
      node.keys.splice(index, 1);
      node.children.splice(index, 1);
    } else if (child.keys.length < keysLow) {
      if (index + 1 < node.children.length) this.#merge(node, index);
      else if (index > 0) this.#merge(node, index - 1);
    }
  }

  /** Joins the children at `index` and after it, if one node can hold both. */
  #merge(node: TreeNode<V>, index: number): void {
    const right = node.children[index + 1]!;
    if (node.children[index]!.keys.length + right.keys.length > keysMax) return;
    const left = this.#ownedChild(node, index);
    left.keys.push(...right.keys);
    left.children.push(...right.children);
    left.values.push(...right.values);
    node.keys.splice(index + 1, 1);
    node.children.splice(index + 1, 1);
  }
}

/** A walk over a part of a tree: {@link next}, then `key` and `value`. */
export class Cursor<V> {
  /** Where the walk is; `undefined` before it begins and when it has ended. */
  key: string | undefined;
  value: V | undefined;
  readonly #root: TreeNode<V>;
  readonly #reverse: boolean;
  readonly #bound: string;
  #leaf: TreeNode<V> | undefined;
  #at = 0;

  constructor(root: TreeNode<V>, from: string, to: string, reverse: boolean) {
    this.#root = root;
    this.#reverse = reverse;
    this.#bound = reverse ? from : to;
    this.#seek(root, reverse ? to : from);
  }

  /** Moves to the next key. False at the end. */
  next(): boolean {
    let leaf = this.#leaf;
    if (leaf !== undefined && (this.#at < 0 || this.#at >= leaf.keys.length)) {
      // `key ‖ 00` is the least text above `key`.
      const after = this.#reverse ? leaf.keys[0]! : `${leaf.keys[leaf.keys.length - 1]!}\0`;
      leaf = this.#leaf = undefined;
      if (this.#seek(this.#root, after)) leaf = this.#leaf;
    }
    const key = leaf?.keys[this.#at];
    if (leaf === undefined || key === undefined || (this.#reverse ? key < this.#bound : key >= this.#bound)) {
      this.#leaf = this.key = this.value = undefined;
      return false;
    }
    this.key = key;
    this.value = leaf.values[this.#at]!;
    this.#at += this.#reverse ? -1 : 1;
    return true;
  }

  /** Goes to the first key that is `key` or above it, or, in reverse, to the last one below it. */
  #seek(node: TreeNode<V>, key: string): boolean {
    if (node.children.length === 0) {
      const at = lowerBound(node.keys, key) - (this.#reverse ? 1 : 0);
      if (at < 0 || at >= node.keys.length) return false;
      this.#leaf = node;
      this.#at = at;
      return true;
    }
    // The leaf below which the key belongs may hold only keys on the wrong side of it: then its neighbour has the one.
    const start = childIndex(node, key);
    if (this.#seek(node.children[start]!, key)) return true;
    const neighbour = node.children[start + (this.#reverse ? -1 : 1)];
    return neighbour !== undefined && this.#seek(neighbour, key);
  }
}
