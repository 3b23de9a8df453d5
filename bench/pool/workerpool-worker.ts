import workerpool from "workerpool";
import { tasks } from "./tasks.ts";

workerpool.worker({
  ...tasks,
  move: (bytes: Uint8Array<ArrayBuffer>) => new workerpool.Transfer(bytes, [bytes.buffer]),
});
