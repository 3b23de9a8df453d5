// Real work: SHA-256 and word count of every file under a folder, in one thread and then over all cores.
// Python: with ProcessPoolExecutor() as pool: for part in pool.map(digest_files, chunks): ...
import { createHash, hash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isMain } from "heddle";
import { ThreadPoolExecutor } from "heddle/futures";

export interface Digests {
  bytes: number;
  words: number;
  /** One SHA-256 per file, in the order of the files. */
  sha256: string[];
}

/** What a thread does with its share of the files. */
export function digestFiles(paths: string[]): Digests {
  const digests: Digests = { bytes: 0, words: 0, sha256: [] };
  for (const path of paths) {
    const content = readFileSync(path);
    digests.bytes += content.length;
    digests.words += countWords(content);
    digests.sha256.push(hash("sha256", content, "hex"));
  }
  return digests;
}

/** Runs of bytes between white space, as `wc -w` counts them. */
export function countWords(content: Uint8Array): number {
  let words = 0;
  let inWord = false;
  for (let i = 0; i < content.length; i++) {
    const byte = content[i]!;
    const isSpace = byte === 32 || (byte >= 9 && byte <= 13);
    if (!isSpace && !inWord) words += 1;
    inWord = !isSpace;
  }
  return words;
}

/** All files under a folder. Links are not followed. */
function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

/** The files under a folder in chunks of some megabytes: enough work for one call. */
export function findChunks(folder: string, chunkBytes: number = 2 ** 21): string[][] {
  const files = Array.from(walk(folder), (path) => ({ path, size: statSync(path).size }));
  files.sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1)); // the big ones first, so that none is left for last

  const chunks: string[][] = [];
  let room = 0;
  for (const { path, size } of files) {
    if (room <= 0) {
      chunks.push([]);
      room = chunkBytes;
    }
    chunks.at(-1)!.push(path);
    room -= size + 4096; // opening a file costs about as much as reading a page
  }
  return chunks;
}

/** Adds up the digests of all chunks as they come, with a progress bar on a terminal. */
async function addUp(label: string, chunks: number, parts: Iterable<Digests> | AsyncIterable<Digests>): Promise<Total> {
  const started = performance.now();
  const all = createHash("sha256");
  const total = { files: 0, bytes: 0, words: 0 };
  let done = 0;
  for await (const part of parts) {
    total.files += part.sha256.length;
    total.bytes += part.bytes;
    total.words += part.words;
    for (const digest of part.sha256) all.update(digest);
    progress(label, ++done / chunks);
  }
  return { ...total, sha256: all.digest("hex"), seconds: (performance.now() - started) / 1000 };
}

interface Total {
  files: number;
  bytes: number;
  words: number;
  sha256: string;
  seconds: number;
}

function progress(label: string, share: number): void {
  if (!process.stdout.isTTY) return;
  const filled = Math.round(share * 30);
  const bar = "█".repeat(filled) + "░".repeat(30 - filled);
  process.stdout.write(share < 1 ? `\r${label} ${bar} ${Math.round(share * 100)} %` : "\r\x1b[K");
}

function report(label: string, { files, bytes, words, sha256, seconds }: Total): void {
  const megabytes = (bytes / 1e6).toFixed(1);
  console.log(`${label}: ${files} files, ${megabytes} MB, ${words} words, SHA-256 ${sha256.slice(0, 16)}…`);
  console.log(`  ${seconds.toFixed(2)} s, ${Math.round(files / seconds)} files/s`);
}

export async function main(folder = "node_modules"): Promise<void> {
  const chunks = findChunks(folder);
  await using pool = new ThreadPoolExecutor();
  // Everything once before the clock runs: files off the disk, threads started, their code compiled.
  await pool.map(digestFiles, chunks, { chunksize: 1 });
  chunks.forEach(digestFiles);

  const single = await addUp("one thread", chunks.length, mapInThisThread(chunks));
  report("one thread", single);

  const label = `${availableParallelism()} cores`;
  const parallel = await addUp(label, chunks.length, pool.map(digestFiles, chunks, { chunksize: 1 }));
  report(label, parallel);

  const same = single.words === parallel.words && single.sha256 === parallel.sha256;
  console.log(`same totals: ${same}; speed-up ${(single.seconds / parallel.seconds).toFixed(2)} ×`);
}

function* mapInThisThread(chunks: string[][]): Generator<Digests> {
  for (const chunk of chunks) yield digestFiles(chunk);
}

if (isMain(import.meta)) await main(process.argv[2]);
