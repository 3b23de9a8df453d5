/**
 * An immutable map whose versions share structure: a hash trie (Bagwell, Ideal Hash Trees, 2001), as CPython keeps its
 * contexts in. Keys are numbered, and their numbers are their hashes, so that no two are ever the same.
 *
 * ```
 *   number  …0000 00010 00011
 *                   │     └── place in the root, of 32
 *                   └──────── place in the branch there, if another key's number ends in 00011 too
 * ```
 * Measured (bench/context): reading takes 5 ns more than from a `Map`; but changing a copied context takes 30 ns, where
 * copying a `Map` takes 200 ns with 5 variables, 700 ns with 20, and 30 µs with 1000.
 *
 * @module
 */

/** A key of the trie. */
export interface Numbered {
  readonly id: number;
}

/** What a key maps to. */
export interface Leaf<K extends Numbered> {
  readonly key: K;
  readonly value: unknown;
}

/** A branch, or a leaf: one class for both, so that the way down is read in one form. */
class Node<K extends Numbered> implements Leaf<K> {
  /** Which of the 32 places are taken. 0 in a leaf. */
  readonly bits: number;
  readonly places: readonly Node<K>[];
  readonly key: K;
  readonly value: unknown;

  constructor(bits: number, places: readonly Node<K>[], key: K, value: unknown) {
    this.bits = bits;
    this.places = places;
    this.key = key;
    this.value = value;
  }
}

const NONE: readonly never[] = [];
/** The key of a branch. */
const NO_KEY: Numbered = { id: -1 };

function isLeaf(node: { readonly key: Numbered }): boolean {
  return node.key !== NO_KEY;
}

function branchOf<K extends Numbered>(bits: number, places: readonly Node<K>[]): Node<K> {
  return new Node<K>(bits, places, NO_KEY as K, undefined);
}

export class Trie<K extends Numbered> {
  static readonly empty: Trie<never> = new Trie<never>(branchOf<never>(0, NONE), 0);

  readonly #root: Node<K>;
  readonly size: number;

  private constructor(root: Node<K>, size: number) {
    this.#root = root;
    this.size = size;
  }

  /** `undefined`: there is none. */
  find(key: K): Leaf<K> | undefined {
    let node = this.#root;
    for (let rest = key.id; node.key === NO_KEY; rest >>>= 5) {
      const bit = 1 << (rest & 31);
      if ((node.bits & bit) === 0) return undefined;
      node = node.places[count(node.bits & (bit - 1))]!;
    }
    return node.key === key ? node : undefined;
  }

  with(key: K, value: unknown): Trie<K> {
    const size = this.find(key) === undefined ? this.size + 1 : this.size;
    return new Trie(put(this.#root, 0, new Node<K>(0, NONE, key, value)), size);
  }

  without(key: K): Trie<K> {
    return this.find(key) === undefined ? this : new Trie(remove(this.#root, 0, key), this.size - 1);
  }

  *[Symbol.iterator](): Generator<Leaf<K>, undefined> {
    yield* leaves(this.#root);
  }
}

/** How many bits are set. */
function count(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function put<K extends Numbered>({ bits, places }: Node<K>, shift: number, leaf: Node<K>): Node<K> {
  const bit = 1 << ((leaf.key.id >>> shift) & 31);
  const i = count(bits & (bit - 1));
  if ((bits & bit) === 0) return branchOf(bits | bit, places.toSpliced(i, 0, leaf));
  const there = places[i]!;
  let place = leaf;
  if (!isLeaf(there)) place = put(there, shift + 5, leaf);
  else if (there.key !== leaf.key) place = put(put(branchOf<K>(0, NONE), shift + 5, there), shift + 5, leaf);
  return branchOf(bits, places.with(i, place));
}

/** The key is there. */
function remove<K extends Numbered>({ bits, places }: Node<K>, shift: number, key: K): Node<K> {
  const bit = 1 << ((key.id >>> shift) & 31);
  const i = count(bits & (bit - 1));
  const there = places[i]!;
  const rest = isLeaf(there) ? undefined : remove(there, shift + 5, key);
  if (rest !== undefined && rest.bits !== 0) return branchOf(bits, places.with(i, rest));
  return branchOf(bits & ~bit, places.toSpliced(i, 1));
}

function* leaves<K extends Numbered>(node: Node<K>): Generator<Leaf<K>, undefined> {
  if (isLeaf(node)) yield node;
  else for (const place of node.places) yield* leaves(place);
}
