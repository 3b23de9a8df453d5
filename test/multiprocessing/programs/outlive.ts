import { isMain } from "heddle";
import { Event, Process } from "heddle/multiprocessing";

async function finish(go: Event): Promise<void> {
  await go.wait();
  console.log("child is done");
}

async function never(up: Event): Promise<void> {
  up.set();
  try {
    await new Event().wait();
  } finally {
    console.log("a daemon ran its finally");
  }
}

if (isMain(import.meta)) {
  const [go, up] = [new Event(), new Event()];
  new Process({ target: never, args: [up], daemon: true }).start();
  await up.wait();
  new Process({ target: finish, args: [go] }).start();
  console.log("main is done");
  go.set();
}
