/**
 * Sets up, then runs the compiled tests under this Node.
 *
 *   node scripts/test.mjs                           everything
 *   node scripts/test.mjs threading queue/queue     the tests whose path contains one of the words
 *   node scripts/test.mjs --name "releases once"    further options go to node --test: --name is short for
 *                                                   --test-name-pattern
 */
import { setup } from "./setup.mjs";
import { runTests } from "./run-tests.mjs";

try {
  setup();
  process.exitCode = await runTests(process.execPath, process.argv.slice(2));
} catch (error) {
  console.error(`test: ${error.message}`);
  process.exitCode = 1;
}
