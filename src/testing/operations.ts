/**
 * The operations of heddle's primitives, as an exploration sees them: what each touches, and what it orders.
 *
 * While an exploration runs, the methods of the classes listed here first ask whether one of its threads calls; all
 * other callers get the method itself, unchanged.
 *
 * @module
 */

import { load } from "#atomics";
import { ADDRESS, type SharedObject } from "../core/handles.ts";
import { CONDITION } from "../core/layout.ts";
import { memory } from "../core/program.ts";
import { RuntimeError } from "../errors.ts";
import { Queue, SimpleQueue } from "../queue/index.ts";
import { SharedArray, SharedMap, Value } from "../shared/index.ts";
import { watchStructs } from "../shared/struct.ts";
import { Barrier, Condition, Event, Lock, RLock, Semaphore, Thread } from "../threading/index.ts";
import { Side } from "../threading/rwlock.ts";
import type { AccessKind, Place } from "./clocks.ts";
import type { TypedArray } from "./data.ts";

/** One operation a thread can do. */
export interface Operation {
  readonly name: string;
  readonly form: "call" | "get" | "set";
  /** The caller gets a promise. */
  readonly isAsync: boolean;
  /** The caller would be blocked by it, where it has to wait. */
  readonly isBlocking: boolean;
  /** Does it, without blocking: for a blocking form its asynchronous twin. */
  readonly perform: (this: never, ...args: never[]) => unknown;
  /** Changes nothing that others can see. */
  readonly isRead: boolean;
  /** What the thread did before is seen by those who acquire later. */
  readonly releases: boolean;
  /** Does this result mean that the thread sees what others released? */
  readonly acquires: (result: unknown, failed: boolean) => boolean;
  /** Wakes who waits now, and is forgotten by who comes later. */
  readonly isSignal: boolean;
  /** An access to data, which may race. */
  readonly access?: AccessKind | undefined;
  /** Everything it touches. */
  readonly places: (target: never, args: readonly unknown[]) => readonly Place[];
  /** What orders it: where it releases to, and acquires from. Absent: everything it touches. */
  readonly releasesTo?: ((target: never, args: readonly unknown[]) => readonly Place[]) | undefined;
  readonly acquiresFrom?: ((target: never, args: readonly unknown[]) => readonly Place[]) | undefined;
  /** Runs the user's own code too, which may touch anything. */
  readonly isOpen?: boolean | undefined;
}

interface Rule {
  readonly form?: "get" | "set";
  readonly waits?: true;
  readonly isRead?: true;
  readonly releases?: true;
  readonly acquires?: (result: unknown, failed: boolean) => boolean;
  readonly isSignal?: true;
  readonly isOpen?: true;
  readonly access?: AccessKind;
  readonly releasesTo?: (target: never, args: readonly unknown[]) => readonly Place[];
  readonly acquiresFrom?: (target: never, args: readonly unknown[]) => readonly Place[];
}

const never = (): boolean => false;
const always = (): boolean => true;
const truthy = (result: unknown, failed: boolean): boolean => !failed && Boolean(result);
const succeeded = (_: unknown, failed: boolean): boolean => !failed;

const ATOMIC: Rule = { access: "atomic" };
const LOOK: Rule = { form: "get", isRead: true };
const LOCK: Record<string, Rule> = {
  acquire: { waits: true, acquires: truthy },
  tryAcquire: { acquires: truthy },
  release: { releases: true },
};

type Class = abstract new (...args: never[]) => object;

/** Readers are ordered by the writers before them, not by each other. */
function readersOf(side: Side): Place {
  return `readers of ${Side.lockOf(side).rwlock[ADDRESS]}`;
}
function writersOf(side: Side): Place {
  return Side.lockOf(side).rwlock[ADDRESS];
}
const SIDE: Record<string, Rule> = Object.fromEntries(
  Object.entries(LOCK).map(([name, rule]) => [
    name,
    {
      ...rule,
      releasesTo: (side: Side) => [Side.lockOf(side).isWrite ? writersOf(side) : readersOf(side)],
      acquiresFrom: (side: Side) =>
        Side.lockOf(side).isWrite ? [writersOf(side), readersOf(side)] : [writersOf(side)],
    },
  ]),
);

