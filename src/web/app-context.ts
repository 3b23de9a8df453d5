/** @module */

import { Application, applicationOf, type HookKind, type Hooks, noHooks, type Teardown } from "./application.ts";
import { currentFrame, enter, type Frame, frameToPop, isolated, leave } from "./frames.ts";
import { type GlobalsMembers, makeGlobals } from "./globals.ts";
import { tearDown, tearDownAsync, throwCollected } from "./teardown.ts";
import type { Globals, HonoApp } from "./types.ts";
import { currentValues } from "../contextvars/values.ts";

/** Hooks of every app of this thread. */
export const everyApp: Hooks = noHooks();

/** All functions of one kind, those for every app first. */
export function hooksFor<K extends HookKind>(app: Application, kind: K): Hooks[K] {
  const common = everyApp[kind];
  const own = Application.hooksOf(app)[kind];
  return (common.length === 0 ? own : [...common, ...own]) as Hooks[K];
}

/** Is there a function for the app, of whichever kind? */
export function hasHooks(app: Application): boolean {
  return !everyApp.isEmpty || !Application.hooksOf(app).isEmpty;
}

/**
 * The context in which `currentApp` and `g` mean something.
 *
 * A request has one. Push one where there is no request: in a script, a test, a job.
 *
 * ```ts
 * import { appContext, currentApp } from "heddle/web";
 *
 * {
 *   using _ = appContext(app).push();
 *   console.log(currentApp.config.DATABASE);
 * } // here its teardown functions are called
 *
 * await appContext(app).run(async () => {
 *   // the same, for a function: teardown functions hear of its error, and are awaited
 * });
 * ```
 *
 * **Differs from Python.** `using` does not tell the context of an error that leaves the block: where teardown functions
 * are to hear of it, use {@link run}, or `pop(error)`. Popping the wrong context is an error before anything is changed.
 */
export class AppContext implements Disposable, AsyncDisposable {
  /** What `currentApp` is. */
  readonly app: Application;
  /** The last push. */
  #pushed: Frame | undefined;
  #g: (Globals & GlobalsMembers) | undefined;

  /** `appContext(app)` does the same. */
  constructor(app: HonoApp | Application) {
    this.app = applicationOf(app);
  }

  /** What `g` is: this context's own. */
  get g(): Globals & GlobalsMembers {
    return (this.#g ??= makeGlobals(this.app.name));
  }

  /** Makes it current. May be pushed several times; it ends with the last pop. */
  push(): this {
    const below = currentFrame();
    const values = currentValues();
    const frame = { owner: this, app: this, request: below?.request, below, values, earlier: this.#pushed };
    this.#pushed = frame;
    enter(frame);
    return this;
  }

  /**
   * Makes current what was so before. The last pop calls the teardown functions with `error`.
   *
   * Errors: `LookupError` if it is not pushed; `RuntimeError` if another context is the current one; what teardown
   * functions throw, after all of them were called, as an `AggregateError` if it is more than one.
   */
  pop(error?: unknown): void {
    const frame = this.#take();
    const errors: unknown[] = [];
    if (this.#pushed === undefined) tearDown(this.#teardowns(), error, errors);
    leave(frame);
    throwCollected(errors);
  }

  /** As {@link pop}; awaits each teardown function before the next. */
  async popAsync(error?: unknown): Promise<void> {
    const frame = this.#take();
    const errors: unknown[] = [];
    if (this.#pushed === undefined) await tearDownAsync(this.#teardowns(), error, errors);
    leave(frame);
    throwCollected(errors);
  }

  /** Calls `fn` with this context current, and nowhere else. Teardown functions get its error, and are awaited. */
  async run<R>(fn: () => R): Promise<Awaited<R>> {
    return await isolated(() => runPushed(this, fn));
  }

  // `using` reads it where the block begins, which is where Python's `with` enters the context.
  get [Symbol.dispose](): () => void {
    if (this.#pushed === undefined) this.push();
    return () => this.pop();
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    if (this.#pushed === undefined) this.push();
    return () => this.popAsync();
  }

  toString(): string {
    return `<AppContext of '${this.app.name}'>`;
  }

  #take(): Frame {
    const frame = frameToPop(this, this.#pushed);
    this.#pushed = frame.earlier;
    return frame;
  }

  #teardowns(): Teardown[] {
    return hooksFor(this.app, "teardownAppcontext");
  }
}

/** Something that can be pushed and popped. */
interface Pushable {
  push(): unknown;
  popAsync(error?: unknown): Promise<void>;
}

/** Between a push and a pop. An error of `fn` goes before those of teardown functions, which then hear of it. */
export async function runPushed<R>(context: Pushable, fn: () => R): Promise<Awaited<R>> {
  await context.push();
  let result: Awaited<R>;
  try {
    result = await fn();
  } catch (error) {
    await context.popAsync(error).catch(() => undefined);
    throw error;
  }
  await context.popAsync();
  return result;
}

/** A context of the app, to be pushed: see {@link AppContext}. */
export function appContext(app: HonoApp | Application): AppContext {
  return new AppContext(app);
}
