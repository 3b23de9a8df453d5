/** A Local: the new thread sets its own num, and the main thread's stays what it was. */

import { isMain, Local, Thread } from "heddle";

const local = new Local<{ num: number }>();

function work(): void {
  local.num = 2;
  console.log("in new thread", local.num);
}

if (isMain(import.meta)) {
  local.num = 1;
  const thread = new Thread({ target: work }).start();
  await thread.join();
  console.log("in main", local.num);
}
