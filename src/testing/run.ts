/**
 * One run of a scenario: its threads, and one choice after the other of which goes on.
 *
 * ```
 *   choose ─► perform the thread's operation on the real primitive ─► it waits │ it ended ─► run its function up to the
 *      ▲                                                               │            next operation
 *      └───────────────────────────────────────────────────────────────┴──────────────────┘
 * ```
 * A primitive's own code runs, in the program's memory and under the identity of the thread that calls. Only where the
 * parker would make it sleep, the run goes on with another thread instead.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ADDRESS, type SharedObject } from "../core/handles.ts";
import { OBJECT, SLOT, TAG } from "../core/layout.ts";
import { EXPIRED, Parker, QUEUED } from "../core/parker.ts";
import { memory, parker } from "../core/program.ts";
import { lockOwner } from "../core/raw/lock.ts";
import { RuntimeError } from "../errors.ts";
import { Lock, RLock } from "../threading/index.ts";
import { Clocks, type Place } from "./clocks.ts";
import { SharedData, watched, type TypedArray } from "./data.ts";
import { type Call, Fiber, FiberWait, type Identity } from "./fiber.ts";
import { interceptOperations } from "./operations.ts";
import { shortPlace, show, siteAbove, type TraceEvent } from "./trace.ts";

/** A choice: a thread's index, plus this if the deadline of its wait passes. */
export const EXPIRE = 32;
export const MOST_THREADS = 26;

/** Longest time that a scenario may take for something that is no operation. Milliseconds. */
const FOREIGN = 5_000;
const TURNS = 200;

/** The run that goes on in this thread. */
let active: Run | undefined;

/** Lets what is on its way in this thread happen, until `done`. */
async function until(done: () => boolean, what: string): Promise<void> {
  const turn = Promise.resolve();
  for (let i = 0; i < TURNS; i++) {
    if (done()) return;
    await turn;
  }
  const last = performance.now() + FOREIGN;
  while (!done()) {
    if (performance.now() > last) {
      throw new RuntimeError(
        `${what} awaits something that is no operation of heddle. A scenario's threads wait only for heddle's primitives.`,
      );
    }
    await new Promise<void>((resolve) => setTimeout(resolve));
  }
}

/** What a run touches, for telling whether the order of two steps matters. */
interface Footprint {
  readonly places: readonly Place[];
  readonly writes: boolean;
  readonly isOpen: boolean;
}

export class Run {
  readonly fibers: Fiber[] = [];
  readonly clocks: Clocks = new Clocks();
  readonly choices: number[] = [];
  readonly trace: TraceEvent[] = [];
  readonly #identities: Identity[];
  readonly #claim: () => Identity;
  readonly #traces: boolean;
  readonly #names: Map<object, string> = new Map();
  readonly #watched: Map<object, TypedArray> = new Map();
  readonly #given: Map<Place, string> = new Map();
  readonly #counts: Map<string, number> = new Map();
  /** What a signal was given on while nobody waited. */
  readonly #unheard: Set<object> = new Set();
  /** Whose function runs. */
  #running: Fiber | undefined;
  /** For whom a primitive's own code runs. */
  #performing: Fiber | undefined;
  #outside = true;
  /** May spawn. */
  isOpen = true;

  /** @param identities of earlier runs, to be used again */
  constructor(identities: Identity[], claim: () => Identity, traces: boolean) {
    this.#identities = identities;
    this.#claim = claim;
    this.#traces = traces;
  }

  // ── What a scenario does ───────────────────────────────────────────────────────────────────────────────────────────

