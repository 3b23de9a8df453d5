/** @module */

import { currentScope, runInScope } from "#context";
import { Values, valuesOf } from "../contextvars/values.ts";
import { hasHooks, hooksFor } from "./app-context.ts";
import { type AfterRequest, Application, type BeforeRequest, belongsTo, type ContextsOptions } from "./application.ts";
import type { Frame } from "./frames.ts";
import { RequestContext } from "./request-context.ts";
import { streamIn, streamOf } from "./streaming.ts";
import type { ContextsMiddleware, HonoContext } from "./types.ts";

/**
 * The middleware that gives every request its contexts: `request`, `session`, `g` and `currentApp`.
 *
 * Use it first, so that the rest of the app is within:
 *
 * ```ts
 * import { Hono } from "hono";
 * import { contexts, request, session } from "heddle/web";
 *
 * const app = new Hono();
 * app.use(contexts({ secretKey: process.env.SECRET_KEY }));
 * app.get("/hello", () => {
 *   session.visits = (session.visits ?? 0) + 1;
 *   return new Response(`Hello ${request.args.get("name")}, for the ${session.visits}. time`);
 * });
 *
 * export default app;
 * ```
 *
 * The order around a request: `beforeRequest` (as registered; one that returns an answer skips the rest and the view), the
 * view, `afterThisRequest` (as registered), `afterRequest` (the last registered first), the session is saved,
 * `teardownRequest` and then `teardownAppcontext` (the last registered first). Where the answer is a stream, the contexts
 * stay until it has ended or the client has gone, and only then the teardown functions are called.
 *
 * Teardown functions get the error that became an answer of 500 or above; what `onError` turned into something else, and
 * Hono's `HTTPException`, are handled.
 *
 * **Differs from Python.** An error in a `beforeRequest` or `afterRequest` function goes to Hono's `onError`, whose answer
 * passes no further `afterRequest` functions. A request has a `g` of its own even if an app context was pushed for the
 * whole thread.
 */
export function contexts(options: ContextsOptions = {}): ContextsMiddleware {
  const app = new Application(options);
  const sessions = Application.sessionsOf(app);
  const middleware: ContextsMiddleware = (c, next) => {
    const scope = currentScope();
    const outer = valuesOf(scope);
    const current = (outer.frame as Frame | undefined)?.request;
    // Used twice, on the app and on a part of it.
    if (current !== undefined && RequestContext.isOf(current, app, c)) return next();
    const context = RequestContext.ofHono(app, c);
    const values = new Values(outer);
    const run = sessions.isEager || hasHooks(app) ? answer : answerPlainly;
    // What `isolated` does, without asking for the scope again.
    return runInScope({ importing: scope.importing, task: scope.task, context: values }, () =>
      run(context, values, c, next),
    );
  };
  belongsTo(middleware, app);
  return middleware;
}

type Answer = (context: RequestContext, values: Values, c: HonoContext, next: () => Promise<void>) => Promise<void>;

/** Where nobody wants to be called. Few promises: each costs a request about one percent of its time. */
const answerPlainly: Answer = (context, values, c, next) => {
  RequestContext.enter(context, values);
  return next().then(
    () => (isOver(context, c) ? undefined : complete(context, values, c, unhandled(c))),
    (error: unknown) => fail(context, values, c, error),
  );
};

/** Ends the request, if there is nothing to do. */
function isOver(context: RequestContext, c: HonoContext): boolean {
  const { app } = context;
  if (c.error !== undefined || !c.finalized || hasHooks(app) || streamOf(c.res) !== undefined) return false;
  return !Application.sessionsOf(app).mayRefresh(context, c) && RequestContext.endIfUnused(context);
}

const answer: Answer = async (context, values, c, next) => {
  if (Application.sessionsOf(context.app).isEager) await RequestContext.openSession(context);
  RequestContext.enter(context, values);
  try {
    const before = hooksFor(context.app, "beforeRequest");
    const isAnswered = before.length > 0 && (await ask(before, c));
    if (!isAnswered) await next();
  } catch (error) {
    return await fail(context, values, c, error);
  }
  return await complete(context, values, c, unhandled(c));
};

