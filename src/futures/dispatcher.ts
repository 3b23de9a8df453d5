/**
 * The dispatcher of a pool: tasks out, results in, and workers kept alive. It belongs to the thread that made the pool.
 *
 * Its tasks keep the process alive while any is unfinished; idle workers do not. The doorbell of the thread rings when a
 * result is there; all that have come by then are taken in at once.
 *
 * @module
 */

import { host } from "#host";
import type { Cells } from "../core/cell-coder.ts";
import { type Deadline, now } from "../core/deadline.ts";
import type { Domain } from "../core/domain.ts";
import { Gamble } from "../core/gamble.ts";
import { ADDRESS } from "../core/handles.ts";
import { TASK_FLAG, TASK_STATE } from "../core/layout.ts";
import { EXPIRED, type Parker } from "../core/parker.ts";
import { platform } from "../core/platform.ts";
import type { BrokenExecutor } from "../errors.ts";
import { Alarms } from "./alarms.ts";
import type { Job, Runner } from "./call.ts";
import { Crew, type CrewOptions, type CrewWorker, type Loss, type Setup, type WorkerKind } from "./crew.ts";
import { Numbered } from "./numbered.ts";
import { LEFT, NUDGE, type Ring, RingWait, TaskQueue } from "./ring.ts";
import { type Pending, Recovery } from "./recovery.ts";
import { TaskBlocks, type TaskInput } from "./task-block.ts";
import { InitializerFailed } from "./task-runner.ts";

/** How long the event loop is blocked at most, in milliseconds, for a result that may come at once. */
const NAP = 0.05;

export class Dispatcher implements Runner {
  /** Where its rings, blocks and messages are. */
  readonly domain: Domain;
  readonly #kind: WorkerKind;
  readonly #parker: Parker;
  readonly #cells: Cells;
  readonly #blocks: TaskBlocks;
  readonly #tasks: TaskQueue;
  readonly #results: Ring;
  readonly #crew: Crew;
  readonly #pending: Numbered<Pending> = new Numbered();
  readonly #look: () => void;
  readonly #nap: () => boolean;
  readonly #recovery: Recovery;
  /** What happens at a certain time: calls that time out, grace periods that end. */
  readonly alarms: Alarms = new Alarms();
  /** Whether to look for results before it sleeps. */
  readonly #looking: Gamble = new Gamble();
  /** Workers that ended while this thread waits for a result, which may be the last thing they sent. */
  readonly #gone: CrewWorker[] = [];
  #waiting = false;
  /** Cells that were taken out of the results ring together, and how many of them were taken in: a job may block here. */
  #taken: readonly number[] = [];
  #takenIn = 0;
  /** Results and news that came while this thread was blocked, and not for them. */
  readonly #kept: number[] = [];
  /** Does what other threads ask for; `undefined`: none can. */
  #serve: (() => void) | undefined;
  /** Results that have come, and wait for what they need. */
  readonly #loading: Set<number> = new Set();
  #stopping = false;
  #terminated = false;
  #idle: (() => void)[] = [];
  /** Why no more tasks can run. */
  broken: BrokenExecutor | undefined;

