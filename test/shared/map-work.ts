/** What the threads of map.test.ts do. @module */

import type { SharedMap, Value } from "heddle/shared";
import type { Event } from "heddle/threading";

export type Counts = SharedMap<string, number>;

export function countSync(map: Counts, keys: readonly string[], times: number): void {
  for (let i = 0; i < times; i++) map.updateSync(keys[i % keys.length]!, (n = 0) => n + 1);
}

export async function countAsync(map: Counts, keys: readonly string[], times: number): Promise<void> {
  const pending: Promise<number>[] = [];
  for (let i = 0; i < times; i++) {
    pending.push(
      map.update(keys[i % keys.length]!, async (n = 0) => {
        await Promise.resolve();
        return n + 1;
      }),
    );
    if (pending.length === 8) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
}

export interface Item {
  readonly key: string | number;
  readonly text: string;
  readonly repeated: readonly string[];
}

export function itemFor(key: string | number, n: number): Item {
  const text = `${key}:${n}`;
  return { key, text, repeated: Array.from({ length: n % 7 }, () => text) };
}

/** Is it whole, and of that key? */
export function isItem(item: Item, key: string | number): boolean {
  return item.key === key && item.text.startsWith(`${key}:`) && item.repeated.every((text) => text === item.text);
}

/** Sets, deletes and reads keys that others do too. Returns how many it read. */
export function churn(map: SharedMap<string | number, Item>, seed: number, times: number): number {
  let state = seed;
  let reads = 0;
  for (let i = 0; i < times; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    const n = (state >>> 8) % 300;
    const key = n & 1 ? n : `key ${n}`;
    const what = (state >>> 20) & 3;
    if (what === 0) map.delete(key);
    else if (what === 1) map.set(key, itemFor(key, i));
    else {
      const item = map.get(key);
      if (item === undefined) continue;
      reads++;
      if (!isItem(item, key)) throw new Error(`${String(key)}: ${JSON.stringify(item)}`);
    }
  }
  return reads;
}

/** Adds to a counter in the map, and then to one outside, until it is killed. */
export function addForever(map: SharedMap<string, unknown>, done: Value<number>, started: Event): void {
  started.set();
  for (let i = 0; ; i++) {
    map.updateSync("total", (n = 0) => (n as number) + 1);
    done.add(1);
    map.set(`own ${i % 50}`, itemFor(i, i));
    map.delete(`own ${(i * 7) % 50}`);
    if (i % 1000 === 0 && !map.has("total")) throw new Error("the total is gone");
  }
}

/** Grows and shrinks tables until it is killed. */
export function resizeForever(map: SharedMap<string, unknown>, seed: number, started: Event): void {
  started.set();
  for (let i = 0; ; i++) {
    for (let k = 0; k < 400; k++) map.set(`${seed}/${k}`, k % 3 === 0 ? "x".repeat(k) : k);
    for (let k = 0; k < 400; k++) map.delete(`${seed}/${k}`);
  }
}

/** Is killed with the key's lock. */
export function updateForever(map: Counts, inside: Event): void {
  map.updateSync("k", (n = 0) => {
    inside.set();
    for (;;) n++;
  });
}

export function throwInside(map: Counts, inside: Event, go: Event): void {
  map.updateSync("k", (n) => {
    inside.set();
    go.waitSync();
    throw new Error(`no more than ${n}`);
  });
}

/** Updates slowly: waits in the middle. */
export function slowUpdate(map: Counts, key: string, inside: Event, go: Event): number {
  let calls = 0;
  map.updateSync(key, (n = 0) => {
    calls++;
    inside.set();
    go.waitSync();
    return n + 1;
  });
  return calls;
}

export function readAll(map: SharedMap<string, unknown>): [unknown[], number] {
  return [[...map.keys()].sort(), map.size];
}

export function replace(map: SharedMap<string, unknown>, times: number): void {
  for (let i = 0; i < times; i++) map.set(`k${i & 15}`, { i, text: "some text" });
}

export class Box {
  readonly content: number;
  constructor(content: number) {
    this.content = content;
  }
  double(): number {
    return 2 * this.content;
  }
}

export function doubled(map: SharedMap<string, Box>): number {
  return map.get("box")!.double();
}

export function nothing(): void {}
