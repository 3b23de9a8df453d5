import { isMain } from "heddle";
import { Pipe } from "heddle/multiprocessing";
import { pipeSuite } from "./pipe-suite.ts";
import { processes } from "./process-backend.ts";
import { threads } from "./thread-backend.ts";
import { waitersOf } from "./waiters.ts";

if (isMain(import.meta)) {
  pipeSuite(processes, Pipe);
  pipeSuite({ ...threads, waiting: waitersOf }, Pipe);
}
