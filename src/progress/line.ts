/**
 * The line that shows how far something has come.
 *
 * ```
 *   thumbnails ██████████████░░░░░░░░░░░░░░  48 %  481/1000  96/s  0:05 left
 *   lines      12 481  3 120/s  0:04
 * ```
 * @module
 */

/** What a line tells. */
export interface Status {
  readonly label: string;
  readonly done: number;
  /** `undefined`: nobody knows. */
  readonly total: number | undefined;
  readonly perSecond: number | undefined;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  readonly isOver: boolean;
}

const WIDEST_BAR = 30;

/** No longer than `columns`, which a terminal would break. */
export function lineOf(status: Status, columns: number): string {
  const { label, done, total, perSecond } = status;
  const rate = perSecond === undefined ? [] : [`${rounded(perSecond)}/s`];
  const name = label === "" ? [] : [label];
  if (total === undefined) return cut([...name, grouped(done), ...rate, clock(status.elapsed)].join("  "), columns);
  const fraction = total === 0 ? 1 : Math.min(1, done / total);
  const percent = `${Math.floor(100 * fraction)}`.padStart(3);
  const tail = [`${percent} %`, `${grouped(done)}/${grouped(total)}`, ...rate, time(status)].join("  ");
  const room = columns - tail.length - 2 - (label === "" ? 0 : label.length + 1);
  if (room < 5) return cut([...name, tail].join(" "), columns);
  const width = Math.min(WIDEST_BAR, room);
  const full = Math.floor(width * fraction);
  return [...name, `${"█".repeat(full)}${"░".repeat(width - full)} ${tail}`].join(" ");
}

/** What is left; at the end, how long it took. */
function time({ done, total, perSecond, elapsed, isOver }: Status): string {
  if (isOver) return clock(elapsed);
  return perSecond === undefined ? "–:–– left" : `${clock((Math.max(0, total! - done) / perSecond) * 1000)} left`;
}

function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const two = (n: number): string => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function rounded(n: number): string {
  return n >= 10 ? grouped(Math.round(n)) : n.toFixed(n >= 1 ? 1 : 2);
}

function grouped(n: number): string {
  return String(n).replaceAll(/\B(?=(\d{3})+$)/g, "\u202f");
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : text.slice(0, Math.max(0, columns));
}
