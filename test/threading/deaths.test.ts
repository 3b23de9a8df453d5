import { test } from "node:test";
import { expect, outputOf } from "./child.ts";

/** What each kind of death must look like to whoever joins: class, code, exit code, message, cause. */
const deaths: readonly (readonly [name: string, outcome: RegExp, hook: RegExp])[] = [
  [
    "throws",
    /^RangeError E_OWN : thrown because TypeError: its cause$/m,
    /RangeError.*: thrown[^]*deaths[^]*its cause/,
  ],
  ["rejects", /^RangeError {2}: rejected$/m, /RangeError: rejected/],
  ["throws-undefined", /^threw undefined$/m, /undefined/],
  ["throws-later", /^RangeError {2}: from a timer$/m, /RangeError: from a timer/],
  ["rejects-later", /^RangeError {2}: unhandled$/m, /RangeError: unhandled/],
  ["exits", /^ThreadDiedError ERR_HEDDLE_THREAD_DIED 3: The thread called process\.exit\(3\)/m, /^$/],
  ["exits-0", /^ThreadDiedError ERR_HEDDLE_THREAD_DIED 0: The thread called process\.exit\(0\)/m, /^$/],
  ["exits-later", /^ThreadDiedError ERR_HEDDLE_THREAD_DIED 4: The thread called process\.exit\(4\)/m, /^$/],
  ["never-settles", /^ThreadDiedError ERR_HEDDLE_THREAD_DIED.*waits for a promise that nothing can settle/m, /settle/],
  ["out-of-memory", /^ThreadDiedError ERR_HEDDLE_THREAD_DIED.*ran out of memory/m, /ran out of memory/],
  ["import-fails", /could not be imported in this thread.*cannot be loaded here/m, /cannot be loaded here/],
  ["unsendable-result", /^NotSendableError ERR_HEDDLE_NOT_SENDABLE : result\.inside: /m, /result\.inside/],
];

for (const [name, outcome, hook] of deaths) {
  for (const mode of ["join", "joinSync"]) {
    test(`a thread that ${name}, main in ${mode}: the error, and the process ends`, async () => {
      const { stdout } = await outputOf("deaths", [name, mode], { stdout: outcome });
      if (!stdout.endsWith("alive: false\n")) throw new Error(stdout);
    });
  }
  test(`a thread that ${name}, joined by nobody: told on stderr, and the process ends`, async () => {
    await expect("deaths", [name, "nobody"], { stdout: "", stderr: hook });
  });
}

for (const mode of ["join", "joinSync"]) {
  test(`a thread that never ends is terminated, main in ${mode}`, async () => {
    await expect("deaths", ["never-ends", mode], {
      stdout: /^ThreadDiedError ERR_HEDDLE_THREAD_DIED.*terminated before it had finished\nalive: false\n$/,
    });
  });
}
