import assert from "node:assert/strict";
import { test } from "node:test";
import { expect, outputOf, run } from "./child.ts";

const lines = (name: string, n: number): string =>
  Array.from({ length: n }, (_, i) => `${name} ${i} ${"x".repeat(i % 100)}\n`).join("");

test("THR-11 the process waits for a thread that is no daemon", () =>
  expect("ends", ["nondaemon"], { stdout: "end of main\nend of thread\n" }));

test("THR-11 also for a thread that was started after main had ended", () =>
  expect("ends", ["late"], { stdout: "end of main\nend of the late thread\n" }));

for (const name of ["daemon", "daemon-early"]) {
  test(`THR-12 with only daemons left the process exits, without their finally blocks: ${name}`, () =>
    expect("ends", [name], { stdout: "end of main\n" }));
}

test("THR-14 a thread that joins the main thread goes on when main has ended", () =>
  expect("ends", ["joinmain"], { stdout: "end of main\nend of thread, main alive: false\n" }));

test("a pending async wait keeps the process alive", () => expect("ends", ["pending"], { stdout: "waited: false\n" }));

test("nothing else keeps it alive", () => expect("ends", ["idle"], { stdout: "end of main\n" }));

test("process.exit ends the process with its code, whatever threads do", async () => {
  await expect("ends", ["exit"], { code: 5, stdout: "exiting\n" });
  await expect("ends", ["exit-running"], { code: 6, stdout: "exiting\n" });
});

test("an uncaught error in main ends the process", () =>
  expect("ends", ["uncaught-in-main"], { code: 1, stdout: "", stderr: /RangeError: main fails/ }));

test("output of a thread comes in order while main blocks in joinSync", () =>
  expect("ends", ["output-blocked"], { stdout: `${lines("a", 3000)}end of main\n` }));

test("output of a thread is complete though it is terminated right after", () =>
  expect("ends", ["output-terminated"], { stdout: lines("a", 2000), stderr: "a on stderr\n" }));

test("output of a thread is complete though the process exits right after", () =>
  expect("ends", ["output-exit"], { stdout: lines("a", 2000), stderr: "a on stderr\n" }));

test("output of several threads: whole lines, in order for each thread", async () => {
  const { stdout } = await outputOf("ends", ["output-many"], {});
  const all = stdout.split("\n").slice(0, -1);
  for (const name of ["a", "b", "c", "d"]) {
    assert.equal(all.filter((line) => line.startsWith(`${name} `)).join("\n") + "\n", lines(name, 500));
  }
  assert.equal(all.length, 2000);
});

test("MOD-2 process.exit in a thread ends the thread, prints nothing, and the program goes on", () =>
  expect("ends", ["exit-in-thread"], { stdout: "main goes on\n" }));

test("MOD-3 a hook that throws is itself reported, once", async () => {
  const { stderr } = await outputOf("ends", ["hook-throws"], { stdout: "", stderr: /in thread failing/ });
  assert.equal(stderr.match(/TypeError: the hook fails/g)?.length, 1);
});

test("MOD-8 setExcepthook() without an argument brings the default back", () =>
  expect("ends", ["hook-restored"], {
    stdout: "",
    stderr: /^Exception in thread failing:\nRangeError: the thread fails\n[^]*ends/,
  }));

test("threads start threads", () => expect("ends", ["nested"], { stdout: "threads at the bottom: 4\n" }));

test("a thread that ends before its child: its result at once or later, and the child's work is done", () =>
  expect("ends", ["parent-ends-first"], { stdout: /^(?=[^]*parent's result\n)(?=[^]*end of the child\n)[^]*$/ }));

for (const name of ["parent-terminated", "parent-terminated-blocked"]) {
  test(`${name}: its child ends with it, and who joins the child is told`, () =>
    expect("ends", [name], { stdout: /^ThreadDiedError: The thread ended together with thread parent/ }));
}

test("a program without a guard: the error shows the guard, and nothing forks without end", async () => {
  const ended = await run("unguarded");
  const all = JSON.stringify(ended, undefined, 1);
  assert.notEqual(ended.code, 0, all);
  assert.equal(ended.signal, null, all);
  assert.match(ended.stderr, /RuntimeError/, all);
  assert.match(ended.stderr, /if \(isMain\(import\.meta\)\) \{/, all);
  assert.equal(ended.stdout, "begin\nbegin\n", all);
});