/** What there is to do when the view has answered. */
async function complete(context: RequestContext, values: Values, c: HonoContext, failure: unknown): Promise<void> {
  const { app } = context;
  let isStreaming = false;
  try {
    const after = hooksFor(app, "afterRequest");
    const own = RequestContext.afterOf(context);
    if (own !== undefined || after.length > 0) await passOn(c, own ?? [], after);
    RequestContext.answered(context);
    // Before the headers, which may turn any body into a stream.
    const stream = c.finalized ? streamOf(c.res) : undefined;
    if (RequestContext.openedSession(context) !== undefined || Application.sessionsOf(app).mayRefresh(context, c))
      await saveSession(context, c);
    if (stream !== undefined) isStreaming = keepFor(stream, context, values, c, failure);
  } catch (error) {
    return await abandon(context, error);
  }
  if (isStreaming) return;
  const ending = RequestContext.finish(context, failure);
  if (ending !== undefined) await ending;
}

/** It is the error that the client is told of; teardown functions hear of it, and theirs come second. */
async function abandon(context: RequestContext, error: unknown): Promise<never> {
  await RequestContext.finish(context, error)?.catch(() => undefined);
  throw error;
}

/** Whether a `beforeRequest` function has given the answer. */
async function ask(hooks: readonly BeforeRequest[], c: HonoContext): Promise<boolean> {
  for (const before of hooks) {
    const response = await before();
    if (response === undefined) continue;
    c.res = checked(response, "beforeRequest");
    return true;
  }
  return false;
}

/** Hono passes on what is no Error, and its adapter would answer without a word. */
async function fail(context: RequestContext, values: Values, c: HonoContext, error: unknown): Promise<void> {
  if (error instanceof Error) return await abandon(context, error);
  // oxlint-disable-next-line no-console -- as Hono's own handler of errors does
  console.error("A handler threw what is not an Error:", error);
  c.res = new Response("Internal Server Error", { status: 500 });
  return await complete(context, values, c, error);
}

/** The error that became an answer, if nobody handled it. */
function unhandled(c: HonoContext): unknown {
  const { error } = c;
  return error === undefined || "getResponse" in error || c.res.status < 500 ? undefined : error;
}

async function passOn(c: HonoContext, first: readonly AfterRequest[], then: readonly AfterRequest[]): Promise<void> {
  // Each may add another one.
  for (let i = 0; i < first.length; i++) await pass(c, first[i]!, "afterThisRequest");
  for (let i = then.length - 1; i >= 0; i--) await pass(c, then[i]!, "afterRequest");
}

async function pass(c: HonoContext, hook: AfterRequest, name: string): Promise<void> {
  const before = c.res;
  const response = await hook(before);
  if (response === undefined || response === before) return;
  // Otherwise Hono would mix in the headers of the one before.
  c.res = undefined;
  c.res = checked(response, name);
}

function checked(value: unknown, name: string): Response {
  if (value instanceof Response) return value;
  throw new TypeError(`A ${name} function must return a Response or nothing, not ${typeof value}`);
}

async function saveSession(context: RequestContext, c: HonoContext): Promise<void> {
  await RequestContext.openSession(context);
  const session = RequestContext.openedSession(context)!;
  const cookie = await Application.sessionsOf(context.app).save(session, context.request);
  if (cookie !== undefined) c.header("Set-Cookie", cookie, { append: true });
  if (session.state.accessed || cookie !== undefined) {
    const vary = c.res.headers.get("vary");
    if (vary === null || !/(^|,)\s*(cookie|\*)\s*(,|$)/i.test(vary)) c.header("Vary", "Cookie", { append: true });
  }
}

/** Lets the contexts last as long as the stream. Returns whether it does. */
function keepFor(
  stream: ReadableStream<Uint8Array>,
  context: RequestContext,
  values: Values,
  c: HonoContext,
  failure: unknown,
): boolean {
  // Nobody will ever read it.
  if (c.req.raw.method === "HEAD") {
    void stream.cancel().catch(() => undefined);
    return false;
  }
  const source = streamOf(c.res) ?? stream;
  // Before the stream is locked: the adapter may make the answer only when it is asked for these.
  const { status, statusText, headers } = c.res;
  const body = streamIn(values, source, async (error) => {
    try {
      await RequestContext.finish(context, error ?? failure);
    } catch (thrown) {
      // The answer is on its way, and nobody is left to catch it.
      // oxlint-disable-next-line no-console -- as Hono's own handler of errors does
      console.error(thrown);
    }
  });
  c.res = undefined;
  c.res = new Response(body, { status, statusText, headers });
  return true;
}
