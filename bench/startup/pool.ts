const { add } = await import("./work.ts");
const began = performance.now();
const { ThreadPoolExecutor } = await import("heddle");
const sum = await new ThreadPoolExecutor({ maxWorkers: 2 }).submit(add, 1, 2);
if (sum !== 3) throw new Error("wrong sum");
console.log(performance.now() - began);
