/**
 * LocalProxy: stands for an object that is another one in each context.
 *
 * @module
 */

import { ContextVar } from "../contextvars/context-var.ts";
import { describe } from "../core/deadline.ts";
import { RuntimeError } from "../errors.ts";
import type { Local } from "./local.ts";
import type { LocalStack } from "./local-stack.ts";
import { parts } from "./parts.ts";
import { type Source, sources, trapsFor } from "./proxy-traps.ts";

export interface LocalProxyOptions {
  /** What the `RuntimeError` says when nothing is bound. */
  unboundMessage?: string;
}

/** Where a proxy finds its object. */
export type ProxySource<T> = (() => T | undefined | null) | ContextVar<T> | LocalStack<T>;

const UNBOUND = "object is not bound";
const INSPECT: symbol = Symbol.for("nodejs.util.inspect.custom");

/**
 * An object that stands for whatever `source` gives at the moment of each use: the attribute of a `Local` by that name,
 * the top of a `LocalStack`, the value of a `ContextVar`, what a function returns; with a `name`, that property of it.
 *
 * ```ts
 * import { LocalStack, localProxy } from "heddle/local";
 *
 * const requests = new LocalStack<Request>();
 * export const request = requests.proxy();
 * export const method = localProxy(() => requests.top?.method);
 * ```
 *
 * Everything that JavaScript lets a Proxy see is forwarded; the guide to locals lists all of it, and what to write where
 * it cannot be: `typeof proxy` is always `"function"`, `proxy === object` never true.
 *
 * Errors: any use while nothing is bound (or `undefined` or `null` is): `RuntimeError`. `TypeError` for a source of
 * another kind. What a function as source throws passes through.
 */
export function localProxy<T>(source: ProxySource<T>, options?: LocalProxyOptions): T;
export function localProxy<T extends object, K extends keyof T>(
  source: ProxySource<T> | Local<T>,
  name: K,
  options?: LocalProxyOptions,
): NonNullable<T[K]>;
export function localProxy(
  source: unknown,
  nameOrOptions?: PropertyKey | LocalProxyOptions,
  options?: LocalProxyOptions,
): unknown {
  const isNamed = typeof nameOrOptions !== "object" && nameOrOptions !== undefined;
  const { unboundMessage } = (isNamed ? options : (nameOrOptions as LocalProxyOptions | undefined)) ?? {};
  const found = new Found(finder(source, isNamed ? nameOrOptions : undefined), unboundMessage ?? UNBOUND);
  // Bound functions can be called and constructed, and have no property that a Proxy would have to show.
  const target = function () {}.bind(undefined) as unknown as Function & Record<PropertyKey, unknown>;
  delete (target as { name?: unknown }).name;
  delete (target as { length?: unknown }).length;
  // Node inspects the target, past all traps.
  Object.defineProperty(target, INSPECT, {
    configurable: true,
    value: (_: number, settings: unknown, inspect?: (value: unknown, settings: unknown) => string) =>
      found.isBound() ? (inspect?.(found.current(), settings) ?? String(found.current())) : "<LocalProxy unbound>",
  });
  const proxy = new Proxy(target, trapsFor(found));
  sources.set(proxy, found);
  return proxy;
}

/** `new LocalProxy(source)`, as in Python: the same as {@link localProxy}. */
export interface LocalProxyConstructor {
  new <T>(source: ProxySource<T>, options?: LocalProxyOptions): T;
  new <T extends object, K extends keyof T>(
    source: ProxySource<T> | Local<T>,
    name: K,
    options?: LocalProxyOptions,
  ): NonNullable<T[K]>;
  /** Is it a proxy, whatever it stands for? */
  [Symbol.hasInstance](value: unknown): boolean;
}

// A class whose instances are of any type: only an interface can say so.
export const LocalProxy: LocalProxyConstructor = class LocalProxy {
  constructor(source: unknown, ...rest: unknown[]) {
    // oxlint-disable-next-line no-constructor-return -- what `new` gives is the proxy
    return localProxy(source as never, ...(rest as [never])) as LocalProxy;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "function" && sources.has(value);
  }
} as never;

class Found implements Source {
  readonly #find: () => unknown;
  readonly #message: string;

  constructor(find: () => unknown, message: string) {
    this.#find = find;
    this.#message = message;
  }

  current(): unknown {
    const value = this.#find();
    if (value === undefined || value === null) throw new RuntimeError(this.#message);
    return value;
  }

  isBound(): boolean {
    try {
      const value = this.#find();
      return value !== undefined && value !== null;
    } catch (error) {
      if (error instanceof RuntimeError) return false;
      throw error;
    }
  }
}

function finder(source: unknown, name: PropertyKey | undefined): () => unknown {
  const part = typeof source === "object" && source !== null ? parts.get(source) : undefined;
  if (part !== undefined) return part.find(name);
  let find: () => unknown;
  if (source instanceof ContextVar) find = () => source.get(undefined) as unknown;
  else if (typeof source === "function") find = source as () => unknown;
  else {
    throw new TypeError(
      `Don't know how to proxy ${describe(source)}: a proxy's source is a Local, LocalStack, ContextVar or function`,
    );
  }
  return name === undefined ? find : () => propertyOf(find(), name);
}

/** The property of whatever is there. */
export function propertyOf(value: unknown, name: PropertyKey): unknown {
  return value === undefined || value === null ? undefined : (value as Record<PropertyKey, unknown>)[name];
}

/** The object that a proxy stands for now. Errors: `RuntimeError` if nothing is bound. */
export function getCurrentObject<T>(proxy: T): T {
  return sourceOf(proxy).current() as T;
}

/** Does the proxy stand for anything now? */
export function isBound(proxy: unknown): boolean {
  return sourceOf(proxy).isBound();
}

function sourceOf(proxy: unknown): Source {
  const source = typeof proxy === "function" ? sources.get(proxy) : undefined;
  if (source === undefined) throw new TypeError(`This takes a LocalProxy, not ${describe(proxy)}`);
  return source;
}
