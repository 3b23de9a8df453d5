/** A worker made by hand: the least that a thread can cost. */

const began = performance.now();
const { Worker } = await import("node:worker_threads");
const worker = new Worker(new URL("./bare-worker.js", import.meta.url));
await new Promise((resolve) => worker.once("message", resolve));
console.log(performance.now() - began);
