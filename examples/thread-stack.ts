// A LocalStack: the new thread begins with an empty one, and what it pushes shows only there.
// Python: stack = LocalStack(); stack.push(1); print(stack.top)
import { isMain } from "heddle";
import { LocalStack } from "heddle/local";
import { Thread } from "heddle/threading";

const stack = new LocalStack<number>();

function work(): void {
  console.log("new thread", stack.top);
  stack.push(2);
  console.log("new thread after push", stack.top);
}

export async function main(): Promise<void> {
  stack.push(1);
  console.log("main", stack.top);
  const thread = new Thread({ target: work }).start();
  await thread.join();
  console.log("finally main", stack.top);
}

if (isMain(import.meta)) await main();
