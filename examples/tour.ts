// The tour: every example of this folder, one after another. `tour.js NAME…` runs some of them, `--list` lists them.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { isMain } from "heddle";
import * as bank from "./bank.ts";
import * as connectionLimit from "./connection-limit.ts";
import * as databaseValue from "./database-value.ts";
import * as downloadThread from "./download-thread.ts";
import * as downloads from "./downloads.ts";
import * as event from "./event.ts";
import * as fibonacciThread from "./fibonacci-thread.ts";
import * as files from "./files.ts";
import * as imageQueue from "./image-queue.ts";
import * as killedOwner from "./killed-owner.ts";
import * as pingPong from "./ping-pong.ts";
import * as processDownloads from "./process-downloads.ts";
import * as processGzip from "./process-gzip.ts";
import * as processSquares from "./process-squares.ts";
import * as processSum from "./process-sum.ts";
import * as producerConsumer from "./producer-consumer.ts";
import * as squares from "./squares.ts";
import * as sum from "./sum.ts";
import * as tasks from "./tasks.ts";
import * as threadLocal from "./thread-local.ts";
import * as threadStack from "./thread-stack.ts";
import * as webButtons from "./web-buttons.ts";
import * as webContexts from "./web-contexts.ts";

export interface Step {
  name: string;
  /** What the step shows and why, in one or two lines. */
  about: string;
  run: () => Promise<void>;
}

export const steps: readonly Step[] = [
  {
    name: "downloads",
    about: `Two (simulated) downloads, one after the other and then in two threads.
The times add up first; in threads only the longer one counts.`,
    run: () => downloads.main(),
  },
  {
    name: "download-thread",
    about: `A subclass of Thread with its own run().
What run() assigns to the object's fields is there after join().`,
    run: downloadThread.main,
  },
  {
    name: "fibonacci-thread",
    about: "The same with computing instead of waiting: three threads, three Fibonacci numbers.",
    run: fibonacciThread.main,
  },
  {
    name: "squares",
    about: `Ten threads square ten numbers. They finish in any order;
join() gives each result to whoever asks for it.`,
    run: squares.main,
  },
  {
    name: "database-value",
    about: `Two threads read a value, take 100 ms, and write it back plus one.
The lock lets one in at a time, so the value ends at 2, not at 1.`,
    run: databaseValue.main,
  },
  {
    name: "bank",
    about: `A hundred threads pay 1 into an account at the same moment.
Without a lock they overwrite each other; with one exactly 100 arrive, one after the other.`,
    run: () => bank.main(),
  },
  {
    name: "connection-limit",
    about: "Fifteen clients, five connections: a BoundedSemaphore lets five in and the others wait.",
    run: () => connectionLimit.main(),
  },
  {
    name: "event",
    about: "Three threads wait for one signal. A wait with a timeout says false when it did not come.",
    run: event.main,
  },
  {
    name: "producer-consumer",
    about: `A shelf with three places between two threads. A Condition makes the producer wait
while it is full and the consumer while it is empty.`,
    run: () => producerConsumer.main(),
  },
  {
    name: "image-queue",
    about: `Two workers take images from one queue, blur the dust away and measure the disc.
Each image goes to exactly one worker; both stop when the queue is empty.`,
    run: () => imageQueue.main(),
  },
  {
    name: "twenty-items",
    about: `Ten daemon workers that never return, twenty items, queue.join().
A program of its own, to show that daemon threads do not keep it alive.`,
    run: () => runProgram("twenty-items"),
  },
  {
    name: "thread-local",
    about: "An object whose attributes are each thread's own: what the new thread sets, the main thread does not see.",
    run: threadLocal.main,
  },
  {
    name: "thread-stack",
    about: "A stack of that kind: the new thread begins with an empty one.",
    run: threadStack.main,
  },
  {
    name: "tasks",
    about: `Three tasks on one event loop, each with a context variable of its own, in a group.
One fails; the others are cancelled and clean up.`,
    run: tasks.main,
  },
  {
    name: "sum",
    about: `1 + 2 + … + 100 000 000 in one loop, then in eight slices over all cores.`,
    run: () => sum.main(),
  },
  {
    name: "files",
    about: `SHA-256 and word count of every file under node_modules, with one thread and with all cores.
Files go to the threads in chunks, so that handing out work costs next to nothing.`,
    run: () => files.main(),
  },
  {
    name: "process-downloads",
    about: `The two downloads again, each in a process of its own, as the numbers of the processes show.`,
    run: () => processDownloads.main(),
  },
  {
    name: "ping-pong",
    about: `Two processes count to ten. A variable of the module is each process's own: 10 and 10.
A queue, or a number with its lock, is the same for both: 10 in total.`,
    run: pingPong.main,
  },
  {
    name: "process-sum",
    about: `The sum once more, its eight parts put into one queue by eight processes, and by eight threads.
Each is started for its part alone: here one sees what starting costs.`,
    run: () => processSum.main(),
  },
  {
    name: "process-squares",
    about: "As many processes as cores take numbers from one queue and put their squares into another.",
    run: () => processSquares.main(),
  },
  {
    name: "process-gzip",
    about: `A pool of processes compresses every file of a package. Each is unpacked again and compared,
and each must have the size that one process gives it.`,
    run: () => processGzip.main(),
  },
  {
    name: "killed-owner",
    about: `kill -9 hits a process while it holds a lock, with its work half done.
Its neighbour is told so, and sets things right.`,
    run: killedOwner.main,
  },
  {
    name: "web-contexts",
    about: `A web app in which request, session and g belong to each request, next to a plain object that leaks;
then 200 requests at once over four threads.`,
    run: webContexts.main,
  },
  {
    name: "web-buttons",
    about: `A page with two buttons. About has to wait for a download that blocks the server's thread,
and not for one in a thread of its own.`,
    run: () => webButtons.main(),
  },
];

