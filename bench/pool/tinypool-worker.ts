import { Tinypool } from "tinypool";

export { echo, factorial, increment, noop, sumOf } from "./tasks.ts";

export function move(bytes: Uint8Array<ArrayBuffer>): unknown {
  return Tinypool.move(bytes);
}
