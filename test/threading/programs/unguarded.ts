// The mistake of a main module without a guard: it starts its thread again wherever it is imported.
import { Thread } from "heddle/threading";

function work(): string {
  return "worked";
}

console.log("begin");
console.log(await new Thread({ target: work }).start().join());
