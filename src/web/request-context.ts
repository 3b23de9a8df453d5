/** @module */

import { currentValues } from "../contextvars/values.ts";
import { RuntimeError } from "../errors.ts";
import { AppContext, hooksFor, runPushed } from "./app-context.ts";
import { type AfterRequest, Application, applicationOf } from "./application.ts";
import { currentFrame, enter, type Frame, frameToPop, isolated, leave } from "./frames.ts";
import type { ContextRequest } from "./request.ts";
import { type SessionMembers, sessionObject } from "./session.ts";
import type { OpenSession } from "./sessions.ts";
import { tearDown, tearDownAsync, throwCollected } from "./teardown.ts";
import type { HonoApp, Session } from "./types.ts";

/** A session's state, and the object that users have of it. */
interface SessionCell {
  open: OpenSession | undefined;
  object: (Session & SessionMembers) | undefined;
}

/**
 * The context in which `request` and `session` mean something, and with them `currentApp` and `g`.
 *
 * Every request that passes `contexts()` has one. In tests make one with {@link testRequestContext}.
 *
 * Pushed while a context of the same app is current, it shares that one's `g`; otherwise it has its own.
 */
export class RequestContext implements Disposable, AsyncDisposable {
  readonly app: Application;
  readonly request: ContextRequest;
  readonly #after: AfterRequest[] = [];
  #isAnswered = false;
  readonly #session: SessionCell;
  readonly #pushed: Frame[] = [];
  /** The context of the app that came with it. */
  #implicit: AppContext | undefined;

  /** @param session that of a context which this one is a copy of */
  constructor(app: HonoApp | Application, request: ContextRequest, session?: SessionCell) {
    this.app = applicationOf(app);
    this.request = request;
    this.#session = session ?? { open: undefined, object: undefined };
  }

  /** What `session` is. */
  get session(): Session & SessionMembers {
    const cell = this.#session;
    if (cell.object === undefined) {
      void this.#open(false);
      cell.object = sessionObject(cell.open!.state);
    }
    cell.open!.state.accessed = true;
    return cell.object;
  }

  /** Makes it current. May be pushed several times; it ends with the last pop. */
  push(): this {
    if (Application.sessionsOf(this.app).isEager) void this.#open(false);
    this.#enter(true);
    return this;
  }

  /** As {@link push}; waits for a session store that is asynchronous. */
  async pushAsync(): Promise<this> {
    if (Application.sessionsOf(this.app).isEager) await this.#open(true);
    this.#enter(true);
    return this;
  }

  /**
   * Makes current what was so before. The last pop calls the teardown functions with `error`: those of the request, and
   * then, without a request, those of the app's context if that came with this one.
   *
   * Errors: as {@link AppContext.pop}.
   */
  pop(error?: unknown): void {
    const frame = this.#take();
    const errors: unknown[] = [];
    if (this.#pushed.length === 0) {
      tearDown(hooksFor(this.app, "teardownRequest"), error, errors);
      if (this.#implicit !== undefined) {
        enter(withoutRequest(frame));
        tearDown(hooksFor(this.app, "teardownAppcontext"), error, errors);
      }
    }
    leave(frame);
    throwCollected(errors);
  }

  /** As {@link pop}; awaits each teardown function before the next. */
  async popAsync(error?: unknown): Promise<void> {
    const frame = this.#take();
    const errors: unknown[] = [];
    if (this.#pushed.length === 0) {
      await tearDownAsync(hooksFor(this.app, "teardownRequest"), error, errors);
      if (this.#implicit !== undefined) {
        enter(withoutRequest(frame));
        await tearDownAsync(hooksFor(this.app, "teardownAppcontext"), error, errors);
      }
    }
    leave(frame);
    throwCollected(errors);
  }

  /** Calls `fn` with this context current, and nowhere else. Teardown functions get its error, and are awaited. */
  async run<R>(fn: () => R): Promise<Awaited<R>> {
    const pushable = { push: () => this.pushAsync(), popAsync: (error?: unknown) => this.popAsync(error) };
    return await isolated(() => runPushed(pushable, fn));
  }

