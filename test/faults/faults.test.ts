import { describe, test } from "node:test";
import { contend, exchange, killMovers } from "./run.ts";

describe("faults", () => {
  test("threads killed while they hold locks, wait, and carry items", () => killMovers(200, 3));
  test("a million passes through one lock", () => contend(1_000_000));
  test("a hundred thousand items, 4 put and 4 get", () => exchange(100_000));
});
