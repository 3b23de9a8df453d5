import {
  bool,
  type DataType,
  float64,
  int32,
  int64,
  SharedArray,
  SharedMap,
  struct,
  uint8,
  Value,
} from "heddle/shared";
import { Queue } from "heddle/queue";
import { Lock, RLock } from "heddle/threading";
import { expect, type Equal } from "./expect.ts";

// The type of a value follows its data type.
const count = new Value(int32, 0);
const long = new Value(int64);
const flag = new Value(bool, true);
expect<Equal<typeof count, Value<number>>>();
expect<Equal<typeof long, Value<bigint>>>();
expect<Equal<typeof flag, Value<boolean>>>();
expect<Equal<typeof count.value, number>>();
expect<Equal<ReturnType<typeof long.add>, bigint>>();
expect<Equal<typeof count.lock, RLock>>();
expect<Equal<typeof int32, DataType<number>>>();
// @ts-expect-error -- a bigint is no int32
new Value(int32, 0n);
// @ts-expect-error -- a number is no int64
long.value = 5;
// @ts-expect-error -- "int32" is no type
new Value("int32");
// @ts-expect-error -- a plain Lock is not what .lock gives
new Value(int32, 0, { lock: new Lock() });

const samples = new SharedArray(float64, 10);
const longs = new SharedArray(int64, [1n]);
expect<Equal<typeof samples, SharedArray<number>>>();
expect<Equal<ReturnType<typeof longs.at>, bigint>>();
expect<Equal<typeof longs.data, BigInt64Array | BigUint64Array>>();
samples.data.fill(1);
samples.set([1, 2], 3);
// @ts-expect-error -- an element is a number
samples.set(0, 1n);
// @ts-expect-error -- so are these
new SharedArray(uint8, ["a"]);

// Fields of a struct: numbers can be assigned, objects cannot.
const Inner = struct({ a: int32 });
const Account = struct({ balance: float64, total: int64, open: bool, lock: RLock, inner: Inner, jobs: Queue<string> });
const account = new Account({ balance: 10, lock: new RLock() });
expect<Equal<typeof account.balance, number>>();
expect<Equal<typeof account.total, bigint>>();
expect<Equal<typeof account.open, boolean>>();
expect<Equal<typeof account.lock, RLock>>();
expect<Equal<typeof account.inner.a, number>>();
expect<Equal<ReturnType<typeof account.jobs.getSync>, string>>();
account.balance += 1;
account.inner.a = 2;
new Account();
new Account({});
// @ts-expect-error -- no such field
new Account({ balanse: 1 });
// @ts-expect-error -- of another type
new Account({ total: 1 });
// @ts-expect-error -- of another class
new Account({ lock: new Lock() });
// @ts-expect-error -- belongs to the struct
account.lock = new RLock();
// @ts-expect-error -- no such field
void account.balanse;
// @ts-expect-error -- no type and no class of shared objects
struct({ a: "int32" });
// @ts-expect-error -- a class, but not of shared objects
struct({ a: Map });

class Counter extends struct({ n: int32 }) {
  up(): number {
    return ++this.n;
  }
}
expect<Equal<ReturnType<Counter["up"]>, number>>();
expect<Equal<Counter["n"], number>>();
new Counter({ n: 5 }).up();

const map = new SharedMap<string, { n: number }>([["a", { n: 1 }]], { maxBytes: 1e6 });
expect<Equal<ReturnType<typeof map.get>, { n: number } | undefined>>();
expect<Equal<ReturnType<typeof map.update>, Promise<{ n: number }>>>();
expect<Equal<ReturnType<typeof map.updateSync>, { n: number }>>();
for (const [key, value] of map) expect<Equal<[typeof key, typeof value], [string, { n: number }]>>();
void map.update("a", async (old) => ({ n: (old?.n ?? 0) + 1 }));
// @ts-expect-error -- a key of another type
map.get(1);
// @ts-expect-error -- updateSync takes no asynchronous function
map.updateSync("a", async () => ({ n: 1 }));
// @ts-expect-error -- keys are strings and numbers
new SharedMap<boolean, number>();
// @ts-expect-error -- no such option
new SharedMap({ maxSize: 1 });
