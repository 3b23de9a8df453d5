/** Every case of Python's behaviour that heddle keeps to has a test that bears its number. @module */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root: string = fileURLToPath(new URL("../../../", import.meta.url));

/** How many cases each part of `threading`, `queue`, `multiprocessing` and `concurrent.futures` has. */
const CASES: Readonly<Record<string, number>> = {
  MOD: 8,
  THR: 15,
  TMR: 7,
  LOCK: 11,
  RLOCK: 8,
  COND: 13,
  SEM: 13,
  EVT: 7,
  BAR: 12,
  Q: 14,
  PQ: 6,
  SD: 7,
  SQ: 6,
  LOC: 8,
  PROC: 14,
  PIPE: 12,
  MPQ: 12,
  MPS: 12,
  VAL: 7,
  SHM: 7,
  SL: 7,
  POOL: 19,
  LC: 6,
  FUT: 12,
  EX: 11,
  TPE: 12,
  PPE: 12,
  WAIT: 7,
  AC: 7,
};

/** Attributes of the class of a `local` are shared by all threads: a `Local` has no class of its own to hold any. */
const NOWHERE = ["LOC-4"];

/** The suites, and tests that need a program of their own or look at the program's memory. */
const FOLDERS = ["conformance", "threading", "queue", "shared", "futures", "multiprocessing"];

/** The tests' names, also those in a list; with those of suites that run for several types under each of them. */
function namesOfTests(): Set<string> {
  const found = new Set<string>();
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, "test", folder)).map((file) => path.join(root, "test", folder, file)),
  );
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(file, "utf8");
    for (const [, names] of text.matchAll(/(?:\btest\(|^)\s*["'`]([^"'`]*)/gm)) {
      for (const [, prefix, number] of names!.matchAll(/(\$\{id\}|\b[A-Z]+)-(\d+)/g)) {
        const ids = prefix === "${id}" ? ["LOCK", "RLOCK"] : [prefix];
        for (const id of ids) found.add(`${id}-${number}`);
      }
    }
  }
  return found;
}

test("every case has a test", () => {
  const found = namesOfTests();
  const missing = Object.entries(CASES).flatMap(([part, count]) =>
    Array.from({ length: count }, (_, i) => `${part}-${i + 1}`).filter((id) => !found.has(id) && !NOWHERE.includes(id)),
  );
  assert.deepEqual(missing, []);
});
