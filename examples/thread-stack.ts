/** A LocalStack: the new thread begins with an empty one, and what it pushes shows only there. */

import { isMain, LocalStack, Thread } from "heddle";

const stack = new LocalStack<number>();

function work(): void {
  console.log("new thread", stack.top);
  stack.push(2);
  console.log("new thread after push", stack.top);
}

if (isMain(import.meta)) {
  stack.push(1);
  console.log("main", stack.top);
  const thread = new Thread({ target: work }).start();
  await thread.join();
  console.log("finally main", stack.top);
}
