// A Local: the new thread sets its own num, and the main thread's stays what it was.
// Python: local = Local(); local.num = 1
import { isMain } from "heddle";
import { Local } from "heddle/local";
import { Thread } from "heddle/threading";

const local = new Local<{ num: number }>();

function work(): void {
  local.num = 2;
  console.log("in new thread", local.num);
}

export async function main(): Promise<void> {
  local.num = 1;
  const thread = new Thread({ target: work }).start();
  await thread.join();
  console.log("in main", local.num);
}

if (isMain(import.meta)) await main();
