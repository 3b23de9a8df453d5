/**
 * The codec for what comes over a network: data, and nothing else. No function or class is ever looked up or rebuilt by
 * what a message says, no shared object is attached, and nothing is allocated that the message does not pay for.
 *
 * @module
 */

import { NotSendableError, RuntimeError } from "../../errors.ts";
import { ADDRESS } from "../address.ts";
import { Codec } from "./codec.ts";
import { nameOf } from "./intrinsics.ts";
import { Refusal } from "./refusal.ts";
import type { HostStrings } from "./strings.ts";

/**
 * A codec of its own for each peer: what it remembers of one says nothing to the other. `isShared` knows the memory whose
 * views stand for shared objects.
 */
export function dataCodec(isShared: (buffer: object) => boolean, strings?: HostStrings): Codec {
  return new Codec({
    shipper: {
      describe() {
        throw new NotSendableError("functions and classes do not travel between programs: send data");
      },
      prepare: () => undefined,
      revive: () => refuse("a function or class"),
      privateFields: () => [],
    },
    shared: {
      addressOf(value) {
        const address = (value as { [ADDRESS]?: unknown })[ADDRESS];
        if (typeof address === "string") throw new Refusal(address);
        if (address === undefined) return undefined;
        throw new Refusal(
          `${nameOf(value.constructor)} cannot be sent to another program: it is shared by the threads and processes of this one`,
        );
      },
      attach: () => refuse("a shared object"),
      describeView(view) {
        if (!isShared(view.buffer)) return undefined;
        throw new Refusal(
          "a view of shared memory cannot be sent to another program: send a copy, such as slice() makes",
        );
      },
      release: () => undefined,
    },
    ...(strings && { strings }),
    destination: "program",
    untrusted: true,
  });
}

function refuse(what: string): never {
  throw new RuntimeError(`the message holds ${what}, which is not taken from another program`);
}
