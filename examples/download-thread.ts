// A thread as a class: what to do stands in run(), and what run() assigns to `this` is there after join().
// Python: class DownloadThread(Thread): def run(self): ...
import { isMain } from "heddle";
import { Thread } from "heddle/threading";
import { download } from "./downloads.ts";

export class DownloadThread extends Thread<[], void> {
  readonly file: string;
  seconds = 0;

  constructor(file: string) {
    super({ name: `download of ${file}` });
    this.file = file;
  }

  override async run(): Promise<void> {
    this.seconds = await download(this.file);
  }
}

export async function main(): Promise<void> {
  const started = performance.now();
  const threads = [new DownloadThread("A"), new DownloadThread("B")];
  for (const thread of threads) thread.start();
  for (const thread of threads) await thread.join();

  for (const thread of threads) console.log(`${thread.name}: ${thread.seconds.toFixed(2)} s`);
  console.log(`total ${((performance.now() - started) / 1000).toFixed(2)} s`);
}

if (isMain(import.meta)) await main();
