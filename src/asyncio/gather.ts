/** @module */

import { CancelledError } from "../errors.ts";
import { Future } from "../futures/future.ts";
import { type Awaitable, errorOf, futureOf, type Result } from "./awaitable.ts";

export interface GatherOptions {
  /** Errors take their place among the results, instead of being thrown. */
  returnExceptions?: boolean;
}

type Results<A extends readonly unknown[]> = { -readonly [I in keyof A]: Result<A[I]> };

/**
 * Awaits all of them, and gives their results in the order of the arguments. Functions run as tasks.
 *
 * ```ts
 * const [user, orders] = await gather(() => loadUser(id), () => loadOrders(id));
 * const results = await gather(tasks, { returnExceptions: true });
 * ```
 *
 * The first error is thrown at once; the others go on. A `TaskGroup` would cancel them.
 *
 * **Cancellation.** Cancelling what it returns, or the task that awaits it, cancels all of them.
 */
export function gather<A extends readonly Awaitable<unknown>[]>(...awaitables: A): Future<Results<A>>;
export function gather<T>(
  awaitables: Iterable<Awaitable<T>>,
  options: GatherOptions & { returnExceptions: true },
): Future<(Awaited<T> | Error)[]>;
export function gather<T>(awaitables: Iterable<Awaitable<T>>, options?: GatherOptions): Future<Awaited<T>[]>;
export function gather(...args: unknown[]): Future<unknown> {
  const [list, options] = isList(args[0]) ? [[...args[0]], args[1] as GatherOptions | undefined] : [args, undefined];
  // One that is given twice is awaited once.
  const known = new Map<unknown, Future>();
  const children = list.map((each) => {
    const future = known.get(each) ?? futureOf(each as Awaitable<unknown>, "gather");
    known.set(each, future);
    return future;
  });
  return new Gathering(children, options?.returnExceptions === true);
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value && !("then" in value);
}

class Gathering extends Future<unknown[]> {
  readonly #children: readonly Future[];
  readonly #returnExceptions: boolean;
  #left: number;
  #cancelled: CancelledError | undefined;

  constructor(children: readonly Future[], returnExceptions: boolean) {
    super({ cancel: () => false, isRunning: () => true, block: () => false });
    this.#children = children;
    this.#returnExceptions = returnExceptions;
    this.#left = children.length;
    if (children.length === 0) this.setResult([]);
    for (const child of children) child.addDoneCallback(() => this.#childDone(child));
  }

  override cancel(message?: string): boolean {
    if (this.done) return false;
    let any = false;
    for (const child of new Set(this.#children)) any = (child.cancel as (m?: string) => boolean)(message) || any;
    if (any) this.#cancelled ??= new CancelledError(message ?? "gather was cancelled");
    return any;
  }

  #childDone(child: Future): void {
    this.#left--;
    const error = errorOf(child);
    if (this.done) return;
    if (error !== undefined && !this.#returnExceptions && this.#cancelled === undefined) this.setException(error);
    else if (this.#left === 0) this.#finish();
  }

  #finish(): void {
    if (this.#cancelled !== undefined) this.setException(this.#cancelled);
    else this.setResult(this.#children.map((child) => errorOf(child) ?? child.resultSync()));
  }

  protected override interrupted(error: unknown): boolean {
    return this.cancel(error instanceof CancelledError ? error.message : undefined);
  }
}
