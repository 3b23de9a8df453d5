/**
 * What does one message cost? Encode and decode together, against what else could carry it.
 *
 * Prints one line per value: time per round trip here, and each rival's as a multiple of it.
 */

import v8 from "node:v8";
import { Codec } from "../src/core/wire/codec.ts";
import { nodeStrings } from "../src/host/node/strings.ts";

const codec = new Codec({
  strings: nodeStrings,
  shared: { addressOf: () => undefined, attach: () => ({}), release: () => {} },
  shipper: {
    describe: () => ({ reference: "", values: [], names: [] }),
    prepare: () => undefined,
    revive: () => ({ make: () => Object, assign: () => {} }),
    privateFields: () => [],
  },
});

const memory = new Uint8Array(new SharedArrayBuffer(4 << 20));

/** As threads do it: encoded into shared memory, decoded from there. */
function throughSharedMemory(value: unknown): unknown {
  const { bytes } = codec.encodeInto(value, "value", (size) => memory.subarray(0, size));
  return codec.decode(bytes);
}

const rivals: Readonly<Record<string, (value: unknown) => unknown>> = {
  JSON: (value) => JSON.parse(JSON.stringify(value)) as unknown,
  structuredClone: (value) => structuredClone(value),
  "v8.serialize": (value) => v8.deserialize(v8.serialize(value)) as unknown,
};

interface Case {
  readonly name: string;
  readonly value: unknown;
  /** JSON damages some values; a comparison would be unfair to the others. */
  readonly json: boolean;
}

const row = (i: number): unknown => ({ id: i, name: `name ${i}`, score: i / 3, tags: ["a", "b"], active: i % 2 === 0 });

const cases: readonly Case[] = [
  { name: "small integer", value: 42, json: true },
  { name: "float", value: 0.1, json: true },
  { name: "short string", value: "hello", json: true },
  { name: "{ id, name }", value: { id: 1, name: "x" }, json: true },
  { name: "[{ id, name }, 7] as arguments", value: [{ id: 1, name: "x" }, 7], json: true },
  {
    name: "nested object",
    value: { user: { id: 7, name: "Ada", roles: ["admin", "staff"] }, at: 1.5, ok: true },
    json: true,
  },
  { name: "100 rows", value: Array.from({ length: 100 }, (_, i) => row(i)), json: true },
  { name: "1000 integers", value: Array.from({ length: 1000 }, (_, i) => i * 7), json: true },
  { name: "1000 floats", value: Array.from({ length: 1000 }, (_, i) => i / 7), json: true },
  { name: "10 kB of text", value: "lorem ipsum dolor sit amet, ".repeat(357), json: true },
  { name: "Map of 100", value: new Map(Array.from({ length: 100 }, (_, i) => [`key ${i}`, i])), json: false },
  { name: "Date and Set", value: { at: new Date(), seen: new Set([1, 2, 3]) }, json: false },
  { name: "Error", value: new TypeError("bad"), json: false },
  { name: "1 kB Uint8Array", value: new Uint8Array(1000), json: false },
  { name: "1 MiB Uint8Array", value: new Uint8Array(1 << 20), json: false },
];

const TARGET_MS = Number(process.env["BENCH_MS"] ?? 60);

/** Nanoseconds per call: the best of several equal stretches, since neighbours on the machine only ever slow it down. */
function measure(run: (value: unknown) => unknown, value: unknown): number {
  let calls = 1;
  for (;;) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) run(value);
    const took = performance.now() - start;
    if (took > TARGET_MS / 6) break;
    calls *= 2;
  }
  let best = Infinity;
  for (let stretch = 0; stretch < 6; stretch++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) run(value);
    best = Math.min(best, ((performance.now() - start) * 1e6) / calls);
  }
  return best;
}

function show(ns: number): string {
  return ns < 1000 ? `${ns.toFixed(0)} ns` : ns < 1e6 ? `${(ns / 1000).toFixed(2)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}

console.log(
  `codec, encode and decode through shared memory, Node ${process.version}; rivals as multiples of heddle's time`,
);
// All values once first, so that no measurement enjoys code that has only ever seen its own kind of value.
for (const { value } of cases) for (let i = 0; i < 300; i++) throughSharedMemory(value);
for (const { name, value, json } of cases) {
  const own = measure(throughSharedMemory, value);
  const others = Object.entries(rivals)
    .filter(([rival]) => json || rival !== "JSON")
    .map(([rival, run]) => `${rival} ${(measure(run, value) / own).toFixed(1)}×`);
  console.log(`${name.padEnd(32)} ${show(own).padStart(9)}   ${others.join("   ")}`);
}
