/**
 * Registering functions to be called around requests.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { RuntimeError } from "../errors.ts";
import { everyApp } from "./app-context.ts";
import {
  type AfterRequest,
  Application,
  applicationOf,
  type BeforeRequest,
  type HookKind,
  type Teardown,
} from "./application.ts";
import { currentFrame, isolated } from "./frames.ts";
import { NO_REQUEST } from "./proxies.ts";
import { RequestContext } from "./request-context.ts";
import type { HonoApp } from "./types.ts";

function register(kind: HookKind, rest: readonly unknown[]): void {
  const [app, fn] = rest.length > 1 ? rest : [undefined, rest[0]];
  if (typeof fn !== "function") throw new TypeError(`${kind} takes an app and a function, not ${describe(fn)}`);
  const hooks = rest.length > 1 ? Application.hooksOf(applicationOf(app as HonoApp)) : everyApp;
  (hooks[kind] as unknown[]).push(fn);
  hooks.isEmpty = false;
}

type App = HonoApp | Application;

/**
 * Calls `fn` before the view of each request. What it returns is the answer; if that is not `undefined`, neither further
 * such functions nor the view are called.
 *
 * ```ts
 * beforeRequest(app, () => {
 *   if (session.user === undefined) return Response.redirect(new URL("/login", request.url));
 * });
 * ```
 *
 * Without an app it holds for every app of this thread.
 */
export function beforeRequest(app: App, fn: BeforeRequest): void;
export function beforeRequest(fn: BeforeRequest): void;
export function beforeRequest(...rest: unknown[]): void {
  register("beforeRequest", rest);
}

/** Calls `fn` with each answer, those that report errors included; it may return another one. The last registered first. */
export function afterRequest(app: App, fn: AfterRequest): void;
export function afterRequest(fn: AfterRequest): void;
export function afterRequest(...rest: unknown[]): void {
  register("afterRequest", rest);
}

/** Calls `fn` when a request ends, with the error that nobody handled, or `undefined`. The last registered first. */
export function teardownRequest(app: App, fn: Teardown): void;
export function teardownRequest(fn: Teardown): void;
export function teardownRequest(...rest: unknown[]): void {
  register("teardownRequest", rest);
}

/** Calls `fn` when a context of the app ends, with or without a request. The last registered first. */
export function teardownAppcontext(app: App, fn: Teardown): void;
export function teardownAppcontext(fn: Teardown): void;
export function teardownAppcontext(...rest: unknown[]): void {
  register("teardownAppcontext", rest);
}

function currentRequest(what: string): RequestContext {
  const context = currentFrame()?.request;
  if (context === undefined) throw new RuntimeError(`${NO_REQUEST}\n\n${what} is for code that answers a request.`);
  return context;
}

/** Calls `fn` with the answer to this request, once. Returns `fn`. Errors: `RuntimeError` outside of a request. */
export function afterThisRequest<F extends AfterRequest>(fn: F): F {
  if (typeof fn !== "function") throw new TypeError(`afterThisRequest takes a function, not ${describe(fn)}`);
  const context = currentRequest("afterThisRequest");
  if (!RequestContext.addAfter(context, fn)) {
    throw new RuntimeError("This request is answered already: afterThisRequest comes too late");
  }
  return fn;
}

/**
 * The function, to be called later or elsewhere with this request's context: the same `request` and `session`, and a `g`
 * of its own for each call.
 *
 * Use it for work that goes on when the request has been answered:
 *
 * ```ts
 * app.post("/order", () => {
 *   setTimeout(copyCurrentRequestContext(() => log(request.path)), 1000);
 *   return new Response("thank you");
 * });
 * ```
 *
 * It returns what `fn` returns. If that is a promise, the context lasts until it is settled.
 *
 * **Differs from Python.** A request cannot go to another thread: give a thread what it needs as arguments.
 *
 * Errors: `RuntimeError` outside of a request.
 */
export function copyCurrentRequestContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  if (typeof fn !== "function") throw new TypeError(`copyCurrentRequestContext takes a function, not ${describe(fn)}`);
  const context = RequestContext.copyOf(currentRequest("copyCurrentRequestContext"));
  return (...args) =>
    isolated((values) => {
      const copy = RequestContext.copyOf(context);
      RequestContext.enter(copy, values);
      let result: R;
      try {
        result = fn(...args);
      } catch (error) {
        copy.pop(error);
        throw error;
      }
      if (!(result instanceof Promise)) {
        copy.pop();
        return result;
      }
      return result.then(
        (value: unknown) => copy.popAsync().then(() => value),
        (error: unknown) =>
          copy.popAsync(error).then(() => {
            throw error;
          }),
      ) as R;
    });
}