/** A value is ordered by those who set it before, whatever happens to other keys. */
const ofKey = (map: SharedMap, [key]: readonly unknown[]): readonly Place[] => [
  `${map[ADDRESS]} ${typeof key} ${String(key)}`,
];
const KEY = { releasesTo: ofKey, acquiresFrom: ofKey };

const ITEMS: Record<string, Rule> = {
  put: { waits: true, releases: true },
  putNowait: { releases: true },
  get: { waits: true, acquires: always },
  getNowait: { acquires: succeeded },
  qsize: LOOK,
  empty: LOOK,
};

const RULES: readonly (readonly [Class, Record<string, Rule>])[] = [
  [Lock, { ...LOCK, recover: { acquires: truthy }, locked: LOOK }],
  [RLock, { ...LOCK, recover: { acquires: truthy }, locked: LOOK }],
  [
    Condition,
    {
      ...LOCK,
      locked: LOOK,
      wait: { waits: true, releases: true, acquires: always },
      notify: { releases: true, isSignal: true },
      notifyAll: { releases: true, isSignal: true },
    },
  ],
  [Semaphore, { ...LOCK, value: LOOK }],
  [
    Event,
    {
      set: { releases: true, isSignal: true },
      clear: {},
      isSet: { form: "get", isRead: true, acquires: truthy },
      wait: { waits: true, acquires: truthy },
    },
  ],
  [
    Barrier,
    {
      wait: { waits: true, releases: true, acquires: succeeded, isOpen: true },
      reset: {},
      abort: {},
      nWaiting: LOOK,
      broken: LOOK,
    },
  ],
  [
    Queue,
    {
      ...ITEMS,
      taskDone: { releases: true },
      join: { waits: true, acquires: truthy },
      shutdown: { releases: true },
      isShutdown: { form: "get", isRead: true, acquires: truthy },
      full: LOOK,
      unfinishedTasks: LOOK,
    },
  ],
  [SimpleQueue, ITEMS],
  [Side, { ...SIDE, locked: LOOK }],
  [
    SharedMap,
    {
      get: { isRead: true, acquires: always, ...KEY },
      has: { isRead: true, acquires: always, ...KEY },
      set: { releases: true, acquires: succeeded, ...KEY },
      delete: { releases: true, acquires: always, ...KEY },
      update: { waits: true, releases: true, acquires: succeeded, isOpen: true, ...KEY },
      clear: {},
      size: LOOK,
      bytes: LOOK,
    },
  ],
  [
    Value,
    {
      value: { form: "get", isRead: true, access: "read" },
      add: ATOMIC,
      sub: ATOMIC,
      and: ATOMIC,
      or: ATOMIC,
      xor: ATOMIC,
      exchange: ATOMIC,
      compareExchange: ATOMIC,
    },
  ],
];

/** A condition and its lock go together: a wait touches both. */
function placesOf(target: SharedObject | Side): readonly Place[] {
  if (target instanceof Side) return [writersOf(target)];
  const address = target[ADDRESS];
  return target instanceof Condition ? [address, load(memory.words, address + CONDITION.lock)] : [address];
}

function operation(
  name: string,
  rule: Rule,
  perform: Operation["perform"],
  how: "call" | "async" | "blocking",
): Operation {
  return {
    name,
    form: rule.form ?? "call",
    isAsync: how === "async",
    isBlocking: how === "blocking",
    perform,
    isRead: rule.isRead ?? false,
    releases: rule.releases ?? false,
    acquires: rule.acquires ?? never,
    isSignal: rule.isSignal ?? false,
    places: placesOf as Operation["places"],
    isOpen: rule.isOpen,
    access: rule.access,
    releasesTo: rule.releasesTo,
    acquiresFrom: rule.acquiresFrom,
  };
}

/** A field of a struct. */
function field(name: string, access: "read" | "write", perform: Method): Operation {
  const rule: Rule = access === "read" ? { form: "get", isRead: true, access } : { form: "set", access };
  return {
    ...operation(name, rule, perform, "call"),
    places: (target: SharedObject) => [`${target[ADDRESS]}.${name}`],
  };
}

/** What becomes of a call of an operation. `undefined`: no thread of the exploration calls, do as always. */
export type Intercept = (
  target: object,
  operation: Operation,
  args: readonly unknown[],
) => { readonly value: unknown } | undefined;

type Method = (this: SharedObject, ...args: unknown[]) => unknown;

/**
 * Starts to intercept all operations. Returns what ends it. `watch` makes the elements of an array operations; whatever
 * else a SharedArray does goes through its elements.
 */
