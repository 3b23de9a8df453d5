/** Starts a daemon that never ends by itself, says which process that is, and waits. */
import { isMain } from "heddle";
import { Event, Process } from "heddle/multiprocessing";

export function spin(running: Event): void {
  running.set();
  for (;;);
}

if (isMain(import.meta)) {
  const running = new Event();
  const child = new Process({ target: spin, args: [running], daemon: true }).start();
  await running.wait();
  process.stdout.write(`${child.pid}\n`);
  setInterval(() => undefined, 60_000);
}
