import { move as moved } from "piscina";

export { echo, factorial, increment, noop, sumOf } from "./tasks.ts";

export function move(bytes: Uint8Array<ArrayBuffer>): unknown {
  return moved(bytes);
}
