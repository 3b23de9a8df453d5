/**
 * A worker of a pool of processes, and its kind.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ADDRESS, DOMAIN } from "../core/handles.ts";
import { PROCESS, TAG } from "../core/layout.ts";
import { platform } from "../core/platform.ts";
import { BrokenProcessPool, ProcessDiedError } from "../errors.ts";
import { type CrewWorker, letLoose, lostTaskText, type WorkerKind } from "../futures/crew.ts";
import { PriorityRing, Ring } from "../futures/ring.ts";
import { TaskRunner, type WorkerTerms } from "../futures/task-runner.ts";
import { mainThread } from "../threading/current.ts";
import { Thread } from "../threading/thread.ts";
import { inProcesses, processes } from "./domain.ts";
import { processKinds } from "./launch.ts";
import { Process } from "./process.ts";

class ProcessRing extends Ring {}
class ProcessPriorityRing extends PriorityRing {}
inProcesses(ProcessRing.prototype, TAG.ring, () => new ProcessRing());
inProcesses(ProcessPriorityRing.prototype, TAG.priorityRing, () => new ProcessPriorityRing());

/** What a parent may do to a child that it does not want to live; anything else a process does to itself. */
const KILLS: ReadonlySet<number | undefined> = new Set([-9, -15]);

export class ProcessWorker extends Process implements CrewWorker {
  #terms: WorkerTerms | undefined;

  constructor(name: string, terms?: WorkerTerms, daemon = false) {
    super({ name, daemon });
    this.#terms = terms;
  }

  override async run(): Promise<void> {
    const { memory } = this[DOMAIN];
    const runner = new TaskRunner(processes(), this.#terms!, (readiness) => {
      store(memory.words, this[ADDRESS] + PROCESS.ready, readiness);
    });
    Process.runsTasks(this as Process, runner);
    // Tasks look at the thread that runs them, whether that is a worker or a process's first.
    Thread.runsTasks(mainThread() as Thread, runner);
    const { onCancel } = platform;
    platform.onCancel = () => {
      onCancel();
      void this.signal;
    };
    await runner.run();
  }

  get identity(): number {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.tid);
  }

  get readiness(): number {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.ready);
  }

  supervise(onEnd: () => void): void {
    Process.supervise(this as Process, onEnd);
  }

  get failure(): unknown {
    return Process.errorOf(this as Process);
  }

  get wasKilled(): boolean {
    return KILLS.has(this.exitcode);
  }

  static {
    processKinds.register({
      name: "ProcessWorker",
      constructor: ProcessWorker,
      background: true,
      make: () => new ProcessWorker("") as Process,
      save(worker) {
        // As for the workers of a thread pool.
        const terms = (worker as ProcessWorker).#terms!;
        (worker as ProcessWorker).#terms = undefined;
        return terms;
      },
      restore(worker, saved) {
        (worker as ProcessWorker).#terms = saved as WorkerTerms;
      },
    });
  }
}

/** Workers that are processes. `daemon`: their tasks may not start processes of their own. */
export function processWorkers(daemon: boolean): WorkerKind {
  return {
    domain: processes(),
    rings: { ring: () => new ProcessRing(), priorityRing: () => new ProcessPriorityRing() },
    make: (name, terms) => new ProcessWorker(name, terms, daemon),
    broken: (message, options) => new BrokenProcessPool(message, options),
    lostTask(name, failure) {
      const isEnd = failure instanceof ProcessDiedError;
      const exitCode = isEnd ? failure.exitcode : failure === undefined ? 0 : 1;
      const what = isEnd ? failure.message : failure === undefined ? "it called process.exit(0)" : letLoose(failure);
      return new BrokenProcessPool(lostTaskText(name, exitCode, what), { cause: failure, exitCode });
    },
  };
}