  spawn(name: string, body: () => unknown): Fiber {
    const index = this.fibers.length;
    if (!this.isOpen)
      throw new RuntimeError("spawn is for the scenario itself: its threads are all there from the start.");
    if (index === MOST_THREADS)
      throw new RuntimeError(`A scenario has at most ${MOST_THREADS} threads; a few find most bugs.`);
    const identity = (this.#identities[index] ??= this.#claim());
    const fiber = new Fiber(index, name, identity, body);
    this.fibers.push(fiber);
    return fiber;
  }

  share<T extends TypedArray>(array: T, name: string | undefined): T {
    return watched(array, name ?? this.#number("array"), this.#intercept);
  }

  #watch(array: object, data: TypedArray): TypedArray {
    let seen = this.#watched.get(array);
    if (seen === undefined) this.#watched.set(array, (seen = this.share(data, this.nameOf(array))));
    return seen;
  }

  name<T extends object>(object: T, name: string): T {
    this.#names.set(object, name);
    if (ADDRESS in object) this.#given.set((object as unknown as SharedObject)[ADDRESS], name);
    return object;
  }

  /** What data at a place is called in every run: addresses differ from run to run. */
  keyOf(place: Place): string {
    if (typeof place === "number") return this.#given.get(place) ?? "data without a name";
    // A field of a struct.
    const [, address, field] = /^(\d+)\.(.*)$/.exec(place) ?? [];
    return address === undefined ? place : `${this.#given.get(Number(address)) ?? "data without a name"}.${field}`;
  }

  #number(type: string): string {
    const count = (this.#counts.get(type) ?? 0) + 1;
    this.#counts.set(type, count);
    return `${type} ${count}`;
  }

  nameOf(object: object): string {
    let name = this.#names.get(object);
    if (name === undefined) {
      const type = object.constructor.name;
      name = this.#number(type.slice(0, 1).toLowerCase() + type.slice(1));
      this.#names.set(object, name);
    }
    return name;
  }

  // ── Where primitives meet the run ──────────────────────────────────────────────────────────────────────────────────

  readonly #intercept = (
    target: object,
    operation: Call["operation"],
    args: readonly unknown[],
  ): { readonly value: unknown } | undefined => {
    const fiber = this.#running;
    if (fiber === undefined) return undefined;
    const at = (): string | undefined => (this.#traces ? siteAbove(this.#intercept) : undefined);
    return { value: fiber.call(target, operation, args, at) };
  };

  readonly #wait: Parker["wait"] = (kind, object, owner, deadline, signal) => {
    const fiber = this.#performing;
    if (fiber === undefined) {
      this.#refuse(kind.name);
      // Somebody else in this process waits, and has nothing to do with the scenario.
      return Parker.prototype.wait.call(parker, kind, object, owner, deadline, signal);
    }
    if (signal !== undefined) throw new RuntimeError("explore() cannot follow signals: use a timeout in the scenario.");
    if (fiber.abandoned) return Promise.resolve(EXPIRED);
    const blocking = fiber.active!.operation.isBlocking;
    const slot = fiber.identity.takeSlot();
    // As the slot of a blocked thread: it may then lose what it was woken for to one that runs.
    if (blocking) store(memory.words, slot + SLOT.async, 0);
    const result = kind.enter(memory, object, slot, blocking);
    return new Promise((resolve) => {
      const wait = new FiberWait(kind, object, slot, deadline !== Infinity, blocking, resolve);
      if (result !== QUEUED) {
        fiber.identity.giveSlot(slot);
        resolve(result);
      } else {
        fiber.wait = wait;
        if (deadline === 0) this.#giveUp(fiber, true);
      }
    });
  };

