/**
 * A line for each answer, in the Common Log Format with the bytes of the headers counted, and the time it took.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const two = (n: number): string => String(n).padStart(2, "0");

function timestamp(date: Date): string {
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** What a client sent must not break the line it stands in, nor reach a terminal as more than text. */
function printable(text: string): string {
  return text.replace(
    /[^\x21-\x7e]|["\\]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** @param bytes sent, headers included */
export function accessLine(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: number,
  milliseconds: number,
): string {
  const line = `${request.method} ${printable(request.url ?? "-")} HTTP/${request.httpVersion}`;
  // A client that has gone before the answer was complete: nginx's 499.
  const status = response.writableFinished ? response.statusCode : 499;
  const address = request.socket.remoteAddress ?? "-";
  return `${address} - - [${timestamp(new Date())}] "${line}" ${status} ${bytes} ${milliseconds.toFixed(1)}ms\n`;
}
