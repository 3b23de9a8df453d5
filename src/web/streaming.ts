/**
 * Whether an answer's body is still being made when the view has returned.
 *
 * @module
 */

import { resume } from "./frames.ts";
import type { Values } from "../contextvars/values.ts";

/** Where Hono's adapter for Node keeps what a Response was made of, so that asking for its `body` costs a stream. */
let parts: symbol | undefined;
let probed: typeof Response | undefined;

function findParts(): void {
  probed = Response;
  const probe = new ReadableStream();
  const response = new Response(probe);
  parts = Object.getOwnPropertySymbols(response).find((key) => {
    const value = (response as unknown as Record<symbol, unknown>)[key];
    return Array.isArray(value) && value[1] === probe;
  });
}

/** The body of an answer, if it is a stream of the app's. */
export function streamOf(response: Response): ReadableStream<Uint8Array> | undefined {
  // The adapter replaces the class when it is loaded.
  if (probed !== Response) findParts();
  const known = parts === undefined ? undefined : (response as unknown as Record<symbol, unknown>)[parts];
  if (Array.isArray(known)) return known[1] instanceof ReadableStream ? known[1] : undefined;
  const { body } = response;
  if (body === null || body.locked) return undefined;
  // A body that was given whole is a byte stream of the platform's own; streams that apps make are not.
  try {
    body.getReader({ mode: "byob" }).releaseLock();
    return undefined;
  } catch {
    return body as ReadableStream<Uint8Array>;
  }
}

/** The same stream, which is made in the context `values`. `onEnd` is called once, when it is complete or given up. */
export function streamIn(
  values: Values,
  stream: ReadableStream<Uint8Array>,
  onEnd: (error?: unknown) => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = resume(values, () => stream.getReader());
  let ended = false;
  const end = async (error?: unknown): Promise<void> => {
    if (ended) return;
    ended = true;
    await resume(values, () => onEnd(error));
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await resume(values, () => reader.read());
          if (!done) return controller.enqueue(value);
        } catch (error) {
          await end(error);
          return controller.error(error);
        }
        await end();
        return controller.close();
      },
      async cancel(reason) {
        await resume(values, () => reader.cancel(reason)).catch(() => undefined);
        await end();
      },
    },
    // It is as lazy as the stream itself.
    { highWaterMark: 0 },
  );
}