  constructor(kind: WorkerKind, options: CrewOptions, setup: Setup) {
    const { domain } = kind;
    this.domain = domain;
    this.#kind = kind;
    this.#parker = domain.parker;
    this.#cells = domain.cells;
    this.#blocks = new TaskBlocks(domain);
    this.#tasks = TaskQueue.create(kind.rings);
    this.#results = kind.rings.ring();
    const rings = { tasks: this.#tasks, results: this.#results };
    this.#crew = new Crew(kind, options, setup, rings, (worker) => this.#goneNow(worker));
    this.#recovery = new Recovery({
      kind,
      blocks: this.#blocks,
      tasks: this.#tasks,
      pending: this.#pending,
      forget: (id) => this.#forget(id),
      takeInCell: (cell) => this.#takeInCell(cell),
    });
    this.#look = () => this.#takeIn();
    this.#nap = () => this.#sleep(now() + NAP, undefined, true);
  }

  /** Tasks that are not settled. */
  get pending(): number {
    return this.#pending.size;
  }

  get maxWorkers(): number {
    return this.#crew.max;
  }

  /**
   * A task will be sent that is not packed yet. Starts the first worker: it boots while V8 is asked about the function for
   * the first time, which takes as long. Errors: as {@link send}.
   */
  getReady(): void {
    if (this.broken !== undefined) throw this.broken;
    if (this.#crew.size === 0) this.#crew.hireFor(1);
  }

  /** Sends a task out, and returns its number. Owns its messages: the function's, if it is flagged so. */
  send(input: TaskInput, job: Job, priority = 0): number {
    if (this.broken !== undefined) throw this.broken;
    // Workers may have taken their leave while nobody listened.
    if (this.#pending.size === 0) this.#takeIn();
    // First what can fail: the initializer may be one that cannot be sent.
    this.#crew.hireFor(this.#pending.size + 1);
    const isFirst = this.#pending.size === 0;
    const pending: Pending = { task: 0, job, priority, stopGrace: undefined, movedTo: 0, arrived: undefined };
    const id = this.#pending.add(pending);
    const task = (pending.task = this.#blocks.make(id, input));
    if (isFirst) this.#wakeUp();
    if (priority === 0 && this.#cells.hasAttachments(input.args)) this.#hand(pending, input.args);
    else this.#tasks.put(task, priority);
    this.#parker.expect(this.#nap);
    return id;
  }

  /** Who takes the task is sent what is attached to it: that spares it asking, and the way here and back. */
  #hand(pending: Pending, args: number): void {
    const { task } = pending;
    let worker = 0;
    const deliver = (to: number): void => {
      worker = to;
      if (this.#cells.deliver(args, to)) pending.movedTo = to;
    };
    this.#tasks.tasks.hand(task, deliver);
    // Nobody waited; but one may have looked out for it.
    if (worker === 0 && (worker = this.#blocks.awaitHolder(task)) !== 0) deliver(worker);
  }

  /** Takes a task back that no worker has begun. */
  cancel(id: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.task === 0 || !this.#blocks.revoke(pending.task)) return false;
    // The empty block stays in the ring until a worker comes to it and sends it back.
    this.#blocks.disposeInput(pending.task);
    this.#forget(id);
    return true;
  }

  /** Of a chunk that runs, the items that have not begun are not wanted any more. */
  skipRest(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined && pending.task !== 0) this.#blocks.flag(pending.task, TASK_FLAG.skipRest);
  }

  /**
   * Asks the worker that runs the task to stop. With a grace period, in milliseconds: then replaces it if it has not, and
   * the job fails with the reason. False: it does not run.
   */
  stop(id: number, reason: unknown, grace?: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.task === 0) return false;
    this.#blocks.requestStop(pending.task, reason);
    if (grace !== undefined) {
      pending.stopGrace ??= this.alarms.set(now() + grace, () => this.#doom(id, reason));
    }
    return true;
  }

  #doom(id: number, reason: unknown): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.task === 0 || !this.#blocks.doom(pending.task)) return;
    const { task, job } = pending;
    this.#recovery.doom(task);
    this.#forget(id);
    // Its end is noticed like any other.
    this.#crew.kill(this.#blocks.holderOf(task));
    job.fail(reason);
  }

  /** From now on, `serve` is called when another thread sends a nudge, also while nothing is pending. */
  open(serve: () => void): Ring {
    this.#serve = serve;
    this.#parker.onRing.add(this.#look);
    this.#parker.arm();
    const { poll } = platform;
    platform.poll = () => {
      poll();
      serve();
      this.#passOn();
    };
    return this.#results;
  }

  /** While this thread blocks, for whatever: passes on what is other threads', and keeps its own for later. */
  #passOn(): void {
    if (this.#waiting) return;
    for (let cell = this.#results.poll(); cell !== 0; cell = this.#results.poll()) {
      const isOurs = (cell & 1) !== 0 || this.#pending.get(this.#blocks.idOf(cell))?.job.pass === undefined;
      if (isOurs) this.#kept.push(cell);
      else this.#takeInCell(cell);
    }
  }

  /** Identities of the workers there are. */
  get workers(): number[] {
    return this.#crew.idents;
  }

  /** Takes back everything that no worker has begun, telling the jobs. */
  cancelAll(): void {
    for (const [id, { job }] of this.#pending.entries()) if (this.cancel(id)) job.cancelled();
  }

  /** Starts all workers that there may be. */
  prestart(): void {
    this.#crew.hireAll();
  }

  /** Ends everything now: what is not done fails with the reason, and the workers are killed. */
  terminate(reason: unknown): void {
    this.#stopping = this.#terminated = true;
    for (const [id, { job }] of this.#pending.entries()) {
      if (this.cancel(id)) job.fail(reason);
      else this.#doom(id, reason);
    }
    this.#crew.killAll();
  }

  isRunning(id: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    return pending.task === 0 || this.#blocks.stateOf(pending.task) !== TASK_STATE.pending;
  }

  /** Blocks until the task is settled, taking results in. False: the deadline passed first. */
  block(id: number, deadline: Deadline, signal: AbortSignal | undefined): boolean {
    return this.blockUntil(
      () => this.#pending.get(id) === undefined,
      (each) => each === id,
      deadline,
      signal,
    );
  }

  /** As {@link block}, until `isDone` says so, which the tasks that `awaits` accepts must bring about. */
  blockUntil(
    isDone: () => boolean,
    awaits: (id: number) => boolean,
    deadline: Deadline,
    signal: AbortSignal | undefined,
  ): boolean {
    for (;;) {
      this.#takeIn();
      this.alarms.ringDue();
      // What they need is not loaded yet, and cannot be by an event loop that is blocked.
      for (const id of this.#loading) if (awaits(id)) this.#settle(id, this.#pending.get(id)!);
      if (isDone()) return true;
      const until = Math.min(deadline, this.alarms.next);
      if (!this.#sleep(until, signal) && until === deadline) return isDone();
    }
  }

  /** Blocks until a result comes, and takes it in. False: the deadline passed first. */
  #sleep(deadline: Deadline, signal: AbortSignal | undefined, shielded = false): boolean {
    if (this.#looking.worthTrying()) {
      const cell = this.#results.look() ? this.#results.poll() : 0;
      this.#looking.settle(cell !== 0);
      if (cell !== 0) {
        this.#takeInCell(cell);
        return true;
      }
    }
    const wait = new RingWait("future.result", shielded);
    this.#waiting = true;
    try {
      if (this.#parker.waitSync(wait, this.#results[ADDRESS], deadline, signal) === EXPIRED) return false;
      this.#takeInCell(wait.cell);
      return true;
    } finally {
      this.#waiting = false;
      for (const worker of this.#gone.splice(0)) this.#lost(this.#crew.strike(worker));
    }
  }

  /** Resolves when no task is pending. */
  async settled(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Lets the workers go once nothing is pending. */
  stopWhenIdle(): void {
    this.#stopping = true;
    if (this.#pending.size === 0) this.#crew.stop();
  }

  /** Resolves when all workers have ended, after {@link stopWhenIdle}. */
  async ended(): Promise<void> {
    await this.settled();
    if (await this.#crew.ended()) this.#clear();
  }

  /** As {@link ended}, blocking. False: the deadline passed first. */
  endedSync(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    const isIdle = (): boolean => this.#pending.size === 0;
    if (!this.blockUntil(isIdle, () => true, deadline, signal)) return false;
    if (!this.#crew.endedSync(deadline, signal)) return false;
    this.#clear();
    return true;
  }

  /** All workers are gone. */
  #clear(): void {
    // What was cancelled, and no worker came to.
    this.#takeIn();
    this.#recovery.end(this.broken);
  }

  #wakeUp(): void {
    this.#crew.hold();
    host.hold();
    this.#parker.onRing.add(this.#look);
    this.#parker.arm();
  }

  #forget(id: number): void {
    this.#pending.take(id)?.stopGrace?.();
    if (this.#pending.size > 0) return;
    this.#crew.letGo();
    host.unhold();
    if (this.#serve === undefined) this.#parker.onRing.delete(this.#look);
    if (this.#stopping) this.#crew.stop();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #takeIn(): void {
    for (;;) {
      if (this.#takenIn === this.#taken.length) {
        this.#taken = this.#kept.length > 0 ? this.#kept.splice(0) : this.#results.pollAll();
        this.#takenIn = 0;
        if (this.#taken.length === 0) return;
      }
      this.#takeInCell(this.#taken[this.#takenIn++]!);
    }
  }

  #takeInCell(cell: number): void {
    if (cell === NUDGE) {
      this.#serve?.();
      return;
    }
    if (cell === LEFT) {
      this.#crew.dismiss();
      this.#hireMore();
      return;
    }
    if ((cell & 1) !== 0) {
      this.#takeInProgress(cell - 1);
      return;
    }
    const id = this.#blocks.idOf(cell);
    const arrived = this.#blocks.takeResult(cell);
    const pending = this.#pending.get(id);
    if (pending?.task === cell) this.#tellProgress(pending, this.#blocks.takeProgress(cell));
    this.#recovery.dispose(cell);
    if (pending?.task !== cell) {
      this.#cells.discardCell(arrived.cell);
      return;
    }
    pending.task = 0;
    if (pending.job.pass !== undefined) {
      this.#forget(id);
      pending.job.pass(arrived);
      return;
    }
    pending.arrived = arrived;
    const loading = this.#cells.prepareCell(arrived.cell);
    if (loading === undefined) this.#settle(id, pending);
    else this.#settleAfter(loading, id, pending);
  }

  #settleAfter(loading: Promise<unknown>, id: number, pending: Pending): void {
    this.#loading.add(id);
    const settle = (): void => this.#settle(id, pending);
    loading.then(settle, settle);
  }

  #takeInProgress(task: number): void {
    const pending = this.#pending.get(this.#blocks.idOf(task));
    if (pending?.task === task) this.#tellProgress(pending, this.#blocks.takeProgress(task));
  }

  #tellProgress({ job }: Pending, cell: number): void {
    if (cell === 0) return;
    const tell = (): void => {
      let report: [number, unknown];
      try {
        report = this.#cells.fromCell(cell) as [number, unknown];
      } catch (error) {
        // The task itself is not to be lost over that.
        const text = error instanceof Error ? error.stack : String(error);
        host.writeError(`The progress that a task told cannot be read here, and is left out:\n${text}\n`);
        return;
      }
      job.progress?.(...report);
    };
    const loading = this.#cells.prepareCell(cell);
    if (loading === undefined) tell();
    else loading.then(tell, () => this.#cells.discardCell(cell));
  }

  #settle(id: number, pending: Pending): void {
    const { job, arrived } = pending;
    if (arrived === undefined) return;
    if (this.#loading.size > 0) this.#loading.delete(id);
    pending.arrived = undefined;
    this.#forget(id);
    let value: unknown;
    try {
      value = this.#cells.fromCell(arrived.cell);
    } catch (error) {
      job.fail(error);
      return;
    }
    if (arrived.failed) job.fail(value);
    else job.succeed(value, arrived.elapsed);
  }

  #goneNow(worker: CrewWorker): void {
    if (this.#waiting) {
      this.#gone.push(worker);
      this.#results.put(NUDGE);
    } else {
      this.#lost(this.#crew.strike(worker));
    }
  }

  /** A worker is gone. The task it had in hand fails; everything else goes on. */
  #lost(loss: Loss): void {
    this.#takeIn();
    // It would only be followed by others like it, without end.
    if (loss.stillborn && !this.#terminated) this.#break(loss.error);
    this.#recovery.recover(loss);
    // It may have been nudged, or on the lookout.
    this.#tasks.nudge();
    this.#tasks.tasks.relieve(loss.worker.identity);
    this.#hireMore();
  }

  #hireMore(): void {
    if (this.broken !== undefined || this.#terminated) return;
    try {
      this.#crew.hireFor(this.#pending.size);
    } catch (failure) {
      this.#break(failure);
    }
  }

  /** Nothing more will run. What workers are at is still finished. */
  #break(error: unknown): void {
    const failed = error instanceof InitializerFailed;
    this.broken ??= this.#kind.broken(
      failed
        ? "A worker's initializer failed, so the pool cannot run anything: see the cause. Mend it, and make a new pool."
        : "A worker could not start, so the pool cannot run anything: see the cause.",
      { cause: failed ? error.cause : error },
    );
    // Its text is made now, and lets go of the frames and all that they refer to.
    void this.broken.stack;
    this.#recovery.failAll(this.broken);
    this.#crew.stop();
  }
}
