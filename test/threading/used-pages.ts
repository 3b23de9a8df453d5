/** @module */

import { FIRST_PAGE, PAGE_MAP, PROGRAM } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";

/** Pages of the shared memory that hold blocks: they grow by what is not given back. */
export function usedPages(): number {
  let used = 0;
  for (let page = FIRST_PAGE; page < memory.words[PROGRAM.pages]!;) {
    const entry = memory.words[PAGE_MAP + page]!;
    if (entry !== 0) used += Math.max(1, entry);
    page += Math.max(1, entry);
  }
  return used;
}