/** Runs another example as its own program, and says how it ended. */
async function runProgram(name: string): Promise<void> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program], { stdio: "inherit" });
  const code = await new Promise<number | null>((resolve, reject) => child.on("exit", resolve).on("error", reject));
  if (code !== 0) throw new Error(`${name} ended with exit code ${code}`);
  console.log("the program ended by itself, exit code 0");
}

export async function main(names: readonly string[]): Promise<void> {
  if (names.includes("--list")) {
    for (const { name, about } of steps) console.log(`${name.padEnd(18)} ${about.replaceAll("\n", " ")}`);
    return;
  }
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(
      `There is no step "${unknown.join(", ")}". The steps are: ${steps.map((step) => step.name).join(", ")}`,
    );
    process.exitCode = 1;
    return;
  }

  const chosen = names.length === 0 ? steps : names.map((name) => steps.find((step) => step.name === name)!);
  console.log(
    `${style("bold", "heddle, a tour")}: ${chosen.length} ${chosen.length === 1 ? "step" : "steps"} on ${availableParallelism()} cores, Node ${process.version}`,
  );
  const times: string[] = [];
  for (const [i, step] of chosen.entries()) {
    const title = `${i + 1} ${step.name} `;
    console.log(`\n${style("cyan", "──")} ${style("bold", title)}${style("cyan", "─".repeat(76 - title.length))}`);
    console.log(`${style("dim", step.about)}\n`);
    const started = performance.now();
    await step.run();
    times.push(`  ${step.name.padEnd(20)}${((performance.now() - started) / 1000).toFixed(2).padStart(6)} s`);
  }
  const total = (performance.now() / 1000).toFixed(2).padStart(6);
  console.log(`\n${style("bold", "Summary")}\n${times.join("\n")}\n  ${"total".padEnd(20)}${total} s`);
}

/** Colours only on a terminal, and not where the user said no. */
function style(format: "bold" | "cyan" | "dim", text: string): string {
  return process.stdout.isTTY && !process.env["NO_COLOR"] ? styleText(format, text) : text;
}

if (isMain(import.meta)) await main(process.argv.slice(2));
