/**
 * track: watch a loop go on, in the terminal.
 *
 * @module
 */

import type { SingleBar } from "cli-progress";
import { deadlineIn, describe } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";
import { lineOf } from "./line.ts";
import { Rate } from "./rate.ts";

/** Where a bar is drawn. */
export interface TrackStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface TrackOptions {
  /** How many items there are. Default: what the source knows of itself (`length`, `size`, `total`). */
  total?: number;
  /** Stands before the bar. */
  label?: string;
  /** Default: the standard error stream. On one that is no terminal, nothing is drawn. */
  stream?: TrackStream;
}

/** What {@link track} gives: the items as they are, also if they can be awaited. */
export interface Tracked<T> extends AsyncIterableIterator<T, undefined> {
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): this;
}

/**
 * Gives the items of a source, and meanwhile draws a bar with the rate and the time that is left.
 *
 * ```ts
 * import { track } from "heddle/progress";
 *
 * for await (const thumbnail of track(pool.map(resize, images), { label: "thumbnails" })) {
 *   save(thumbnail);
 * }
 * // thumbnails ██████████████░░░░░░░░░░░░░░░░  48 %  481/1 000  96/s  0:05 left
 * ```
 *
 * Without a total it counts. Where the standard error stream is no terminal (a log file, a pipe) it draws nothing.
 *
 * Errors of the source come through; leaving the loop early is passed on to the source.
 */
export function track<T>(source: AsyncIterable<T> | Iterable<T>, options?: TrackOptions): Tracked<T> {
  deadlineIn(options as object | undefined);
  const iterable = source as Partial<AsyncIterable<T> & Iterable<T>> | null | undefined;
  const items = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
  if (items === undefined) throw new TypeError(`track takes something to iterate over, not ${describe(source)}`);
  const total = options?.total ?? sizeOf(source);
  if (total !== undefined && (typeof total !== "number" || Number.isNaN(total) || total < 0)) {
    throw new ValueError(`total must be a number, 0 or more, not ${String(total)}`);
  }
  const stream = options?.stream ?? process.stderr;
  return new Tracker(items, new Drawing(stream, options?.label ?? "", total));
}

/** What a collection, or the result of a map over one, knows of itself. */
function sizeOf(source: unknown): number | undefined {
  const { length, size, total } = Object(source) as Record<string, unknown>;
  return [length, size, total].find((n): n is number => typeof n === "number");
}

class Tracker<T> implements Tracked<T> {
  readonly #items: AsyncIterator<T> | Iterator<T>;
  readonly #drawing: Drawing;

  constructor(items: AsyncIterator<T> | Iterator<T>, drawing: Drawing) {
    this.#items = items;
    this.#drawing = drawing;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    try {
      const beginning = this.#drawing.begin();
      if (beginning !== undefined) await beginning;
      const step = await this.#items.next();
      if (step.done === true) this.#drawing.end();
      else this.#drawing.count();
      return step as IteratorResult<T, undefined>;
    } catch (error) {
      this.#drawing.end();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#drawing.end();
    await this.#items.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The bar of one loop; nothing at all where it could not be seen. */
class Drawing {
  readonly #stream: TrackStream;
  readonly #label: string;
  readonly #total: number | undefined;
  readonly #rate: Rate = new Rate();
  #bar: SingleBar | undefined;
  #began = 0;
  #done = 0;
  #isOver = false;
  #beginning: Promise<void> | undefined;

  constructor(stream: TrackStream, label: string, total: number | undefined) {
    this.#stream = stream;
    this.#label = label;
    this.#total = total;
  }

  /** Resolves when the bar stands there; of one that does already, nothing is waited for. */
  begin(): Promise<void> | undefined {
    if (this.#stream.isTTY !== true || this.#bar !== undefined || this.#isOver) return undefined;
    this.#beginning ??= this.#draw();
    return this.#beginning;
  }

  async #draw(): Promise<void> {
    const { default: progress } = await import("cli-progress");
    this.#began = performance.now();
    this.#rate.add(this.#began, 0);
    this.#bar = new progress.SingleBar({
      stream: this.#stream as NodeJS.WritableStream,
      format: () => this.#line(),
      // The program's signal handlers and the terminal's modes are left alone: the line is never too long.
      gracefulExit: false,
      linewrap: true,
      forceRedraw: true,
    });
    const render = this.#bar.render.bind(this.#bar);
    this.#bar.render = () => {
      render();
      // A loop that is left without a word must not keep the program alive by its bar.
      (this.#bar as unknown as { timer?: NodeJS.Timeout }).timer?.unref();
    };
    this.#bar.start(this.#total ?? 0, 0);
  }

  #line(): string {
    const time = performance.now();
    const elapsed = time - this.#began;
    this.#rate.add(time, this.#done);
    const perSecond = this.#isOver ? (this.#done / elapsed) * 1000 : this.#rate.perSecond;
    const { columns } = this.#stream;
    const line = { label: this.#label, done: this.#done, total: this.#total, perSecond, elapsed, isOver: this.#isOver };
    // A terminal without a size says 0.
    return lineOf(line, (columns || 80) - 1);
  }

  count(): void {
    this.#bar?.update(++this.#done);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#bar?.stop();
  }
}
