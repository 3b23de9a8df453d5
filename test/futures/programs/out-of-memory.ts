/** A task that needs more memory than its worker has. @module */

import { isMain } from "heddle";
import { ThreadPoolExecutor } from "heddle/futures";

function hoard(): unknown {
  const all: unknown[] = [];
  for (;;) all.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
}

if (isMain(import.meta)) {
  const pool = new ThreadPoolExecutor({
    maxWorkers: 1,
    resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 },
  });
  const error = (await pool.submit(hoard).exception()) as Error;
  console.log(error.name, /memory/.test(String(error.cause)));
  console.log(await pool.submit(Math.abs, -3));
}
