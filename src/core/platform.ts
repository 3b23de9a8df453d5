/**
 * What the core needs from the platform while it waits. The host replaces these defaults when it is loaded; without a
 * host (a unit test of the core) they do nothing.
 *
 * @module
 */

export interface Platform {
  /** Keeps the event loop alive: once more for each call, until as many calls of {@link unhold}. */
  hold(): void;
  unhold(): void;
  /** Looks for children that died and requests that wait, also while the event loop is blocked. */
  poll(): void;
  /** How long a blocked thread may sleep before it must {@link poll}; `undefined`: until it is woken. Milliseconds. */
  slice(): number | undefined;
  /** Calls `fn` on the next turn of the event loop, which does not sleep before. */
  soon(fn: () => void): void;
  /** Can threads run at the same time? Otherwise whoever looks for what another does only keeps it from doing so. */
  readonly parallel: boolean;
  /** Would the event loop be empty, and the thread end, but for so many calls of {@link hold}? */
  isIdle(holds: number): boolean;
  /** The thread was cancelled: abort its signal. Called once, on its event loop or from its blocking wait. */
  onCancel(): void;
}

export const platform: { -readonly [K in keyof Platform]: Platform[K] } = {
  hold: () => undefined,
  unhold: () => undefined,
  poll: () => undefined,
  slice: () => undefined,
  soon: (fn) => void setTimeout(fn),
  parallel: false,
  isIdle: () => false,
  onCancel: () => undefined,
};
