// Three runners wait for one starting signal: an Event. set() lets all of them go.
// Python: start = Event(); start.wait(); start.set()
import { isMain } from "heddle";
import { Event, spawn } from "heddle/threading";

export function runner(name: string, start: Event): void {
  console.log(`${name} is at the line`);
  start.waitSync(); // blocks this thread, no other
  console.log(`${name} runs`);
}

export async function main(): Promise<void> {
  const start = new Event();
  const runners = ["Ada", "Grace", "Barbara"].map((name) => spawn(runner, name, start));

  const signal = await start.wait({ timeout: 500 });
  console.log(`the signal after 500 ms: ${signal}`);

  console.log("go!");
  start.set();
  for (const thread of runners) await thread.join();
  console.log(`the signal at the end: ${start.isSet}`);
}

if (isMain(import.meta)) await main();
