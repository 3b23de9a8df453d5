/**
 * What the codec asks of the platform: how functions and classes are named, and which values only the platform itself
 * can clone. `callable/` answers; the codec stays portable.
 *
 * @module
 */

/** A function or class, described so that any other thread of the program can find or rebuild it. */
export interface ShippedFunction {
  /** Understood by {@link FunctionShipper.revive} in every thread; equal functions have equal references. */
  readonly reference: string;
  /** The captured variables, in the order the reference names them. Empty for anything found by name. */
  readonly values: readonly unknown[];
  /** The names of {@link values}, for error messages. */
  readonly names: readonly string[];
}

/** A function on its way to being rebuilt: its captured variables may refer back to it. */
export interface RevivedFunction {
  /** The function; made on first call, the same one ever after. */
  make(): Function;
  /** Gives the captured variables their values. Must be called once, before or after {@link make}. */
  assign(values: readonly unknown[]): void;
}

export interface FunctionShipper {
  /** Throws `NotSendableError` whose message is the bare reason; the codec puts the path in front. */
  describe(fn: Function): ShippedFunction;
  /** Loads the module a reference needs. `undefined`: nothing to wait for. */
  prepare(reference: string): Promise<void> | undefined;
  /** Throws if the module was not loaded and cannot be loaded synchronously on this platform. */
  revive(reference: string): RevivedFunction;
  /** The names of an object's private `#fields`, which cannot travel. */
  privateFields(value: object): readonly string[];
}
