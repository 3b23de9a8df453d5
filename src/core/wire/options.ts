import type { Compile } from "./compiled.ts";
import type { PlatformObjects } from "./platform.ts";
import type { FunctionShipper } from "./shipper.ts";
import type { HostStrings } from "./strings.ts";

/** What the codec asks of whoever keeps the program's shared objects. */
export interface SharedObjects {
  /**
   * The arena address if `value` is a shared object of this program, else `undefined`. Takes one reference for the message.
   * Throws `NotSendableError` whose message is the bare reason for a shared object that must not travel.
   */
  addressOf(value: object): number | undefined;
  /** This thread's handle for the object at `address`. The reference that the message held passes to the handle. */
  attach(address: number): object;
  /** A struct's class, and whatever else is a function and a shared object: as {@link addressOf}. */
  addressOfFunction?(fn: Function): number | undefined;
  /** The shared object that a view shows, and from which byte on; `undefined` for other views. As {@link addressOf}. */
  describeView?(view: ArrayBufferView): { readonly address: number; readonly offset: number } | undefined;
  /** A view of the shared object behind `handle`. */
  restoreView?(
    handle: object,
    constructor: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView,
    offset: number,
    length: number,
  ): ArrayBufferView;
  /** Says why a buffer cannot be sent, if it is the memory of the program itself. */
  isProgramMemory?(buffer: object): boolean;
  /** Gives back a reference that {@link addressOf} took for a message that will not be delivered. */
  release(address: number): void;
}

/** What a codec works with. `strings`, `platform` and `compile` make it faster and more precise on a platform; it works without them. */
export interface CodecOptions {
  readonly shipper: FunctionShipper;
  readonly shared: SharedObjects;
  readonly strings?: HostStrings;
  readonly platform?: PlatformObjects;
  readonly compile?: Compile;
  /** Where its messages go: what only the platform can clone or move cannot leave the process. Default: a thread. */
  readonly destination?: "thread" | "process" | "program";
  /** They come from elsewhere, and may be made to do harm. */
  readonly untrusted?: boolean;
}
