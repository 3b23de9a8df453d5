// Three tasks in a group, each in a context of its own. One fails: the others are cancelled, clean up, and the group's
// error tells why.
// Python: async with asyncio.TaskGroup() as group: group.create_task(fetch("a"))
import { isMain } from "heddle";
import { CancelledError, sleep, TaskGroup } from "heddle/asyncio";
import { ContextVar } from "heddle/contextvars";

const site = new ContextVar<string>("site");

/** Deep inside, and knows all the same which site it works for. */
function log(text: string): void {
  console.log(`${site.get()}: ${text}`);
}

async function download(ms: number): Promise<void> {
  await sleep(ms);
  if (site.get() === "b") throw new Error("no route to b");
  log("done");
}

async function visit(name: string, ms: number): Promise<void> {
  site.set(name);
  log("begins");
  try {
    await download(ms);
  } catch (error) {
    if (error instanceof CancelledError) log("cancelled, cleans up");
    throw error;
  }
}

export async function main(): Promise<void> {
  try {
    await using group = new TaskGroup();
    group.createTask(() => visit("a", 60_000));
    group.createTask(() => visit("b", 20));
    group.createTask(() => visit("c", 60_000));
  } catch (error) {
    console.log((error as AggregateError).errors.map(String).join());
  }
}

if (isMain(import.meta)) await main();
