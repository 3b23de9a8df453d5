import assert from "node:assert/strict";
import { test } from "node:test";
import { runExample } from "./run-example.ts";

test("what leaks between requests and what does not; 200 requests over 4 threads, every answer its own", async () => {
  assert.deepEqual(await runExample("web-contexts"), [
    "first request: n.num 1, g.num 1, session.visits 1, q first",
    "second, same client: n.num 2, g.num 1, session.visits 2, q second",
    "third, another client: n.num 3, g.num 1, session.visits 1, q third",
    "n leaks from one client to the other; g, session and request do not",
    "",
    "200 requests at once over 4 threads: 200 saw only their own q, 200 a fresh g and session",
  ]);
});

test("the button About waits for a download that blocks, and not for one in a thread", async () => {
  assert.deepEqual(await runExample("web-buttons", "700"), [
    "blocking: pressed Download, then About; answered: Download, then About",
    "thread: pressed Download, then About; answered: About, then Download",
  ]);
});
