import { isMain } from "heddle";
import { processes } from "./process-backend.ts";
import { sharedMemorySuite } from "./shared-memory-suite.ts";
import { threads } from "./thread-backend.ts";

if (isMain(import.meta)) {
  sharedMemorySuite(processes);
  sharedMemorySuite(threads);
}
