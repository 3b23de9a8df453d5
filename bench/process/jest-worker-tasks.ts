export { echo, echo as move, factorial, increment, noop, sumOf } from "../pool/tasks.ts";
