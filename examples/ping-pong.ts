// Two processes say Ping and Pong while there is something to count: a variable of the module, a queue, a shared number.
// Python: multiprocessing.Queue(), multiprocessing.Value("i", 0) with value.get_lock()
import { isMain } from "heddle";
import { Empty } from "heddle/errors";
import { int32, Process, Queue, Value } from "heddle/multiprocessing";

let counter = 0;

/** Each process has a module of its own, and so a counter of its own. */
function playAlone(word: string): void {
  while (counter < 10) {
    counter++;
    console.log(word);
  }
}

/** Each token is given to one of the two. */
function playWithTokens(word: string, tokens: Queue<number>): void {
  try {
    for (;;) {
      tokens.getNowait();
      console.log(word);
    }
  } catch (error) {
    if (!(error instanceof Empty)) throw error;
  }
}

/** Looking and counting must be one step: that is what the lock is for. */
function playUnderLock(word: string, value: Value): void {
  for (;;) {
    using _ = value.lock.acquireSync();
    if (value.value >= 10) return;
    value.value++;
    console.log(word);
  }
}

async function play<A extends unknown[]>(fn: (word: string, ...args: A) => void, ...args: A): Promise<void> {
  const players = ["Ping", "Pong"].map((word) => new Process({ target: fn, args: [word, ...args] }).start());
  for (const player of players) await player.join();
}

export async function main(): Promise<void> {
  console.log("a counter in the module:");
  await play(playAlone);
  console.log(`10 and 10; the program's own counter is ${counter}\n`);

  console.log("ten tokens in a shared queue:");
  const tokens = new Queue<number>();
  for (let i = 0; i < 10; i++) tokens.putNowait(i);
  await play(playWithTokens, tokens);
  console.log(`10 in total; tokens left: ${tokens.qsize}\n`);

  console.log("a shared number under its lock:");
  const value = new Value(int32, 0);
  await play(playUnderLock, value);
  console.log(`10 in total; the number is ${value.value}`);
}

if (isMain(import.meta)) await main();
