import {
  AuthenticationError,
  BrokenBarrierError,
  BrokenClusterPool,
  BrokenExecutor,
  BrokenProcessPool,
  BrokenThreadPool,
  BufferTooShort,
  CancelledError,
  DeadlockError,
  Empty,
  Full,
  HeddleError,
  InvalidStateError,
  LookupError,
  NotSendableError,
  OwnerDiedError,
  ProcessError,
  RemoteError,
  RuntimeError,
  ShutDown,
  TimeoutError,
  ValueError,
} from "heddle/errors";
import { expect, type Equal, type Extends } from "./expect.ts";

// Every class is made as Error is.
for (const ErrorClass of [
  AuthenticationError,
  BrokenBarrierError,
  BrokenClusterPool,
  BrokenExecutor,
  BrokenProcessPool,
  BrokenThreadPool,
  BufferTooShort,
  CancelledError,
  DeadlockError,
  Empty,
  Full,
  HeddleError,
  InvalidStateError,
  LookupError,
  NotSendableError,
  OwnerDiedError,
  ProcessError,
  RemoteError,
  RuntimeError,
  ShutDown,
  TimeoutError,
  ValueError,
]) {
  new ErrorClass();
  new ErrorClass("message");
  const error = new ErrorClass("message", { cause: new Error("cause") });
  expect<Extends<typeof error, Error>>();
  expect<Equal<typeof error.code, string>>();
  expect<Equal<typeof error.message, string>>();
  expect<Equal<typeof error.cause, unknown>>();
  // @ts-expect-error: the code is what programs rely on
  error.code = "ERR_OTHER";
}

// @ts-expect-error: a message is a string
new Empty(404);
// @ts-expect-error: errors are made with `new`
Empty("message");

expect<Extends<Empty, HeddleError>>();
expect<Extends<BrokenThreadPool, BrokenExecutor>>();
expect<Extends<BrokenProcessPool, BrokenExecutor>>();
expect<Extends<BrokenClusterPool, BrokenExecutor>>();
expect<Extends<AuthenticationError, ProcessError>>();
expect<Extends<BufferTooShort, ProcessError>>();
expect<Extends<ValueError, RangeError>>();

const caught: unknown = new Empty();
if (caught instanceof HeddleError) expect<Equal<typeof caught, HeddleError>>();
if (caught instanceof ValueError) expect<Equal<typeof caught.code, string>>();

/** A subclass may fix the code's type and add fields. */
class MyError extends RuntimeError {
  override readonly code = "ERR_MINE" as const;
  readonly detail: number = 1;
}
expect<Equal<MyError["code"], "ERR_MINE">>();
expect<Extends<MyError, HeddleError>>();
