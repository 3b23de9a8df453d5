import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { ValueError } from "heddle/errors";
import { asCompleted, ThreadPoolExecutor } from "heddle/futures";
import { reportProgress, track } from "heddle/progress";
import { lineOf, type Status } from "../../src/progress/line.ts";
import { Rate } from "../../src/progress/rate.ts";
import { expect } from "../futures/child.ts";

/** Keeps what would be seen. */
class Screen {
  readonly isTTY: boolean;
  readonly columns: number = 80;
  text = "";

  constructor(isTTY = true) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** The last line that was drawn. */
  get line(): string {
    // oxlint-disable-next-line no-control-regex -- that is how terminals are told where to write
    const drawn = this.text.split(/\u001b\[\d*[A-Z]|\u001b[78]|\r|\n/);
    return drawn.findLast((part) => part.trim() !== "") ?? "";
  }
}

function* numbers(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
}

const status: Status = {
  label: "",
  done: 0,
  total: undefined,
  perSecond: undefined,
  elapsed: 0,
  isOver: false,
};

if (isMain(import.meta)) {
  describe("track", () => {
    test("gives what the source gives, and draws how far it is", async () => {
      const screen = new Screen();
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const seen: number[] = [];
      const results = pool.map(Math.abs, [-1, -2, -3, -4]);
      for await (const value of track(results, { label: "numbers", stream: screen })) seen.push(value);
      assert.deepEqual(seen, [1, 2, 3, 4]);
      assert.match(screen.text, /numbers ░+ {3}0 % {2}0\/4/);
      assert.match(screen.line, /^numbers █+ 100 % {2}4\/4 {2}[\d.\u202f]+\/s {2}0:0\d$/);
      assert.ok(screen.text.endsWith("\n"));
    });

    test("counts where nobody knows the total; takes it from what has one", async () => {
      const screen = new Screen();
      for await (const _ of track(numbers(3), { stream: screen }));
      assert.match(screen.line, /^3 {2}/);
      for (const source of [[1, 2], new Set([1, 2]), new Map([[1, 2]]), "ab"]) {
        const screen = new Screen();
        const n = source instanceof Map ? 1 : 2;
        for await (const _ of track<unknown>(source, { stream: screen }));
        assert.match(screen.line, new RegExp(`${n}/${n}`));
      }
      const told = new Screen();
      for await (const _ of track(numbers(1), { stream: told, total: 4 }));
      assert.match(told.line, / 25 % {2}1\/4/);
    });

    test("draws nothing where it could not be seen", async () => {
      const screen = new Screen(false);
      const seen: number[] = [];
      for await (const n of track(numbers(3), { stream: screen })) seen.push(n);
      assert.deepEqual([seen, screen.text], [[0, 1, 2], ""]);
    });

    test("an early end is passed on, and ends the bar; so does an error, which comes through", async () => {
      const screen = new Screen();
      let closed = false;
      async function* source(): AsyncGenerator<number> {
        try {
          yield 1;
          yield 2;
        } finally {
          closed = true;
        }
      }
      for await (const _ of track(source(), { stream: screen, total: 2 })) break;
      assert.deepEqual([closed, screen.text.endsWith("\n")], [true, true]);
      const other = new Screen();
      async function* fails(): AsyncGenerator<number> {
        yield 1;
        throw new RangeError("in the source");
      }
      await assert.rejects(async () => {
        for await (const _ of track(fails(), { stream: other }));
      }, /in the source/);
      assert.ok(other.text.endsWith("\n"));
    });

    test("futures stay futures", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const futures = [1, 2].map((n) => pool.submit(Math.abs, -n));
      const seen: number[] = [];
      for await (const future of track(asCompleted(futures), { stream: new Screen(), total: 2 })) {
        assert.equal(future.done, true);
        seen.push(await future);
      }
      assert.deepEqual(seen, [1, 2]);
    });

    test("wrong arguments", () => {
      for (const source of [undefined, null, 5, {}]) assert.throws(() => track(source as never), TypeError);
      for (const total of [-1, Number.NaN, "3"]) {
        assert.throws(() => track([], { total: total as number }), ValueError);
      }
      assert.throws(() => track([], 5 as never), TypeError);
    });

    test("a loop that is left without a word keeps nothing alive, nor does its bar", async () => {
      await expect("ends", ["abandoned-bar"], { stdout: "1\n", stderr: /(?:)/ });
    });
  });

