import type { Contestant, Entry } from "./contestant.ts";

export const heddle: Entry = { name: "heddle", open: async () => (await import("./heddle.ts")).onThreads() };

/** Modules load when they are asked for: some do not on every version of Node. */
export const rivals: readonly Entry[] = [
  { name: "piscina", open: async () => new (await import("./piscina.ts")).PiscinaPool("piscina", 1) },
  { name: "piscina ×64", open: async () => new (await import("./piscina.ts")).PiscinaPool("piscina ×64", 64) },
  { name: "tinypool", open: async () => new (await import("./tinypool.ts")).TinypoolPool() },
  { name: "workerpool", open: async () => new (await import("./workerpool.ts")).WorkerpoolPool() },
  { name: "poolifier", open: async () => (await import("./poolifier.ts")).PoolifierPool.threads() },
  { name: "multithreading", open: async () => new (await import("./multithreading.ts")).MultithreadingPool() },
];

/** Those that run here, with their workers running; `own` first. */
export async function openAll(own: Entry, others: readonly Entry[]): Promise<Contestant[]> {
  const pools: Contestant[] = [];
  for (const entry of [own, ...others]) {
    try {
      const pool = await entry.open();
      await pool.run("noop");
      pools.push(pool);
    } catch (error) {
      if (entry === own) throw error;
      console.log(`${entry.name} does not run here: ${String(error).split("\n", 1)[0]}`);
    }
  }
  return pools;
}
