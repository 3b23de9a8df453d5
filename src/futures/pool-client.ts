/**
 * PoolClient: a thread pool, as other threads see it that were sent it; mostly its own tasks.
 *
 * @module
 */

import { host } from "#host";
import { passportAddress, registerKind, sendByPassport } from "../contextvars/passport.ts";
import { callerStack } from "../core/caller-stack.ts";
import { discardCell, fromCell, prepareCell, toCell } from "../core/cells.ts";
import { type Deadline, now } from "../core/deadline.ts";
import { threads } from "../core/domain.ts";
import { ADDRESS } from "../core/handles.ts";
import { TASK_FLAG } from "../core/layout.ts";
import { discard } from "../core/messages.ts";
import { EXPIRED } from "../core/parker.ts";
import { platform } from "../core/platform.ts";
import { memory, parker } from "../core/program.ts";
import { isAlive } from "../core/raw/threads.ts";
import { transfer } from "../core/wire/transfer.ts";
import { CancelledError, RuntimeError } from "../errors.ts";
import { Alarms } from "./alarms.ts";
import { type CallOptions, contextCell } from "./call-options.ts";
import { Call, type Job, type Runner } from "./call.ts";
import { type AnyFunction, Executor, type MapInput, type MapOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import type { Lane } from "./lane.ts";
import { heard, type PoolTicket, type Reply, type Request, say, tell } from "./pool-messages.ts";
import { PoolService } from "./pool-service.ts";
import { Pump } from "./pump.ts";
import { NUDGE, Ring, RingWait } from "./ring.ts";
import { ship } from "./shipment.ts";

/** How often a thread that waits on its event loop looks whether it does nothing else. Milliseconds. */
const LOOK_EVERY = 500;

export const POOL = "ThreadPoolExecutor";

/** Of each call that this thread makes, through whichever runner: a late word about one must not reach another. */
let lastId = 0;

class RemoteRunner implements Runner {
  /**
   * Those with calls under way, by the address of their pool's requests. A client that nobody refers to any more may be
   * collected, and made anew when the pool arrives the next time: it goes on with the same runner, for the pool must hear
   * of *all* calls that this thread waits for.
   */
  static readonly #busy: Map<number, RemoteRunner> = new Map();

  static of(ticket: PoolTicket): RemoteRunner {
    return RemoteRunner.#busy.get(ticket.requests[ADDRESS]) ?? new RemoteRunner(ticket);
  }

  readonly alarms: Alarms = new Alarms();
  readonly broken: undefined = undefined;
  readonly ticket: PoolTicket;
  readonly #replies: Ring = new Ring();
  readonly #jobs: Map<number, Job> = new Map();
  readonly #look = (): void => this.#takeIn();
  #changes = 0;
  #changesSeen = -1;
  #isTicking = false;

  constructor(ticket: PoolTicket) {
    this.ticket = ticket;
  }

  send(fn: AnyFunction, args: readonly unknown[], options: CallOptions, job: Job): number {
    if (!isAlive(memory, this.ticket.owner)) throw PoolService.gone();
    const [id, from, replies] = [++lastId, memory.self, this.#replies];
    const input = { fn: 0, flags: 0, args: 0, context: 0 };
    try {
      input.context = contextCell(options.context, threads.cells);
      input.args = toCell(options.transfer === undefined ? args : transfer(args, options.transfer), "args");
      ({ message: input.fn, flags: input.flags } = ship(fn, threads.packer));
      this.#say({ kind: "submit", id, from, replies, ...input, priority: options.priority });
    } catch (error) {
      if ((input.flags & TASK_FLAG.ownFunction) !== 0) discard(input.fn);
      discardCell(input.args);
      discardCell(input.context);
      throw error;
    }
    if (this.#jobs.size === 0) {
      RemoteRunner.#busy.set(this.ticket.requests[ADDRESS], this);
      host.hold();
      parker.onRing.add(this.#look);
      parker.arm();
    }
    this.#jobs.set(id, job);
    this.#changes++;
    this.#tickSoon();
    return id;
  }

  #say(request: Request): void {
    say(this.ticket.requests, request, this.ticket.owner);
    this.ticket.results.put(NUDGE);
    tell(this.ticket.owner);
  }

  /** Only the owner knows whether it has begun, and takes it back if not. */
  cancel(): boolean {
    return false;
  }

  stop(id: number, reason: unknown, grace?: number): boolean {
    if (!this.#jobs.has(id)) return false;
    this.#say({ kind: "stop", id, from: memory.self, reason, grace });
    return true;
  }

  recall(id: number): void {
    if (this.#jobs.has(id)) this.#say({ kind: "recall", id, from: memory.self });
  }

  isRunning(): boolean {
    return false;
  }

  block(id: number, deadline: Deadline, signal: AbortSignal | undefined): boolean {
    if (deadline === Infinity && signal === undefined) this.#say({ kind: "waits", from: memory.self, ids: [id] });
    for (;;) {
      this.#takeIn();
      this.alarms.ringDue();
      if (!this.#jobs.has(id)) return true;
      const wait = new RingWait("future.result");
      const until = Math.min(deadline, this.alarms.next, now() + LOOK_EVERY);
      if (parker.waitSync(wait, this.#replies[ADDRESS], until, signal) !== EXPIRED) this.#take(wait.cell, true);
      else if (until === deadline) return !this.#jobs.has(id);
      else this.#lookForOwner();
    }
  }

  /** Whoever waits for a thread that has ended would wait for ever. */
  #lookForOwner(): void {
    if (isAlive(memory, this.ticket.owner)) return;
    this.#takeIn();
    for (const [id, job] of [...this.#jobs]) {
      this.#forget(id);
      job.fail(PoolService.gone());
    }
  }

  #takeIn(): void {
    for (let cell = this.#replies.poll(); cell !== 0; cell = this.#replies.poll()) this.#take(cell, false);
  }

  #take(cell: number, isBlocked: boolean): void {
    const { id, state, value, elapsed } = heard(cell) as Reply;
    this.#changes++;
    const loading = isBlocked || value === 0 ? undefined : prepareCell(value);
    const settle = (): void => this.#settle(id, state, value, elapsed);
    if (loading === undefined) settle();
    else loading.then(settle, settle);
  }

  #settle(id: number, state: Reply["state"], cell: number, elapsed: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return discardCell(cell);
    if (state !== "progress") this.#forget(id);
    if (state === "cancelled") return job.fail(new CancelledError("The call was cancelled"));
    let value: unknown;
    try {
      value = fromCell(cell);
    } catch (error) {
      return job.fail(error);
    }
    if (state === "progress") job.progress?.(...(value as [number, unknown]));
    else if (state === "failed") job.fail(value);
    else job.succeed(value, elapsed);
  }

  #forget(id: number): void {
    this.#jobs.delete(id);
    if (this.#jobs.size > 0) return;
    RemoteRunner.#busy.delete(this.ticket.requests[ADDRESS]);
    host.unhold();
    parker.onRing.delete(this.#look);
  }

  #tickSoon(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    const timer = setTimeout(() => this.#tick(), LOOK_EVERY) as unknown as { unref?(): void };
    timer.unref?.();
  }

  /** Has nothing happened here since the last tick, and is there nothing else that could? Then the pool hears of it. */
  #tick(): void {
    this.#isTicking = false;
    this.#lookForOwner();
    if (this.#jobs.size === 0) return;
    const hasStalled = this.#changesSeen === this.#changes && platform.isIdle(1);
    this.#changesSeen = this.#changes;
    if (hasStalled) this.#say({ kind: "waits", from: memory.self, ids: [...this.#jobs.keys()] });
    this.#tickSoon();
  }
}

/** To the workers of a pool in another thread: each item is a call. */
class RemoteLane implements Lane {
  readonly largestChunk: number = 1;
  readonly #runner: RemoteRunner;
  readonly #fn: AnyFunction;
  readonly #star: boolean;
  readonly #options: CallOptions;

  constructor(runner: RemoteRunner, fn: AnyFunction, star: boolean, options: CallOptions) {
    this.#runner = runner;
    this.#fn = fn;
    this.#star = star;
    this.#options = options;
  }

  get width(): number {
    return this.#runner.ticket.maxWorkers;
  }

  get depth(): number {
    return 3 * this.width;
  }

  send([item]: readonly unknown[], job: Job): number {
    return this.#runner.send(this.#fn, this.#star ? (item as unknown[]) : [item], this.#options, {
      succeed: (value, elapsed) => job.succeed([[value], false], elapsed),
      fail: (error) => job.fail(error),
      cancelled: () => job.cancelled(),
    });
  }

  findBad(): undefined {
    return undefined;
  }

  cancel(): boolean {
    return false;
  }

  skipRest(id: number): void {
    this.#runner.recall(id);
  }

  stop(id: number, reason: unknown, grace: number): void {
    this.#runner.stop(id, reason, grace);
  }

  close(): void {
    // Each call brought its own function.
  }
}

export class PoolClient extends Executor {
  readonly #runner: RemoteRunner;
  readonly #ticket: PoolTicket;

  constructor(ticket: PoolTicket) {
    super();
    this.#ticket = ticket;
    this.#runner = RemoteRunner.of(ticket);
  }

  protected override submitCall(options: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    const call = new Call<unknown>(this.#runner, callerStack(Executor.prototype.submit));
    return call.launch(options, () => this.#runner.send(fn, args, options, call));
  }

  protected override mapCall(call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown> {
    const lane = new RemoteLane(this.#runner, fn, input.star, call);
    // Chunks are for the thread that made the pool: here, each item is a call.
    return new Pump(lane, input.items, { ...options, chunksize: undefined }, call, this);
  }

  /** The thread that made the pool says it to each call. */
  protected override refusal(): undefined {
    return undefined;
  }

  /** Only the thread that made the pool may. */
  override shutdown(): Promise<void> {
    return Promise.reject(new RuntimeError("Only the thread that made the pool can shut it down"));
  }

  static {
    sendByPassport(PoolClient.prototype, (client) => passportAddress(client, POOL, () => client.#ticket));
  }
}

registerKind(POOL, (ticket: PoolTicket) => new PoolClient(ticket));
