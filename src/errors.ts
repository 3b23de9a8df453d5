/**
 * Every error class of heddle.
 *
 * All of them are `instanceof HeddleError`, carry a stable string `code`, and say what to do next. `instanceof` also
 * recognises errors made by another copy of the package (two versions in one dependency tree, a bundle next to
 * `node_modules`): it asks for a brand, not for a prototype.
 *
 * @module
 */

/** Under this key a class holds its own brand, and an instance the list of its brands, most derived first. */
const brand: unique symbol = Symbol.for("heddle.error.brand") as never;

/** Set on each class by {@link define}; names survive minifiers only as strings. */
interface Branded {
  [brand]?: string;
  code?: string;
}

function brandsOf(constructor: Function): readonly string[] {
  const brands: string[] = [];
  for (let c: unknown = constructor; typeof c === "function"; c = Object.getPrototypeOf(c)) {
    const own = Object.hasOwn(c, brand) ? (c as Branded)[brand] : undefined;
    if (own !== undefined) brands.push(own);
  }
  if (!brands.includes("HeddleError")) brands.push("HeddleError");
  return brands;
}

/** Gives a class its brand, its instances their `name`, and makes `instanceof` follow the brand. */
function define(constructor: Function, name: string): void {
  Object.defineProperty(constructor, brand, { value: name });
  Object.defineProperty(constructor.prototype, "name", { value: name, configurable: true, writable: true });
  Object.defineProperty(constructor, Symbol.hasInstance, {
    value(this: Function, value: unknown): boolean {
      if (typeof value !== "object" || value === null) return false;
      // A user's subclass inherits this method; it has no brand of its own and goes by prototype.
      if (!Object.hasOwn(this, brand)) return Object.prototype.isPrototypeOf.call(this.prototype as object, value);
      const brands = (value as { [brand]?: readonly string[] })[brand];
      return Array.isArray(brands) && brands.includes(name);
    },
  });
}

function stamp(error: Error, constructor: Function): void {
  Object.defineProperty(error, brand, { value: brandsOf(constructor) });
}

/** Base of every error heddle throws: an `Error` with a stable `code`. */
export class HeddleError extends Error {
  /** Stable, machine-readable name of the kind of error. */
  readonly code: string = "ERR_HEDDLE";

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    stamp(this, new.target);
  }

  static {
    define(this, "HeddleError");
  }
}

/**
 * An argument of the right type with a value that makes no sense.
 *
 * It is a `HeddleError` by brand and a `RangeError` by prototype, since that is what JavaScript calls it.
 */
export class ValueError extends RangeError {
  readonly code: string = "ERR_HEDDLE_VALUE";

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    stamp(this, new.target);
  }

  static {
    define(this, "ValueError");
  }
}

/** An operation that is not allowed now: a lock released twice, a thread started twice, a wait where none is possible. */
export class RuntimeError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_RUNTIME";

  static {
    define(this, "RuntimeError");
  }
}

/** A wait that ended because its timeout passed. */
export class TimeoutError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_TIMEOUT";

  static {
    define(this, "TimeoutError");
  }
}

/** The work, or the wait, was cancelled. */
export class CancelledError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_CANCELLED";

  static {
    define(this, "CancelledError");
  }
}

/** A future was asked for something its state does not allow, such as a second result. */
export class InvalidStateError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_INVALID_STATE";

  static {
    define(this, "InvalidStateError");
  }
}

/** The barrier was aborted, reset or timed out while someone waited. */
export class BrokenBarrierError extends RuntimeError {
  override readonly code: string = "ERR_HEDDLE_BROKEN_BARRIER";

  static {
    define(this, "BrokenBarrierError");
  }
}

/** Nothing to get from the queue, now or before the timeout. */
export class Empty extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_QUEUE_EMPTY";

  static {
    define(this, "Empty");
  }
}

/** No room in the queue, now or before the timeout. */
export class Full extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_QUEUE_FULL";

  static {
    define(this, "Full");
  }
}

/** The queue was shut down: nothing can be put, or nothing is left to get. */
export class ShutDown extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_QUEUE_SHUT_DOWN";

  static {
    define(this, "ShutDown");
  }
}

/** An executor that cannot run anything any more. */
export class BrokenExecutor extends RuntimeError {
  override readonly code: string = "ERR_HEDDLE_BROKEN_EXECUTOR";
  /** The exit code of the worker that died, when it reported one. */
  exitCode: number | undefined;

  constructor(message?: string, options?: ErrorOptions & { exitCode?: number | undefined }) {
    super(message, options);
    this.exitCode = options?.exitCode;
  }

  static {
    define(this, "BrokenExecutor");
  }
}

