/* oxlint-disable unicorn/no-thenable -- thenables are what is tested */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { NotSendableError } from "heddle/errors";
import { BrokenThreadPool, CoroutineExecutor, Future, ThreadPoolExecutor } from "heddle/futures";
import { Event, getIdent } from "heddle/threading";

function refuses(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof NotSendableError, String(error));
    assert.match(error.message, message);
    assert.match(error.stack!, /bad-input/, "the stack does not show the caller");
    return true;
  });
}

/** An object with a method, as databases and the like have them. */
class Connection {
  readonly db: unknown = connect({ port: 1, host: "127.0.0.1" }).on("error", () => undefined);
}

class Secret {
  readonly #key: number = 5;
  get key(): number {
    return this.#key;
  }
}

function take(...args: unknown[]): number {
  return args.length;
}

if (isMain(import.meta)) {
  describe("what cannot be sent", () => {
    test("arguments are refused at the call site, with the path; nothing was submitted, and the pool goes on", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const connection = new Connection();
      refuses(() => pool.submit(take, connection), /^args\[0\]\.db: /);
      refuses(
        () => pool.submit(take, 1, { deep: [new Map([["k", Promise.resolve()]])] }),
        /^args\[1\]\.deep\[0\]\.get\("k"\): /,
      );
      refuses(() => pool.submit(take, Symbol("s")), /^args\[0\]: /);
      refuses(() => pool.submit(take, new WeakMap()), /^args\[0\]: /);
      refuses(() => pool.submit(take, new Secret()), /^args\[0\].*#key/);
      refuses(() => pool.submit(take, () => connection), /^args\[0\].*connection/);
      refuses(() => pool.submit(take, new Future()), /^args\[0\]: a Future belongs to the thread/);
      refuses(() => pool.submit(take, new CoroutineExecutor()), /^args\[0\]: an executor belongs to the thread/);
      refuses(() => pool.submit(take, pool.map(Math.abs, [1])), /^args\[0\]/);
      assert.equal(await pool.submit(take, 1, 2), 2);
    });

    test("functions are refused at the call site, naming the captured variable", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const connection = new Connection();
      refuses(() => pool.submit(() => connection), /connection/);
      refuses(() => pool.map(() => connection, [1]), /connection/);
      refuses(() => pool.submit(take.bind(null, 1)), /bind|bound|native/i);
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("an initializer or its arguments are refused where the first task is submitted, every time", async () => {
      const connection = new Connection();
      const pools = [
        new ThreadPoolExecutor({ initializer: () => connection }),
        new ThreadPoolExecutor({ initializer: Math.abs, initargs: [connection] as never }),
      ];
      for (const pool of pools) {
        for (let i = 0; i < 2; i++) refuses(() => pool.submit(Math.abs, 1), /connection|\.db/);
        await assert.rejects(async () => await pool.map(Math.abs, [1]), NotSendableError);
        await pool.shutdown();
      }
    });

    test("a result that cannot be sent fails its own future, with the path", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      for (const [make, path] of [
        [() => ({ inside: [Promise.resolve()] }), /^result\.inside\[0\]: /],
        [() => Symbol("s"), /^result: /],
        [() => ({ future: new Future() }), /^result\.future: a Future belongs/],
        [async () => await Promise.resolve({ weak: new WeakSet() }), /^result\.weak: /],
      ] as const) {
        const error = await pool.submit(make as () => unknown).exception();
        assert.ok(error instanceof NotSendableError && path.test(error.message), String(error));
      }
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });
  });

  describe("odd results", () => {
    test("a thenable is waited for; a thenable that throws fails the future", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.equal(
        await pool.submit(() => ({ then: (resolve: (n: number) => void) => resolve(7) }) as PromiseLike<number>),
        7,
      );
      const thrown = pool.submit(
        () =>
          ({
            get then() {
              throw new RangeError("getter");
            },
          }) as unknown,
      );
      assert.match(String(await thrown.exception()), /getter/);
      const late = pool.submit(
        () =>
          ({
            then() {
              throw new RangeError("method");
            },
          }) as unknown,
      );
      assert.match(String(await late.exception()), /method/);
    });

    test("a function, a class, a shared object, nothing, all numbers", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const factor = 3;
      const triple = await pool.submit(() => (n: number) => n * factor);
      assert.equal(triple(5), 15);
      assert.equal(await pool.submit(() => Connection), Connection);
      const event = new Event();
      assert.equal(await pool.submit((e: Event) => (e.set(), e), event), event);
      assert.equal(event.isSet, true);
      const numbers = [
        0,
        -0,
        1,
        -1,
        2 ** 30 - 1,
        2 ** 30,
        -(2 ** 30),
        -(2 ** 30) - 1,
        2 ** 53,
        0.5,
        NaN,
        Infinity,
        -Infinity,
      ];
      for (const n of numbers) assert.ok(Object.is(await pool.submit((n: number) => n, n), n), String(n));
      for (const value of [undefined, null, true, false, "", "ä😀", 10n ** 30n]) {
        assert.equal(await pool.submit((v: unknown) => v, value), value);
      }
      assert.equal(await pool.submit(() => undefined), undefined);
    });

    test("a million bytes and a hundred thousand fields, there and back", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const bytes = new Uint8Array(1_000_000).map((_, i) => i);
      assert.deepEqual(await pool.submit((b: Uint8Array) => b, bytes), bytes);
      const fields = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f${i}`, i]));
      const back = await pool.submit((f: Record<string, number>) => f, fields);
      assert.deepEqual([Object.keys(back).length, back["f99999"]], [100_000, 99_999]);
    });
  });

  describe("workers that cannot start", () => {
    test("an initializer whose module cannot be imported breaks the pool, once", async () => {
      const { initialize } = await import("./programs/only-in-main.js" as string);
      const pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer: initialize });
      const futures = [1, 2, 3].map((n) => pool.submit(Math.abs, n));
      for (const future of futures) {
        const error = await future.exception();
        assert.ok(error instanceof BrokenThreadPool, String(error));
        assert.match(String((error.cause as Error).stack), /only in the main thread/);
      }
      assert.throws(() => pool.submit(getIdent), BrokenThreadPool);
      await pool.shutdown();
    });

    test("an initializer that exits, or never ends its promise, breaks the pool", async () => {
      for (const initializer of [() => process.exit(3), () => new Promise(() => undefined)]) {
        const pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer });
        const error = await pool.submit(Math.abs, 1).exception();
        assert.ok(error instanceof BrokenThreadPool, String(error));
        assert.match(String(error.cause), /process\.exit\(3\)|nothing can settle/);
        assert.throws(() => pool.map(Math.abs, []), BrokenThreadPool);
        await pool.shutdown();
      }
    });

    test("a function whose module cannot be imported fails its own task, not the pool", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const { initialize } = await import("./programs/only-in-main.js" as string);
      for (let i = 0; i < 2; i++) {
        const error = await pool.submit(initialize as () => void).exception();
        assert.match(String((error as Error).stack), /only in the main thread/);
      }
      const captured = 1;
      assert.equal(await pool.submit(() => captured), 1);
    });
  });
}
