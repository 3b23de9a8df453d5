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
  /** Gives back a reference that {@link addressOf} took for a message that will not be delivered. */
  release(address: number): void;
}

/** What a codec works with. The last two make it faster and more precise on a platform; it works without them. */
export interface CodecOptions {
  readonly shipper: FunctionShipper;
  readonly shared: SharedObjects;
  readonly strings?: HostStrings;
  readonly platform?: PlatformObjects;
}
