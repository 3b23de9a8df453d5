import { isMain } from "heddle";
import { listenerSuite } from "./listener-suite.ts";
import { processes } from "./process-backend.ts";

if (isMain(import.meta)) {
  listenerSuite(processes, { name: "a Unix socket", address: () => undefined });
  listenerSuite(processes, { name: "TCP", address: () => ["127.0.0.1", 0] });
}
