/** The other side of child_process's own messages: counts, and says when it has had them all. */

let left = 0;
process.on("message", (message: { expect: number } | object | number) => {
  if (typeof message === "object" && "expect" in message) left = message.expect;
  else if (--left === 0) process.send!("done");
});
process.send!("ready");
