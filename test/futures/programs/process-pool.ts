/** A program that knows nothing of heddle/multiprocessing but the executor. */
import { readFileSync } from "node:fs";
import { isMain } from "heddle";
import { ProcessPoolExecutor } from "heddle/futures";

function describe(n: number): string {
  return `${n * n} in ${process.pid === Number(process.env["HEDDLE_TEST_PID"]) ? "this" : "another"} process`;
}

const usesKoffi = (): boolean => readFileSync("/proc/self/maps", "utf8").includes("koffi");

if (isMain(import.meta)) {
  process.env["HEDDLE_TEST_PID"] = String(process.pid);
  console.log("koffi:", usesKoffi());
  const pool = new ProcessPoolExecutor({ maxWorkers: 1 });
  console.log(await pool.submit(describe, 3));
  console.log("koffi:", usesKoffi());
}
