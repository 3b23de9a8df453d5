/**
 * The other way to keep a context's values: a hash trie that shares structure between versions (Bagwell, Ideal Hash
 * Trees, 2001), as CPython has one. Only what the comparison needs.
 *
 * @module
 */

interface Branch {
  /** Which of the 32 places are taken. */
  readonly bits: number;
  readonly places: readonly (Branch | Leaf)[];
}

interface Leaf {
  readonly key: object;
  readonly value: unknown;
}

const hashes: WeakMap<object, number> = new WeakMap();
let seed = 1;

/** CPython hashes the address; an object of ours would keep its hash in a field. */
export class Key {
  readonly hash: number;

  constructor() {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    this.hash = seed | 0;
    hashes.set(this, this.hash);
  }
}

const EMPTY: Branch = { bits: 0, places: [] };

function count(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export class Trie {
  readonly #root: Branch;

  constructor(root: Branch = EMPTY) {
    this.#root = root;
  }

  get(key: Key): unknown {
    let node: Branch | Leaf = this.#root;
    for (let shift = 0; "bits" in node; shift += 5) {
      const bit: number = 1 << ((key.hash >>> shift) & 31);
      if ((node.bits & bit) === 0) return undefined;
      node = node.places[count(node.bits & (bit - 1))]!;
    }
    return node.key === key ? node.value : undefined;
  }

  with(key: Key, value: unknown): Trie {
    return new Trie(put(this.#root, 0, key, { key, value }));
  }
}

function put(branch: Branch, shift: number, key: Key, leaf: Leaf): Branch {
  const bit = 1 << ((key.hash >>> shift) & 31);
  const i = count(branch.bits & (bit - 1));
  if ((branch.bits & bit) === 0) return { bits: branch.bits | bit, places: branch.places.toSpliced(i, 0, leaf) };
  const old = branch.places[i]!;
  const place =
    "bits" in old
      ? put(old, shift + 5, key, leaf)
      : old.key === key
        ? leaf
        : put(put(EMPTY, shift + 5, old.key as Key, old), shift + 5, key, leaf);
  return { bits: branch.bits, places: branch.places.with(i, place) };
}
