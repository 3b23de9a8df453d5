import { isMain } from "heddle";
import { Event, Process, ProcessPoolExecutor } from "heddle/multiprocessing";

function block(up: Event): void {
  up.set();
  for (;;) new Event().waitSync({ timeout: 1000 });
}

/** Has a daemon that blocks and a pool's worker that computes, and is killed. */
if (isMain(import.meta)) {
  const [up, busy] = [new Event(), new Event()];
  new Process({ target: block, args: [up], daemon: true }).start();
  const pool = new ProcessPoolExecutor({ maxWorkers: 1 });
  void pool.submit((busy: Event) => {
    busy.set();
    for (;;);
  }, busy);
  await Promise.all([up.wait(), busy.wait()]);
  process.kill(process.pid, "SIGKILL");
}
