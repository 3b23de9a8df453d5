/** @module */

import { currentValues, type Values } from "../contextvars/values.ts";
import { RuntimeError } from "../errors.ts";
import { AppContext, hooksFor, runPushed } from "./app-context.ts";
import { type AfterRequest, Application, applicationOf } from "./application.ts";
import { currentFrame, enter, type Frame, frameToPop, isolated, leave } from "./frames.ts";
import { ContextRequest } from "./request.ts";
import { type SessionMembers, sessionObject, type SessionState } from "./session.ts";
import type { OpenSession } from "./sessions.ts";
import { tearDown, tearDownAsync, throwCollected } from "./teardown.ts";
import type { HonoApp, HonoContext, Session } from "./types.ts";

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
  #request: ContextRequest | undefined;
  /** What the request is made of, once somebody asks for it. */
  #raw: Request | undefined;
  #hono: HonoContext | undefined;
  #after: AfterRequest[] | undefined;
  #isAnswered = false;
  #session: SessionCell | undefined;
  /** Of the session, once it was used here: a shorter way to it. */
  #state: SessionState | undefined;
  /** The last push. */
  #pushed: Frame | undefined;
  /** The context of the app that came with it. */
  #implicit: AppContext | undefined;

  /** @param session that of a context which this one is a copy of */
  constructor(app: HonoApp | Application, request: ContextRequest | undefined, session?: SessionCell) {
    this.app = applicationOf(app);
    this.#request = request;
    this.#session = session;
  }

  /** What `request` is. */
  get request(): ContextRequest {
    return (this.#request ??= new ContextRequest(this.#raw!, this.#hono));
  }

  /** What `session` is. */
  get session(): Session & SessionMembers {
    const cell = this.#cell;
    if (cell.object === undefined) {
      void this.#open(false);
      cell.object = sessionObject(cell.open!.state);
    }
    this.#state = cell.open!.state;
    this.#state.accessed = true;
    return cell.object;
  }

  /** Makes it current. May be pushed several times; it ends with the last pop. */
  push(): this {
    if (Application.sessionsOf(this.app).isEager) void this.#open(false);
    this.#enter(currentValues(), true);
    return this;
  }

  /** As {@link push}; waits for a session store that is asynchronous. */
  async pushAsync(): Promise<this> {
    if (Application.sessionsOf(this.app).isEager) await this.#open(true);
    this.#enter(currentValues(), true);
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
    if (this.#pushed === undefined) {
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
    if (this.#pushed === undefined) {
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
    if (this.#pushed === undefined) this.push();
    return () => this.pop();
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    if (this.#pushed === undefined) this.push();
    return () => this.popAsync();
  }

  toString(): string {
    return `<RequestContext ${this.request.method} ${this.request.path} of '${this.app.name}'>`;
  }

  /** Most requests never ask for their session. */
  get #cell(): SessionCell {
    return (this.#session ??= { open: undefined, object: undefined });
  }

  /** Opens the session. What comes later is waited for, if that is allowed. */
  #open(mayWait: boolean): void | Promise<void> {
    const cell = this.#cell;
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
  #enter(values: Values, shares: boolean): void {
    const below = values.frame as Frame | undefined;
    if (this.#pushed === undefined) {
      this.#implicit = shares && below?.app.app === this.app ? undefined : new AppContext(this.app);
    }
    const app = this.#implicit ?? below!.app;
    const frame = { owner: this, app, request: this, below, values, earlier: this.#pushed };
    this.#pushed = frame;
    enter(frame);
  }

  /** At the end of a request: pops it, and before it what was pushed on top of it and forgotten. */
  async #finish(error: unknown): Promise<void> {
    const errors: unknown[] = [];
    while (this.#pushed !== undefined) {
      const current = currentFrame();
      if (current === undefined) break;
      await current.owner.popAsync(error).catch((thrown: unknown) => errors.push(thrown));
    }
    throwCollected(errors);
  }

  #take(): Frame {
    const frame = frameToPop(this, this.#pushed);
    this.#pushed = frame.earlier;
    return frame;
  }

  // ── For the rest of web ────────────────────────────────────────────────────────────────────────────────────────────

  /** That of a request that Hono answers. */
  static ofHono(app: Application, c: HonoContext): RequestContext {
    const context = new RequestContext(app, undefined);
    context.#raw = c.req.raw;
    context.#hono = c;
    return context;
  }

  /** Is it the one that `contexts()` of this app gave the request? */
  static isOf(context: RequestContext, app: Application, c: HonoContext): boolean {
    return context.app === app && context.#raw === c.req.raw;
  }

  /** Another context of the same request and session. */
  static copyOf(context: RequestContext): RequestContext {
    return new RequestContext(context.app, context.request, context.#cell);
  }

  /** Makes it current where `values` are, with an app context of its own. */
  static enter(context: RequestContext, values: Values): void {
    context.#enter(values, false);
  }

  static openSession(context: RequestContext): void | Promise<void> {
    return context.#open(true);
  }

  /** Its session, if it was opened. */
  static openedSession(context: RequestContext): OpenSession | undefined {
    return context.#session?.open;
  }

  /** What a session that is in use has under the key. */
  static readSession(context: RequestContext | undefined, key: PropertyKey): unknown {
    const state = context === undefined ? undefined : context.#state;
    if (state === undefined) return undefined;
    state.accessed = true;
    return state.data[key as string];
  }

  /** Sets a key of a session that is in use. Whether it did. */
  static writeSession(context: RequestContext | undefined, key: PropertyKey, value: unknown): boolean {
    const state = context === undefined ? undefined : context.#state;
    if (state === undefined || typeof key !== "string" || key === "modified" || key === "permanent") return false;
    state.accessed = true;
    state.write(key, value);
    return true;
  }

  /** Registers a function to be called with the answer. `false`: the answer is made. */
  static addAfter(context: RequestContext, fn: AfterRequest): boolean {
    if (context.#isAnswered) return false;
    (context.#after ??= []).push(fn);
    return true;
  }

  static afterOf(context: RequestContext): readonly AfterRequest[] | undefined {
    return context.#after;
  }

  static answered(context: RequestContext): void {
    context.#isAnswered = true;
  }

  /** Ends it, if nobody has asked for anything that is now to be done. Whether it did. */
  static endIfUnused(context: RequestContext): boolean {
    const frame = context.#pushed;
    if (frame === undefined || frame.values.frame !== frame || frame.earlier !== undefined) return false;
    if (context.#after !== undefined || context.#session?.open !== undefined) return false;
    context.#isAnswered = true;
    context.#pushed = undefined;
    leave(frame);
    return true;
  }

  /** Ends it. Nothing has to be waited for where nobody wants to be called. */
  static finish(context: RequestContext, error: unknown): undefined | Promise<void> {
    const frame = context.#pushed;
    const isLast = frame !== undefined && frame.earlier === undefined && frame.values.frame === frame;
    if (error !== undefined || !isLast || wantsTeardown(context.app)) return context.#finish(error);
    context.#pushed = undefined;
    leave(frame);
    return undefined;
  }
}

function wantsTeardown(app: Application): boolean {
  return hooksFor(app, "teardownRequest").length + hooksFor(app, "teardownAppcontext").length > 0;
}

/** While the app's context is torn down, the request is over. */
function withoutRequest({ app, below, values }: Frame): Frame {
  return { owner: app, app, request: below?.request, below, values, earlier: undefined };
}