  describe("the line", () => {
    test("fits the terminal", () => {
      const half: Status = { ...status, label: "half", done: 500, total: 1000, perSecond: 50, elapsed: 10_000 };
      assert.equal(lineOf(half, 200), `half ${"█".repeat(15)}${"░".repeat(15)}  50 %  500/1\u202f000  50/s  0:10 left`);
      for (let columns = 1; columns < 80; columns++) assert.ok(lineOf(half, columns).length <= columns, `${columns}`);
      assert.match(lineOf({ ...half, isOver: true }, 80), /0:10$/);
      assert.match(lineOf({ ...half, perSecond: 0.1 }, 80), /0\.10\/s {2}1:23:20 left$/);
      assert.match(lineOf({ ...half, done: 2000 }, 80), /100 % .* 0:00 left$/);
      assert.match(lineOf({ ...half, done: 0, total: 0 }, 80), /100 %/);
      assert.equal(lineOf({ ...status, label: "x", done: 12_345, elapsed: 3_723_000 }, 80), "x  12\u202f345  1:02:03");
    });

    test("the rate looks back some seconds, and no further", () => {
      const rate = new Rate();
      assert.equal(rate.perSecond, undefined);
      for (let second = 0; second <= 20; second++) rate.add(second * 1000, second * 10);
      assert.equal(rate.perSecond, 10);
      for (let second = 1; second <= 20; second++) rate.add(20_000 + second * 1000, 200 + second * 40);
      assert.equal(rate.perSecond, 40);
    });
  });

  describe("reportProgress", () => {
    test("reaches the future, with what it has to say, the latest before the result", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const seen: [number, unknown][] = [];
      const future = pool.submit((n: number) => {
        for (let i = 1; i <= n; i++) reportProgress(i / n, { step: i });
        return n;
      }, 10_000);
      assert.equal(future.progress, undefined);
      future.onProgress((fraction, info) => seen.push([fraction, info]));
      const stop = future.onProgress(() => seen.push([-1, "not wanted"]));
      stop();
      future.addDoneCallback(() => seen.push([2, "done"]));
      assert.equal(await future, 10_000);
      assert.deepEqual(seen.slice(-2), [
        [1, { step: 10_000 }],
        [2, "done"],
      ]);
      assert.equal(future.progress, 1);
      const fractions = seen.map(([fraction]) => fraction);
      assert.deepEqual(
        fractions,
        fractions.toSorted((a, b) => a - b),
      );
    });

    test("each of two tasks has its own; blocked callers hear of it, too", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const tell = async (part: number): Promise<number> => {
        reportProgress(part);
        await Promise.resolve();
        reportProgress(part, "again");
        return part;
      };
      const futures = [0.25, 0.75].map((part) => pool.submit(tell, part));
      const seen: unknown[][] = [[], []];
      for (const [i, future] of futures.entries()) future.onProgress((...report) => seen[i]!.push(report));
      for (const future of futures) future.resultSync();
      assert.deepEqual(
        futures.map((future) => future.progress),
        [0.25, 0.75],
      );
      for (const [i, part] of [0.25, 0.75].entries()) assert.deepEqual(seen[i]!.at(-1), [part, "again"]);
    });

    test("outside of a task, and in a map, nothing happens; what cannot be meant is refused", async () => {
      reportProgress(0.5);
      for (const wrong of [-0.1, 1.1, Number.NaN]) assert.throws(() => reportProgress(wrong), ValueError);
      assert.throws(() => reportProgress("half" as never), TypeError);
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.deepEqual(await pool.map((n: number) => (reportProgress(n), n), [0, 1]), [0, 1]);
      const future = pool.submit(() => reportProgress(0.5, Promise.resolve()));
      assert.match(String(await future.exception()), /NotSendableError: progress\[1\]: /);
      assert.throws(() => future.onProgress(5 as never), TypeError);
    });

    test("a listener that throws is reported, and disturbs nobody", async () => {
      await expect("ends", ["throwing-listener"], { stdout: "1 0.5\n", stderr: /RangeError: in the listener/ });
    });
  });
}
