/**
 * A worker of a thread pool, and its kind.
 *
 * @module
 */

import { host } from "#host";
import { load, store } from "#atomics";
import { threads } from "../core/domain.ts";
import { ADDRESS } from "../core/handles.ts";
import type { ResourceLimits } from "../core/host.ts";
import { THREAD } from "../core/layout.ts";
import { memory } from "../core/program.ts";
import { BrokenThreadPool, ThreadDiedError } from "../errors.ts";
import { threadKinds } from "../threading/kinds.ts";
import { Thread } from "../threading/thread.ts";
import { type CrewWorker, letLoose, lostTaskText, type WorkerKind } from "./crew.ts";
import { PriorityRing, Ring } from "./ring.ts";
import { TaskRunner, type WorkerTerms } from "./task-runner.ts";

/** How a worker's thread is made. */
export interface WorkerForm {
  readonly resourceLimits: ResourceLimits | undefined;
  readonly worker: (() => unknown) | undefined;
}

export class PoolWorker extends Thread implements CrewWorker {
  #terms: WorkerTerms | undefined;

  constructor(name: string, terms?: WorkerTerms, form?: WorkerForm) {
    super({
      name,
      daemon: true,
      ...(form?.resourceLimits && { resourceLimits: form.resourceLimits }),
      ...(form?.worker && { worker: form.worker }),
    });
    this.#terms = terms;
  }

  override async run(): Promise<void> {
    const runner = new TaskRunner(threads, this.#terms!, (readiness) => {
      store(memory.words, this[ADDRESS] + THREAD.ready, readiness);
    });
    Thread.runsTasks(this as Thread, runner);
    await runner.run();
  }

  get identity(): number {
    return this.ident ?? 0;
  }

  get readiness(): number {
    return load(memory.words, this[ADDRESS] + THREAD.ready);
  }

  supervise(onEnd: () => void): void {
    Thread.supervise(this as Thread, onEnd);
  }

  get failure(): unknown {
    return Thread.errorOf(this as Thread);
  }

  get wasKilled(): boolean {
    return false;
  }

  kill(): void {
    host.killWorker(this.identity);
  }

  static {
    threadKinds.register({
      name: "PoolWorker",
      constructor: PoolWorker,
      background: true,
      make: () => new PoolWorker("") as Thread,
      save(worker) {
        // Not kept on this side: the initializer may refer to the executor, which could then never be found abandoned.
        const terms = (worker as PoolWorker).#terms;
        (worker as PoolWorker).#terms = undefined;
        return terms;
      },
      restore(worker, saved) {
        (worker as PoolWorker).#terms = saved as WorkerTerms;
      },
    });
  }
}

/** Workers that are threads of this program. */
export function threadWorkers(form?: WorkerForm): WorkerKind {
  return {
    domain: threads,
    rings: { ring: () => new Ring(), priorityRing: () => new PriorityRing() },
    make: (name, terms) => new PoolWorker(name, terms, form),
    broken: (message, options) => new BrokenThreadPool(message, options),
    lostTask(name, failure) {
      const isEnd = failure instanceof ThreadDiedError;
      // An error that nobody caught ends a worker as it ends a program.
      const exitCode = isEnd ? failure.exitCode : failure === undefined ? undefined : 1;
      const what = isEnd ? failure.message : failure === undefined ? "its thread returned" : letLoose(failure);
      return new BrokenThreadPool(lostTaskText(name, exitCode, what), { cause: failure, exitCode });
    },
  };
}
