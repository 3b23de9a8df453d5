/**
 * What do context variables cost? Against bare AsyncLocalStorage, and the trie that contexts keep against a Map.
 *
 * Prints nanoseconds, and each as a multiple of the first of its group.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { ContextVar, copyContext } from "../src/contextvars/index.ts";
import { type Key, keyFor, Values } from "../src/contextvars/values.ts";
import { Local, LocalStack } from "../src/local/index.ts";

const ROUNDS = 7;
let sink: unknown;

function time(fn: () => unknown, times: number): number {
  const rounds: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const began = performance.now();
    for (let j = 0; j < times; j++) sink = fn();
    rounds.push(((performance.now() - began) * 1e6) / times);
  }
  return rounds.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
}

function group(title: string, cases: Record<string, () => unknown>, times: number): void {
  console.log(`\n${title}`);
  let first: number | undefined;
  for (const [name, fn] of Object.entries(cases)) {
    const ns = time(fn, times);
    first ??= ns;
    console.log(`  ${name.padEnd(44)} ${ns.toFixed(0).padStart(7)} ns   × ${(ns / first).toFixed(1)}`);
  }
}

const store = new AsyncLocalStorage<{ user: { name: string } }>();
const user = new ContextVar<{ name: string }>("user");
const local = new Local<{ user: { name: string } }>();
const stack = new LocalStack<{ name: string }>();
const proxy = stack.proxy();

store.run({ user: { name: "ada" } }, () => {
  copyContext().run(() => {
    user.set({ name: "ada" });
    local.user = { name: "ada" };
    stack.push({ name: "ada" });
    group(
      "reading",
      {
        "getStore().user.name": () => store.getStore()!.user.name,
        "contextVar.get().name": () => user.get().name,
        "local.user.name": () => local.user!.name,
        "stack.top.name": () => stack.top!.name,
        "proxy.name": () => proxy.name,
      },
      300_000,
    );
    group(
      "setting",
      { "contextVar.set(x)": () => user.set({ name: "x" }), "local.n = 1": () => (local.user = { name: "x" }) },
      100_000,
    );
    group(
      "running",
      {
        "store.run(value, fn)": () => store.run({ user: { name: "x" } }, () => 1),
        "copyContext().run(fn)": () => copyContext().run(() => 1),
      },
      100_000,
    );
  });
});

for (const n of [5, 20, 100, 1000]) {
  const keys = Array.from({ length: n }, () => keyFor({}));
  const values = new Values();
  for (const key of keys) values.set(key, 1);
  const map = new Map(keys.map((key) => [key, 1]));
  const last = keys[n >> 1]!;
  group(`${n} variables: read one`, { trie: () => values.all.find(last)?.value, Map: () => map.get(last) }, 300_000);
  for (const m of [1, 10]) {
    const change = (changed: { set(key: Key, value: number): unknown }): unknown => {
      for (let i = 0; i < m; i++) changed.set(keys[i % n]!, i);
      return changed;
    };
    group(
      `${n} variables: copy, and set ${m}`,
      { trie: () => change(new Values(values)), Map: () => change(new Map(map)) },
      n > 100 ? 2000 : 30_000,
    );
  }
}

void sink;
