/** A process that inherited memory as descriptor 3. argv: what to do, then the addresses of what to do it with. */
import { load, store } from "#atomics";
import { Parker } from "../../../src/core/parker.ts";
import { platform } from "../../../src/core/platform.ts";
import { unlock } from "../../../src/core/raw/lock.ts";
import { enroll, leave, lookAround, LOOK_EVERY } from "../../../src/multiprocessing/memory/presence.ts";
import { ProcessMemory } from "../../../src/multiprocessing/memory/process-memory.ts";
import { LOCK_WAIT } from "../../../src/threading/lock.ts";

const [what, ...addresses] = process.argv.slice(2);
const [lock, counter] = addresses.map(Number) as [number, number];
const memory = new ProcessMemory(3);
enroll(memory);
platform.poll = () => lookAround(memory);
platform.slice = () => LOOK_EVERY;
const parker = new Parker(memory);
const bump = (): void => store(memory.words, counter, load(memory.words, counter) + 1);

if (what === "count") {
  for (let i = 0; i < 20_000; i++) {
    parker.waitSync(LOCK_WAIT, lock, Infinity);
    bump();
    unlock(memory, lock);
  }
} else if (what === "hold") {
  parker.waitSync(LOCK_WAIT, lock, Infinity);
  bump();
  process.kill(process.pid, "SIGKILL");
} else {
  for (let i = 0; i < 200; i++) {
    await parker.wait(LOCK_WAIT, lock, undefined, Infinity);
    bump();
    unlock(memory, lock);
  }
}
leave(memory);
