import type { Entry } from "./contestant.ts";

export const heddle: Entry = { name: "heddle", open: async () => new (await import("./heddle.ts")).Heddle() };

/** Modules load when they are asked for: some do not on every version of Node. */
export const rivals: readonly Entry[] = [
  { name: "piscina", open: async () => new (await import("./piscina.ts")).PiscinaPool("piscina", 1) },
  { name: "piscina ×64", open: async () => new (await import("./piscina.ts")).PiscinaPool("piscina ×64", 64) },
  { name: "tinypool", open: async () => new (await import("./tinypool.ts")).TinypoolPool() },
  { name: "workerpool", open: async () => new (await import("./workerpool.ts")).WorkerpoolPool() },
  { name: "poolifier", open: async () => new (await import("./poolifier.ts")).PoolifierPool() },
  { name: "multithreading", open: async () => new (await import("./multithreading.ts")).MultithreadingPool() },
];
