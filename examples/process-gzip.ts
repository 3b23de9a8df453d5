// Real files: every file of a package is compressed, in one process and then in as many as there are cores.
// Python: with ProcessPoolExecutor() as pool: sizes = list(pool.map(gzip_file, paths))
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { isMain } from "heddle";
import { cpuCount, ProcessPoolExecutor } from "heddle/multiprocessing";

export interface Sizes {
  before: number;
  after: number;
}

/** Compresses a file as tightly as gzip can. What comes out must be what went in. */
export function gzipFile(path: string): Sizes {
  const content = readFileSync(path);
  const compressed = gzipSync(content, { level: 9 });
  const back = gunzipSync(compressed);
  if (!back.equals(content)) throw new Error(`${path} is damaged: ${content.length} bytes became ${back.length}`);
  return { before: content.length, after: compressed.length };
}

/** Every file under a folder, in the same order each time. Links are not followed. */
export function findFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .toSorted();
}

export async function main(folder = "node_modules/typescript"): Promise<void> {
  const paths = findFiles(folder);
  await using pool = new ProcessPoolExecutor();
  // Everything once before the clock runs: files off the disk, processes started, their code compiled.
  await pool.map(gzipFile, paths);
  paths.forEach(gzipFile);

  const one = await timed("one process", () => paths.map(gzipFile));
  const many = await timed(`${cpuCount()} processes`, () => pool.map(gzipFile, paths));
  const same = one.sizes.every(
    ({ before, after }, i) => many.sizes[i]?.before === before && many.sizes[i]?.after === after,
  );
  console.log(
    `same sizes for each of the ${paths.length} files: ${same}; speed-up ${(one.seconds / many.seconds).toFixed(2)} ×`,
  );
}

async function timed(
  what: string,
  run: () => Sizes[] | PromiseLike<Sizes[]>,
): Promise<{ sizes: Sizes[]; seconds: number }> {
  const started = performance.now();
  const sizes = await run();
  const seconds = (performance.now() - started) / 1000;
  const before = sizes.reduce((sum, size) => sum + size.before, 0);
  const after = sizes.reduce((sum, size) => sum + size.after, 0);
  const share = ((after / before) * 100).toFixed(1);
  console.log(
    `${what}: ${sizes.length} files, ${before} bytes become ${after} (${share} %), in ${seconds.toFixed(2)} s`,
  );
  return { sizes, seconds };
}

if (isMain(import.meta)) await main(process.argv[2]);
