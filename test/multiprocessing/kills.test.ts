import { test } from "node:test";
import { isMain } from "heddle";
import { killRun } from "./kills.ts";

if (isMain(import.meta)) {
  test("20 children killed at random: the others go on, nothing fully put is lost, every join settles", async (t) => {
    const seed = Number(process.env["HEDDLE_SEED"] ?? Date.now() % 1e6);
    t.diagnostic(`HEDDLE_SEED=${seed}: ${await killRun(20, seed)} items`);
  });
}