  // `using` reads it where the block begins, which is where Python's `with` enters the context.
  get [Symbol.dispose](): () => void {
    if (this.#pushed.length === 0) this.push();
    return () => this.pop();
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    if (this.#pushed.length === 0) this.push();
    return () => this.popAsync();
  }

  toString(): string {
    return `<RequestContext ${this.request.method} ${this.request.path} of '${this.app.name}'>`;
  }

  /** Opens the session. What comes later is waited for, if that is allowed. */
  #open(mayWait: boolean): void | Promise<void> {
    const cell = this.#session;
    if (cell.open !== undefined) return undefined;
    const opened = Application.sessionsOf(this.app).open(this.request);
    if (!(opened instanceof Promise)) {
      cell.open = opened;
      return undefined;
    }
    if (mayWait) return opened.then((open) => void (cell.open = open));
    opened.catch(() => undefined);
    throw new RuntimeError(
      "The app's session store is asynchronous: await context.pushAsync(), or use context.run(fn)",
    );
  }

  /** @param shares a context of the same app that is current, and its `g` */
  #enter(shares: boolean): void {
    const below = currentFrame();
    const values = currentValues();
    if (this.#pushed.length === 0) {
      this.#implicit = shares && below?.app.app === this.app ? undefined : new AppContext(this.app);
    }
    const frame: Frame = { owner: this, app: this.#implicit ?? below!.app, request: this, below, values };
    this.#pushed.push(frame);
    enter(frame);
  }

  /** At the end of a request: pops it, and before it what was pushed on top of it and forgotten. */
  async #finish(error: unknown): Promise<void> {
    const errors: unknown[] = [];
    while (this.#pushed.length > 0) {
      const current = currentFrame();
      if (current === undefined) break;
      await current.owner.popAsync(error).catch((thrown: unknown) => errors.push(thrown));
    }
    throwCollected(errors);
  }

  /** Whether nothing has to be called at its end: then {@link leaveQuietly} does it. */
  get #isQuiet(): boolean {
    return (
      this.#pushed.length === 1 &&
      currentFrame() === this.#pushed[0] &&
      hooksFor(this.app, "teardownRequest").length + hooksFor(this.app, "teardownAppcontext").length === 0
    );
  }

  #take(): Frame {
    const frame = frameToPop(this, this.#pushed);
    this.#pushed.pop();
    return frame;
  }

  // ── For the rest of web ────────────────────────────────────────────────────────────────────────────────────────────

  /** Another context of the same request and session. */
  static copyOf(context: RequestContext): RequestContext {
    return new RequestContext(context.app, context.request, context.#session);
  }

  /** Makes it current, with an app context of its own. */
  static enter(context: RequestContext): void {
    context.#enter(false);
  }

  static openSession(context: RequestContext): void | Promise<void> {
    return context.#open(true);
  }

  /** Its session, if it was opened. */
  static openedSession(context: RequestContext): OpenSession | undefined {
    return context.#session.open;
  }

  /** Registers a function to be called with the answer. `false`: the answer is made. */
  static addAfter(context: RequestContext, fn: AfterRequest): boolean {
    if (context.#isAnswered) return false;
    context.#after.push(fn);
    return true;
  }

  static afterOf(context: RequestContext): readonly AfterRequest[] {
    return context.#after;
  }

  static answered(context: RequestContext): void {
    context.#isAnswered = true;
  }

  /** Ends it. Nothing has to be waited for where nobody wants to be called. */
  static finish(context: RequestContext, error: unknown): undefined | Promise<void> {
    if (error !== undefined || !context.#isQuiet) return context.#finish(error);
    leave(context.#pushed.pop()!);
    return undefined;
  }
}

/** While the app's context is torn down, the request is over. */
function withoutRequest({ app, below, values }: Frame): Frame {
  return { owner: app, app, request: below?.request, below, values };
}
