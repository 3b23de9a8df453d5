/**
 * heddle/multiprocessing: processes that share memory, under the names of Python's `multiprocessing`.
 *
 * @module
 */

import { loadInThreads } from "../core/handles.ts";
import "./process-main.ts";

export * from "./primitives.ts";
export { struct } from "./structs.ts";
export { currentProcess, parentProcess, Process, type ProcessOptions, Sentinel } from "./process.ts";
export { ProcessPoolExecutor, type ProcessPoolOptions } from "./process-pool-executor.ts";
export { type ChunkOptions, Pool, type PoolOptions, ThreadPool, type ThreadPoolSetup } from "./pool.ts";
export { AsyncResult, type ResultCallbacks } from "./async-result.ts";
export { IMapIterator } from "./imap-iterator.ts";
export { activeChildren } from "./launch.ts";
export { cpuCount } from "./cpu-count.ts";
export type { Bytes, Connection, RecvBytesOptions, RecvIntoOptions, SendBytesOptions } from "./connection.ts";
export { connectionWait, type Waitable } from "./connection-wait.ts";
export { Pipe, PipeConnection } from "./pipe.ts";
export { SharedMemory, type SharedMemoryOptions } from "./shared-memory.ts";
export type { ShareableItem } from "./list-layout.ts";
export { ShareableList, type ShareableListOptions } from "./shareable-list.ts";
export type { Address, Family } from "./network/address.ts";
export { Client, type ClientOptions } from "./network/client.ts";
export { Listener, type ListenerOptions } from "./network/listener.ts";
export { bool, float32, float64, int16, int32, int64, int8, uint16, uint32, uint64, uint8 } from "../shared/types.ts";
export {
  AuthenticationError,
  BrokenBarrierError,
  BrokenExecutor,
  BrokenPipeError,
  BrokenProcessPool,
  BufferTooShort,
  CancelledError,
  DeadlockError,
  Empty,
  EOFError,
  FileExistsError,
  FileNotFoundError,
  Full,
  NotSendableError,
  OSError,
  OwnerDiedError,
  ProcessDiedError,
  ProcessError,
  RuntimeError,
  ShutDown,
  TimeoutError,
  ValueError,
} from "../errors.ts";

// A thread of this process may be sent what is shared with processes.
loadInThreads(import.meta.url);
