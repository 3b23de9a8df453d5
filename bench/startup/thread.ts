const { add } = await import("./work.ts");
const began = performance.now();
const { spawn } = await import("heddle");
const sum = await spawn(add, 1, 2).join();
if (sum !== 3) throw new Error("wrong sum");
console.log(performance.now() - began);