export function interceptOperations(
  intercept: Intercept,
  isInside: () => boolean,
  watch: (array: SharedArray, data: TypedArray) => TypedArray,
): () => void {
  const undo: (() => void)[] = [];
  const replace = (
    prototype: object,
    name: string | symbol,
    change: (old: PropertyDescriptor) => PropertyDescriptor,
  ): void => {
    const old = Object.getOwnPropertyDescriptor(prototype, name)!;
    Object.defineProperty(prototype, name, { ...old, ...change(old) });
    undo.push(() => Object.defineProperty(prototype, name, old));
  };
  const method = (real: Method, op: Operation): PropertyDescriptor => ({
    value(this: SharedObject, ...args: unknown[]): unknown {
      const answer = intercept(this, op, args);
      return answer === undefined ? real.apply(this, args) : answer.value;
    },
  });
  for (const [{ prototype }, rules] of RULES) {
    for (const [name, rule] of Object.entries(rules)) {
      if (rule.form === "get") {
        replace(prototype, name, (old) => {
          const get = old.get as Method;
          const change: PropertyDescriptor = {
            get: method(get, operation(name, rule, get, "call")).value as () => unknown,
          };
          if (rule.access === undefined) return change;
          const set = old.set as Method;
          const write: Rule = { form: "set", access: "write" };
          return { ...change, set: method(set, operation(name, write, set, "call")).value as (value: unknown) => void };
        });
        continue;
      }
      const real = (prototype as unknown as Record<string, Method>)[name]!;
      replace(prototype, name, () => method(real, operation(name, rule, real, rule.waits === true ? "async" : "call")));
      if (rule.waits !== true) continue;
      const blocking = `${name}Sync`;
      replace(prototype, blocking, (old) => method(old.value as Method, operation(blocking, rule, real, "blocking")));
    }
  }
  // Its loop stays outside: the predicate is the caller's code, and what it reads are operations of their own.
  replace(Condition.prototype, "waitFor", (old) => ({
    async value(this: Condition, predicate: () => unknown, options?: { timeout?: number }): Promise<unknown> {
      if (!isInside()) return (old.value as Method).call(this, predicate, options);
      for (let inTime = true; ; inTime = await this.wait(options)) {
        const value = predicate();
        if (value || !inTime) return value;
      }
    },
  }));
  replace(Condition.prototype, "waitForSync", (old) => ({
    value(this: Condition, predicate: () => unknown, options?: { timeout?: number }): unknown {
      if (!isInside()) return (old.value as Method).call(this, predicate, options);
      for (let inTime = true; ; inTime = this.waitSync(options)) {
        const value = predicate();
        if (value || !inTime) return value;
      }
    },
  }));
  replace(SharedArray.prototype, "data", (old) => ({
    get(this: SharedArray): TypedArray {
      const data = (old.get as () => TypedArray).call(this);
      return isInside() ? watch(this, data) : data;
    },
  }));
  // What they give is looked at later, so it is all there at once.
  for (const name of ["keys", "values", "entries", Symbol.iterator] as const) {
    replace(SharedMap.prototype, name, (old) => {
      const real = old.value as () => Iterable<unknown>;
      const all = operation(
        name === Symbol.iterator ? "entries" : name,
        { isRead: true },
        function list(this: SharedMap) {
          return [...real.call(this)];
        },
        "call",
      );
      return {
        value(this: SharedMap): Iterable<unknown> {
          const answer = intercept(this, all, []);
          return answer === undefined ? real.call(this) : (answer.value as unknown[]).values();
        },
      };
    });
  }
  const unwatch = watchStructs((prototype, scalars) => {
    for (const name of scalars) {
      replace(prototype, name, (old) => {
        const read = method(old.get as Method, field(name, "read", old.get as Method));
        const write = method(old.set as Method, field(name, "write", old.set as Method));
        return { get: read.value as () => unknown, set: write.value as (value: unknown) => void };
      });
    }
  });
  undo.push(unwatch);
  replace(Thread.prototype, "start", (old) => ({
    value(this: Thread): unknown {
      if (isInside()) {
        throw new RuntimeError(
          "A scenario's threads cannot start real threads: call the scenario's own spawn beforehand.",
        );
      }
      return (old.value as () => unknown).call(this);
    },
  }));
  return () => {
    for (const each of undo.reverse()) each();
  };
}
