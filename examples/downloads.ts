// Two downloads: one after the other, then each in its own thread.
// Python: t = Thread(target=download, args=("A",)); t.start(); t.join()
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { Thread } from "heddle/threading";

/** Simulated, so that it runs without a network: wait as for a slow server, then compute over the bytes "received". */
export async function download(file: string, ms: number = 300 + Math.floor(Math.random() * 300)): Promise<number> {
  console.log(`start downloading ${file}`);
  const started = performance.now();
  await sleep(ms);
  const bytes = new Uint8Array(1_000_000).fill(file.charCodeAt(0));
  const checksum = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  const seconds = secondsSince(started);
  console.log(`${file} is done, it took ${seconds.toFixed(2)} s (SHA-256 ${checksum}…)`);
  return seconds;
}

export async function main(msA?: number, msB?: number): Promise<void> {
  console.log("one after the other:");
  let started = performance.now();
  await download("A", msA);
  await download("B", msB);
  console.log(`total ${secondsSince(started).toFixed(2)} s\n`);

  console.log("in two threads:");
  started = performance.now();
  const a = new Thread({ target: download, args: ["A", msA] }).start();
  const b = new Thread({ target: download, args: ["B", msB] }).start();
  await a.join();
  await b.join();
  console.log(`total ${secondsSince(started).toFixed(2)} s`);
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

// A thread imports this file again to find `download`; only the program's own start runs main().
if (isMain(import.meta)) {
  const [msA, msB] = process.argv.slice(2).map(Number);
  await main(msA, msB);
}
