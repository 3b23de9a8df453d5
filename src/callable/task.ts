/**
 * `task(import.meta, name, fn)`: a function with a name that every thread can look up.
 *
 * @module
 */
import { ValueError } from "../errors.ts";

/** What {@link task} remembers about a function. */
export interface TaskName {
  /** The module that registers the task; importing it in another thread registers it there. */
  readonly url: string;
  readonly name: string;
}

interface Registry {
  readonly byUrl: Map<string, Map<string, Function>>;
  readonly names: WeakMap<Function, TaskName>;
}

// On globalThis, because a program can hold several copies of heddle (one in a bundle, one in node_modules) that must
// see the same tasks.
const key: unique symbol = Symbol.for("heddle.tasks") as never;

function registry(): Registry {
  const holder = globalThis as { [key]?: Registry };
  let found = holder[key];
  if (found === undefined) {
    found = { byUrl: new Map(), names: new WeakMap() };
    Object.defineProperty(globalThis, key, { value: found });
  }
  return found;
}

/**
 * Gives `fn` a name under which every thread finds it, and returns `fn` itself, still directly callable.
 *
 * Use it where heddle cannot look into running code: browsers, Bun, Deno, and modules built into a file of their own
 * for the `worker:` option. On Node any function can be sent as it is.
 *
 * ```ts
 * export const resize = task(import.meta, "resize", (path: string, width: number) => { … });
 * const thumbnail = await pool.submit(resize, "a.png", 64);
 * ```
 *
 * **Errors.** `TypeError` for arguments of the wrong type; `ValueError` if another function of the same module (in a
 * bundle: of the same file) already has the name.
 *
 * @param meta the `import.meta` of the module that makes the call; it must make it whenever it is imported
 * @param name unique within the module
 */
export function task<F extends (...args: never[]) => unknown>(meta: { readonly url: string }, name: string, fn: F): F {
  if (typeof meta?.url !== "string")
    throw new TypeError("task(import.meta, name, fn): the first argument must be import.meta");
  if (typeof name !== "string") throw new TypeError("task(import.meta, name, fn): the name must be a string");
  if (typeof fn !== "function") throw new TypeError(`task(import.meta, "${name}", fn): fn must be a function`);
  const { byUrl, names } = registry();
  let tasks = byUrl.get(meta.url);
  if (tasks === undefined) byUrl.set(meta.url, (tasks = new Map()));
  const other = tasks.get(name);
  if (other !== undefined && other !== fn) {
    throw new ValueError(
      `two tasks of ${meta.url} are named "${name}": give each task of a module (or bundle) its own name`,
    );
  }
  tasks.set(name, fn);
  names.set(fn, { url: meta.url, name });
  return fn;
}

/** The name that {@link task} gave to `fn`. */
export function taskName(fn: Function): TaskName | undefined {
  return registry().names.get(fn);
}

/** The task of that module and name, if the module was evaluated in this thread. */
export function findTask(url: string, name: string): Function | undefined {
  return registry().byUrl.get(url)?.get(name);
}

/**
 * The task of that name in whatever module: for threads whose one script was built separately, so that its URL
 * differs from the one the sender knows.
 */
export function findTaskByName(name: string): Function | undefined {
  for (const tasks of registry().byUrl.values()) {
    const fn = tasks.get(name);
    if (fn !== undefined) return fn;
  }
  return undefined;
}
