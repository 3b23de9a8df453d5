/**
 * What `#processes` is where there are none.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { PoolExecutor } from "../futures/pool-executor.ts";

function none(): never {
  throw new RuntimeError("There are no processes in a browser: use a ThreadPoolExecutor, whose interface is the same.");
}

/** Cannot be made. */
export class ProcessPoolExecutor extends PoolExecutor {
  constructor() {
    super(none(), none(), none());
  }
}
