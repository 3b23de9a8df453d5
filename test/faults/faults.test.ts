import { describe, test } from "node:test";
import { killProcesses } from "./processes.ts";
import { contend, crowd, exchange, giveUp, killMovers } from "./run.ts";

describe("faults", () => {
  test("threads killed while they hold locks, wait, and carry items", () => killMovers(150, 3));
  test("a million passes through one lock", () => contend(1_000_000));
  test("a hundred thousand items, 4 put and 4 get", () => exchange(100_000));
  test("threads that block and coroutines wait together, and often give up", () => crowd(5_000));
  test("processes killed: no segment, socket, zombie or orphan is left", () => void killProcesses(20));
  test("sixty thousand waits that are given up leave nothing behind", () => giveUp(60_000));
});
