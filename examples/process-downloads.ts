// Two downloads, each in a process of its own.
// Python: p = Process(target=download, args=("A",)); p.start(); p.join()
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { Process } from "heddle/multiprocessing";

/** Simulated, so that it runs without a network. */
export async function download(file: string, ms: number = 300 + Math.floor(Math.random() * 300)): Promise<number> {
  console.log(`start downloading ${file} in process ${process.pid}`);
  const started = performance.now();
  await sleep(ms);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${file} is done, it took ${seconds.toFixed(2)} s`);
  return seconds;
}

export async function main(msA?: number, msB?: number): Promise<void> {
  console.log(`the program is process ${process.pid}`);
  const started = performance.now();
  const a = new Process({ target: download, args: ["A", msA] }).start();
  const b = new Process({ target: download, args: ["B", msB] }).start();
  await a.join();
  await b.join();
  console.log(
    `total ${((performance.now() - started) / 1000).toFixed(2)} s; exit codes ${a.exitcode} and ${b.exitcode}`,
  );
}

if (isMain(import.meta)) {
  const [msA, msB] = process.argv.slice(2).map(Number);
  await main(msA, msB);
}
