/**
 * heddle/shared: data that threads share instead of copying it.
 *
 * @module
 */

export { SharedArray } from "./array.ts";
export { SharedMap, type SharedMapOptions } from "./map.ts";
export type { LockOption } from "./own-lock.ts";
export { type Struct, struct, type StructClass, type StructInit } from "./struct.ts";
export type { FieldType, SharedClass } from "./struct-layout.ts";
export {
  bool,
  type DataType,
  type Elements,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  uint16,
  uint32,
  uint64,
  uint8,
} from "./types.ts";
export type { SharedObject } from "../core/handles.ts";
export { Value } from "./value.ts";
export { DeadlockError, NotSendableError, OwnerDiedError, RuntimeError, TimeoutError, ValueError } from "../errors.ts";
