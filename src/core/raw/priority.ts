/**
 * Cells in the order of their priorities: a skip list of nodes.
 *
 * ```
 *   heads[2] ─────────────────► node ─────────────────────► 0
 *   heads[1] ──────► node ────► node ──────► node ────────► 0       higher levels: short cuts only
 *   heads[0] ► node ► node ► … the truth: every node, smallest first, equal ones in the order of their puts
 *
 *   node = item │ levels │ words of the key │ next of each level … │ key …
 * ```
 * A put compares with about log n nodes, a get with none: it takes the first. One store into the lowest level commits
 * either, and a node that is missing in a higher one costs a few steps, nothing else: so a thread that dies in the middle
 * of it does no harm. The counters follow the list; `operation` says which of them does until they agree again.
 *
 * Source: W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees".
 *
 * @module
 */

import { load, store } from "#atomics";
import { alloc, free } from "../heap.ts";
import { PRIORITY, QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { compareKeys } from "../priority-key.ts";
import { ADDED, type Comparator, type QueueOrder } from "./queue-order.ts";

const NODE = { item: 0, levels: 1, keyWords: 2, next: 3 } as const;

/** Three of four nodes stand in the lowest level only. */
const LEVELS: number = PRIORITY.levels;

/** `PRIORITY.operation`: which counter the list is ahead of. */
const OPERATION = { none: 0, adding: 1, removing: 2 } as const;

let random = 0x2545_f491;

function levelsOfNext(): number {
  // xorshift32: cheap, and good enough to tell how high a node stands.
  random ^= random << 13;
  random ^= random >>> 17;
  random ^= random << 5;
  return 1 + Math.min(LEVELS - 1, Math.clz32(random) >>> 1);
}

/** A node around the cell of an item, not yet in any queue. */
export function createNode(memory: Memory, item: number, key: readonly number[]): number {
  const levels = levelsOfNext();
  const node = alloc(memory, NODE.next + levels + key.length);
  const { words } = memory;
  words[node + NODE.item] = item;
  words[node + NODE.levels] = levels;
  words[node + NODE.keyWords] = key.length;
  words.set(key, node + NODE.next + levels);
  return node;
}

export function itemOf(memory: Memory, node: number): number {
  reachNode(memory, node);
  return memory.words[node + NODE.item]!;
}

/** Frees a node that is in no queue; the item's cell is the caller's now. */
export function unwrapNode(memory: Memory, node: number): number {
  const item = itemOf(memory, node);
  free(memory, node);
  return item;
}

function reachNode(memory: Memory, node: number): number {
  memory.reach(node + NODE.next);
  memory.reach(node + NODE.next + memory.words[node + NODE.levels]! + memory.words[node + NODE.keyWords]!);
  return node;
}

function keyOf(memory: Memory, node: number): number {
  return node + NODE.next + memory.words[node + NODE.levels]!;
}

/** Address of the word that leads on from a node, or from the head of the level (0). */
function link(queue: number, node: number, level: number): number {
  return node === 0 ? queue + PRIORITY.heads + level : node + NODE.next + level;
}

function byKey(memory: Memory, node: number): Comparator {
  return (other) => compareKeys(memory.words, keyOf(memory, node), keyOf(memory, other));
}

const path: number[] = Array.from({ length: LEVELS }, () => 0);

/** Fills in {@link path}: after which node of each level the new one belongs. Gives {@link ADDED}. */
function find(memory: Memory, queue: number, compare: Comparator): number {
  let at = 0;
  let later = 0;
  for (let level = LEVELS - 1; level >= 0; level--) {
    for (;;) {
      const next = load(memory.words, link(queue, at, level));
      // The node above was found to come later; one level down it is met again.
      if (next === 0 || next === later) break;
      const order = compare(reachNode(memory, next));
      if (order === undefined) return ADDED.asked;
      if (Number.isNaN(order)) return ADDED.refused;
      if (order < 0) {
        later = next;
        break;
      }
      at = next;
    }
    path[level] = at;
  }
  return ADDED.done;
}

/** Enters a node where {@link path} says. */
function enter(memory: Memory, queue: number, node: number): void {
  const { words } = memory;
  const levels = words[node + NODE.levels]!;
  for (let level = 0; level < levels; level++) {
    store(words, link(queue, node, level), load(words, link(queue, path[level]!, level)));
  }
  for (let level = 0; level < levels; level++) store(words, link(queue, path[level]!, level), node);
}

function count(memory: Memory, queue: number, counter: number, by: number): void {
  store(memory.words, queue + counter, (load(memory.words, queue + counter) + by) | 0);
  store(memory.words, queue + PRIORITY.operation, OPERATION.none);
}

function nodes(memory: Memory, queue: number): number[] {
  const found: number[] = [];
  for (let node = load(memory.words, queue + PRIORITY.heads); node !== 0;) {
    found.push(reachNode(memory, node));
    node = load(memory.words, link(queue, node, 0));
  }
  return found;
}

export const byPriority: QueueOrder = {
  add(memory, queue, node, _, compare) {
    reachNode(memory, node);
    const added = find(memory, queue, compare ?? byKey(memory, node));
    if (added !== ADDED.done) return added;
    store(memory.words, queue + PRIORITY.operation, OPERATION.adding);
    enter(memory, queue, node);
    count(memory, queue, QUEUE.puts, 1);
    return added;
  },

  next: (memory, queue) => load(memory.words, queue + PRIORITY.heads),

  remove(memory, queue) {
    const node = reachNode(memory, load(memory.words, queue + PRIORITY.heads));
    const { words } = memory;
    store(words, queue + PRIORITY.operation, OPERATION.removing);
    for (let level = words[node + NODE.levels]! - 1; level >= 0; level--) {
      // A higher level may lack it: whoever entered it died before it was done.
      const head = link(queue, 0, level);
      if (load(words, head) === node) store(words, head, load(words, link(queue, node, level)));
    }
    count(memory, queue, QUEUE.gets, 1);
  },

  putBack(memory, queue, node) {
    reachNode(memory, node);
    path.fill(0);
    if (!this.asks!(memory, queue)) {
      const compare = byKey(memory, node);
      // It came before all that are equal to it, and before what it cannot be compared with.
      find(memory, queue, (other) => (compare(other)! > 0 ? 1 : -1));
    }
    store(memory.words, queue + PRIORITY.operation, OPERATION.removing);
    enter(memory, queue, node);
    count(memory, queue, QUEUE.gets, -1);
  },

  cells: nodes,

  clear(memory, queue) {
    store(memory.words, queue + PRIORITY.operation, OPERATION.removing);
    for (let level = LEVELS - 1; level >= 0; level--) store(memory.words, link(queue, 0, level), 0);
    store(memory.words, queue + QUEUE.gets, load(memory.words, queue + QUEUE.puts));
    store(memory.words, queue + PRIORITY.operation, OPERATION.none);
  },

  unwrap: unwrapNode,

  repair(memory, queue) {
    const operation = load(memory.words, queue + PRIORITY.operation);
    if (operation === OPERATION.none) return;
    const { words } = memory;
    const n = nodes(memory, queue).length;
    if (operation === OPERATION.adding) store(words, queue + QUEUE.puts, (load(words, queue + QUEUE.gets) + n) | 0);
    else store(words, queue + QUEUE.gets, (load(words, queue + QUEUE.puts) - n) | 0);
    store(words, queue + PRIORITY.operation, OPERATION.none);
  },

  asks: (memory, queue) => load(memory.words, queue + PRIORITY.turn) !== 0,
};
