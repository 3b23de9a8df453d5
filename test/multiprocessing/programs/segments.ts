/** A program that makes a segment, prints its name, and ends in the way it is told. argv: how, and perhaps a name. */
import { Process, SharedMemory } from "heddle/multiprocessing";
import { isMain } from "heddle";

export function makeInChild(): string {
  const shm = new SharedMemory({ create: true, size: 4096 });
  shm.close();
  return shm.name;
}

if (isMain(import.meta)) {
  const [how, name] = process.argv.slice(2);
  if (how === "child") {
    // What a child has made belongs to the program, and is there after the child.
    const made = await new Process({ target: makeInChild }).start().join();
    new SharedMemory({ name: made }).close();
    process.stdout.write(`${made}\n`);
  } else {
    const shm = new SharedMemory({ create: true, size: 4096, name, track: how !== "untracked" });
    shm.buf[0] = 42;
    process.stdout.write(`${shm.name}\n`, () => {
      if (how === "killed") process.kill(process.pid, "SIGKILL");
      if (how === "throw") throw new Error("on purpose");
    });
  }
}
