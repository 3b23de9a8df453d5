/**
 * Structs in the memory of processes.
 *
 * @module
 */

import { StructBase, type StructClass, StructFamily } from "../shared/struct.ts";
import { type FieldType, StructLayout } from "../shared/struct-layout.ts";
import { onDomain, ofProcesses, processes } from "./domain.ts";

abstract class ProcessStruct extends StructBase {}
ofProcesses(ProcessStruct.prototype);

class ProcessStructLayout extends StructLayout {}
ofProcesses(ProcessStructLayout.prototype);

const family: StructFamily = new StructFamily(ProcessStruct, ProcessStructLayout, processes);
onDomain((domain) => family.register(domain));

/**
 * As `struct` of heddle/shared, for processes. Objects among its fields are of this module.
 *
 * ```ts
 * import { RLock, struct } from "heddle/multiprocessing";
 * import { float64 } from "heddle/shared";
 *
 * const Account = struct({ balance: float64, lock: RLock });
 * ```
 */
export function struct<F extends Readonly<Record<string, FieldType>>>(fields: F): StructClass<F> {
  return family.struct(fields);
}