/** A thread pool whose worker died or whose initializer failed. */
export class BrokenThreadPool extends BrokenExecutor {
  override readonly code: string = "ERR_HEDDLE_BROKEN_THREAD_POOL";

  static {
    define(this, "BrokenThreadPool");
  }
}

/** A process pool whose worker died or whose initializer failed. */
export class BrokenProcessPool extends BrokenExecutor {
  override readonly code: string = "ERR_HEDDLE_BROKEN_PROCESS_POOL";

  static {
    define(this, "BrokenProcessPool");
  }
}

/** A cluster executor that lost its workers. */
export class BrokenClusterPool extends BrokenExecutor {
  override readonly code: string = "ERR_HEDDLE_BROKEN_CLUSTER_POOL";

  static {
    define(this, "BrokenClusterPool");
  }
}

/** The thread that held the lock died without releasing it; `lock.recover()` takes it over. */
export class OwnerDiedError extends RuntimeError {
  override readonly code: string = "ERR_HEDDLE_OWNER_DIED";

  static {
    define(this, "OwnerDiedError");
  }
}

/** A wait that could never end, because the threads involved wait for each other. */
export class DeadlockError extends RuntimeError {
  override readonly code: string = "ERR_HEDDLE_DEADLOCK";

  static {
    define(this, "DeadlockError");
  }
}

/** A value that cannot reach another thread; the message names its path and the reason. */
export class NotSendableError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_NOT_SENDABLE";

  static {
    define(this, "NotSendableError");
  }
}

/** An error from another thread or process whose own class could not be restored. */
export class RemoteError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_REMOTE";

  static {
    define(this, "RemoteError");
  }
}

/** A thread that ended without finishing its work: terminated, exited, or out of memory. */
export class ThreadDiedError extends RuntimeError {
  override readonly code: string = "ERR_HEDDLE_THREAD_DIED";
  /** The exit code of the thread's worker, when it reported one. */
  exitCode: number | undefined;
  /** It called `process.exit` itself. */
  exited: boolean;

  constructor(message?: string, options?: ErrorOptions & { exitCode?: number | undefined; exited?: boolean }) {
    super(message, options);
    this.exitCode = options?.exitCode;
    this.exited = options?.exited ?? false;
  }

  static {
    define(this, "ThreadDiedError");
  }
}

/** Base of the errors of heddle/multiprocessing. */
export class ProcessError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_PROCESS";

  static {
    define(this, "ProcessError");
  }
}

/** A process that ended without finishing its work: killed, or by its own `process.exit`. */
export class ProcessDiedError extends ProcessError {
  override readonly code: string = "ERR_HEDDLE_PROCESS_DIED";
  /** The exit code; negative: the number of the signal that ended it. `undefined`: nobody can tell any more. */
  exitcode: number | undefined;

  constructor(message?: string, options?: ErrorOptions & { exitcode?: number | undefined }) {
    super(message, options);
    this.exitcode = options?.exitcode;
  }

  static {
    define(this, "ProcessDiedError");
  }
}

/** The other side does not know the shared key. */
export class AuthenticationError extends ProcessError {
  override readonly code: string = "ERR_HEDDLE_AUTHENTICATION";

  static {
    define(this, "AuthenticationError");
  }
}

/** The message is longer than the buffer it was to be read into. */
export class BufferTooShort extends ProcessError {
  override readonly code: string = "ERR_HEDDLE_BUFFER_TOO_SHORT";
  /** The whole message, which is not received again. */
  data: Uint8Array | undefined;

  constructor(message?: string, options?: ErrorOptions & { data?: Uint8Array | undefined }) {
    super(message, options);
    this.data = options?.data;
  }

  static {
    define(this, "BufferTooShort");
  }
}

/** The other end was closed, and everything it had sent has been received. */
export class EOFError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_EOF";

  static {
    define(this, "EOFError");
  }
}

/** The system refused something, or a handle was used after it was closed. */
export class OSError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_OS";

  static {
    define(this, "OSError");
  }
}

/** Nobody can receive what was to be sent: the other end is closed. */
export class BrokenPipeError extends OSError {
  override readonly code: string = "ERR_HEDDLE_BROKEN_PIPE";

  static {
    define(this, "BrokenPipeError");
  }
}

/** What was to be made exists already. */
export class FileExistsError extends OSError {
  override readonly code: string = "ERR_HEDDLE_FILE_EXISTS";

  static {
    define(this, "FileExistsError");
  }
}

/** There is nothing of that name. */
export class FileNotFoundError extends OSError {
  override readonly code: string = "ERR_HEDDLE_FILE_NOT_FOUND";

  static {
    define(this, "FileNotFoundError");
  }
}

/** A context variable without a value. */
export class LookupError extends HeddleError {
  override readonly code: string = "ERR_HEDDLE_LOOKUP";

  static {
    define(this, "LookupError");
  }
}