  readonly #waitSync: Parker["waitSync"] = (kind, object, deadline, signal) => {
    this.#refuse(kind.name);
    return Parker.prototype.waitSync.call(parker, kind, object, deadline, signal);
  };

  #refuse(name: string): void {
    if (this.#running !== undefined || this.#performing !== undefined) {
      throw new RuntimeError(
        `explore() cannot follow ${name} here: not in an action, nor for every type. See its docs.`,
      );
    }
    if (this.#outside) throw new RuntimeError(`${name} would wait for ever: only the threads of a scenario may wait.`);
  }

  /** Does something with all operations coming to this run. */
  static async during<T>(run: Run, work: () => Promise<T>): Promise<T> {
    const { self } = memory;
    active = run;
    try {
      return await work();
    } finally {
      active = undefined;
      memory.self = self;
    }
  }

  /** Lets the operations of this thread go through runs while `work` goes on. */
  static async intercept<T>(work: () => Promise<T>): Promise<T> {
    const restore = interceptOperations(
      (target, operation, args) => (active === undefined ? undefined : active.#intercept(target, operation, args)),
      () => active !== undefined && active.#running !== undefined,
      (array, data) => active!.#watch(array, data),
    );
    const { wait, waitSync } = Parker.prototype;
    // The run's own, in front of those of the class.
    Object.assign(parker, {
      wait: ((...args) => (active === undefined ? wait.apply(parker, args) : active.#wait(...args))) as Parker["wait"],
      waitSync: ((...args) =>
        active === undefined ? waitSync.apply(parker, args) : active.#waitSync(...args)) as Parker["waitSync"],
    });
    try {
      return await work();
    } finally {
      Reflect.deleteProperty(parker, "wait");
      Reflect.deleteProperty(parker, "waitSync");
      restore();
    }
  }

  // ── Steps ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs each thread up to its first operation. */
  async begin(): Promise<void> {
    this.isOpen = false;
    this.#outside = false;
    for (const fiber of this.fibers) await this.#advance(fiber);
  }

  /** All steps that are possible now. */
  enabled(): number[] {
    const choices: number[] = [];
    for (const { index, wait, end } of this.fibers) {
      if (end !== undefined) continue;
      if (wait === undefined || wait.isGranted) choices.push(index);
      else if (wait.isTimed) choices.push(index + EXPIRE);
    }
    return choices;
  }

  /** Would it be the same the other way round? */
  independent(a: number, b: number): boolean {
    if (a % EXPIRE === b % EXPIRE) return false;
    const one = this.#footprint(a);
    const other = this.#footprint(b);
    if (one.isOpen || other.isOpen) return false;
    if (!one.writes && !other.writes) return true;
    return !one.places.some((place) => other.places.includes(place));
  }

  #footprint(choice: number): Footprint {
    const fiber = this.fibers[choice % EXPIRE]!;
    const call = fiber.active ?? fiber.pending!;
    const places = call.operation.places(call.target as never, call.args);
    return { places, writes: !call.operation.isRead, isOpen: call.operation.isOpen === true };
  }

  async step(choice: number): Promise<void> {
    const fiber = this.fibers[choice % EXPIRE]!;
    this.choices.push(choice);
    this.clocks.tick(fiber.index);
    const began = fiber.active === undefined;
    if (began) this.#perform(fiber);
    else if (choice >= EXPIRE) await this.#as(fiber, () => void this.#giveUp(fiber, true));
    else await this.#as(fiber, () => this.#proceed(fiber, false));
    await this.#as(fiber, () =>
      until(() => fiber.outcome !== undefined || fiber.wait !== undefined, `Thread ${fiber.name}`),
    );
    this.#note(fiber, began, choice >= EXPIRE);
    if (fiber.outcome === undefined) return;
    this.#order(fiber);
    fiber.finish();
    await this.#advance(fiber);
  }

  async #as(fiber: Fiber, work: () => void | Promise<void>): Promise<void> {
    this.#performing = fiber;
    memory.self = fiber.identity.tid;
    try {
      await work();
    } finally {
      this.#performing = undefined;
    }
  }

  #perform(fiber: Fiber): void {
    const call = fiber.pending!;
    const { operation } = call;
    fiber.active = call;
    if (operation.releases) {
      const places = operation.releasesTo?.(call.target as never, call.args) ?? this.#places(call);
      for (const place of places) this.clocks.release(fiber.index, place);
    }
    if (operation.isSignal && !this.#isAwaited(call.target)) this.#unheard.add(call.target);
    if (operation.access !== undefined) {
      for (const place of this.#places(call))
        this.clocks.access(fiber.index, place, operation.access, this.trace.length);
    }
    this.#performing = fiber;
    memory.self = fiber.identity.tid;
    const settle = (failed: boolean) => (value: unknown) => void (fiber.outcome = { failed, value });
    try {
      const result = operation.perform.apply(call.target as never, call.args as never);
      if (operation.isAsync || operation.isBlocking) (result as Promise<unknown>).then(settle(false), settle(true));
      else settle(false)(result);
    } catch (error) {
      settle(true)(error);
    } finally {
      this.#performing = undefined;
    }
  }

  #isAwaited(target: object): boolean {
    return this.fibers.some(({ active: call, wait }) => wait !== undefined && call?.target === target);
  }

  #places({ operation, target, args }: Call): readonly Place[] {
    return operation.places(target as never, args);
  }

  /** What the thread has learnt of others with the operation that ended. */
  #order(fiber: Fiber): void {
    const { failed, value } = fiber.outcome!;
    const call = fiber.active!;
    if (!call.operation.acquires(value, failed)) return;
    const places = call.operation.acquiresFrom?.(call.target as never, call.args) ?? this.#places(call);
    for (const place of places) this.clocks.acquire(fiber.index, place);
  }

  #proceed(fiber: Fiber, last: boolean): void {
    const wait = fiber.wait!;
    if (!wait.proceed(last)) return;
    fiber.wait = undefined;
    fiber.identity.giveSlot(wait.slot);
  }

  #giveUp(fiber: Fiber, expired: boolean): boolean {
    const wait = fiber.wait!;
    if (!wait.giveUp(expired)) return false;
    fiber.wait = undefined;
    fiber.identity.giveSlot(wait.slot);
    return true;
  }

  async #advance(fiber: Fiber): Promise<void> {
    this.#running = fiber;
    memory.self = fiber.identity.tid;
    try {
      await fiber.advance((done) => until(done, `Thread ${fiber.name}`));
    } finally {
      this.#running = undefined;
    }
  }

  /** After the last step. Gives up what still waits, so that nothing of the run is left. */
  async abandon(): Promise<void> {
    for (const fiber of this.fibers) {
      fiber.abandoned = true;
      if (fiber.wait === undefined) continue;
      await this.#as(fiber, () => {
        if (!this.#giveUp(fiber, false)) this.#proceed(fiber, true);
        return until(() => fiber.outcome !== undefined, `Thread ${fiber.name}`);
      });
    }
    this.#outside = true;
  }

  /** For the code of the scenario that runs after its threads. */
  leave(self: number): void {
    memory.self = self;
    this.#outside = true;
  }

  // ── What happened ──────────────────────────────────────────────────────────────────────────────────────────────────

  #note(fiber: Fiber, began: boolean, expired: boolean): void {
    if (!this.#traces) {
      // Positions in the trace are those of choices.
      this.trace.length++;
      return;
    }
    const call = fiber.active!;
    let text = began ? this.describe(call) : `${this.describe(call)} ${expired ? "timed out" : "woken"}`;
    if (fiber.outcome === undefined) text += began ? " waits" : ", waits";
    else if (fiber.outcome.failed) text += ` threw ${String(fiber.outcome.value)}`;
    else if (
      fiber.outcome.value !== undefined &&
      call.operation.form !== "set" &&
      fiber.outcome.value !== call.target
    ) {
      text += ` → ${show(fiber.outcome.value)}`;
    }
    this.trace.push({ thread: fiber.name, operation: text, at: call.at });
  }

  describe({ target, operation, args }: Call): string {
    if (target instanceof SharedData) {
      const element = `${target.name}[${String(args[0])}]`;
      return operation.form === "set" ? `${element} = ${show(args[1])}` : element;
    }
    const name = `${this.nameOf(target)}.${operation.name}`;
    if (operation.form === "get") return name;
    return operation.form === "set"
      ? `${name} = ${show(args[0])}`
      : `${name}(${args
          .filter((arg) => arg !== undefined)
          .map(show)
          .join(", ")})`;
  }

  /** Why nobody can go on. */
  explainStuck(): { kind: "deadlock" | "lost-wakeup"; message: string } {
    const stuck = this.fibers.filter(({ end }) => end === undefined);
    const lost = stuck.some(
      ({ active: call }) => this.#unheard.has(call!.target) && call!.operation.name.startsWith("wait"),
    );
    const lines = stuck.map((fiber) => {
      const call = fiber.active!;
      const held = this.#held(fiber);
      const holds = held.length > 0 ? `, holds ${held.join(" and ")}` : "";
      const owner = this.#ownerOf(fiber.wait!.object);
      const by = owner === undefined || owner === fiber ? "" : ` (held by ${owner.name})`;
      return `  ${fiber.name} waits in ${this.describe(call)}${by}, ${shortPlace(call.at)}${holds}`;
    });
    const what = lost
      ? "lost wake-up: a thread waits for a signal that was given before it waited"
      : "deadlock: no thread can go on";
    return { kind: lost ? "lost-wakeup" : "deadlock", message: [what, ...lines].join("\n") };
  }

  #isLock(address: number): boolean {
    const tag = load(memory.words, address + OBJECT.tag);
    return tag === TAG.lock || tag === TAG.rlock;
  }

  #ownerOf(address: number): Fiber | undefined {
    if (!this.#isLock(address)) return undefined;
    const tid = lockOwner(memory, address);
    return this.fibers.find(({ identity }) => identity.tid === tid);
  }

  /** Names of the locks that the thread holds. */
  #held(fiber: Fiber): string[] {
    const locks = [...this.#names.keys()].filter((object) => object instanceof Lock || object instanceof RLock);
    const own = locks.filter((object) => this.#ownerOf((object as unknown as SharedObject)[ADDRESS]) === fiber);
    return own.map((object) => this.nameOf(object));
  }
}
