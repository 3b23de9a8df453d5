/**
 * One HTTP server of one thread: Hono's adapter, and around it what a server needs that is stopped while it serves.
 *
 * @module
 */

import http, { type IncomingMessage, type ServerResponse } from "node:http";
import net, { type Socket } from "node:net";
import { RuntimeError } from "../../errors.ts";
import { accessLine } from "./access-log.ts";
import type { AppConfig, Drain, Source } from "./protocol.ts";

/** What a module must export to be served: a Hono app is one, and so is everything else with a `fetch`. */
export interface Servable {
  fetch(request: Request, ...rest: never[]): Response | Promise<Response>;
}

/** How long a new connection may stay silent once its worker drains. Milliseconds. */
const FIRST_REQUEST = 1000;

/** Turns of the event loop that may bring further connections before the socket is closed. The first is not a whole one. */
const FEWEST_TURNS = 3;
const MOST_TURNS = 100;

/** A request without a body has one that has ended already, which saves it a tenth of its time. Node 24.12 and later. */
const OPTIONS: http.ServerOptions & { optimizeEmptyRequests: boolean } = { optimizeEmptyRequests: true };

interface Connection {
  /** Requests answered. */
  served: number;
  /** Requests that are being answered. */
  active: number;
}

/** A thread's server while it runs. */
export interface Running {
  /** Accepts no more, says so, answers what has come, and resolves when nothing is left of it. */
  drain(how: Drain, stopped: () => void): Promise<void>;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Starts to serve. */
export async function listen(app: Servable, config: AppConfig, source: Source): Promise<Running> {
  const { getRequestListener } = await import("@hono/node-server").catch((error: unknown) => {
    throw new RuntimeError("serve() needs Hono and its adapter for Node: npm install hono @hono/node-server", {
      cause: error,
    });
  });
  const answer = getRequestListener((request, env) => app.fetch(request, env as never), { hostname: config.host });
  const connections = new Map<Socket, Connection>();
  let draining = false;
  let accepted = 0;
  let onEmpty: (() => void) | undefined;

  const listener: Listener =
    config.healthz === undefined ? answer : withHealthz(config.healthz, answer, () => draining);
  // One function for all answers, and no `once`: both would cost every request an object or two.
  const onClose = function (this: ServerResponse): void {
    const { socket } = this.req;
    const connection = connections.get(socket);
    if (connection === undefined) return;
    connection.active--;
    connection.served++;
    // Its answer was begun before, and promised to keep the connection.
    if (draining && connection.active === 0) socket.destroySoon();
  };
  const server = http.createServer(OPTIONS, (request, response) => {
    connections.get(request.socket)!.active++;
    if (draining) response.shouldKeepAlive = false;
    response.on("close", onClose);
    if (config.accessLog) logAccess(request, response);
    void listener(request, response);
  });
  server.on("connection", (socket: Socket) => {
    accepted++;
    connections.set(socket, { served: 0, active: 0 });
    socket.once("close", () => {
      connections.delete(socket);
      if (connections.size === 0) onEmpty?.();
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).once("listening", resolve);
    if ("fd" in source) server.listen({ fd: source.fd });
    else server.listen({ port: source.port, host: config.host });
  });

  return {
    async drain({ limit, closeIdle }, stopped) {
      draining = true;
      // What the system has taken already would be cut with the socket, where no other worker has it too.
      for (let turn = 0, before = -1; turn < FEWEST_TURNS || (before !== accepted && turn < MOST_TURNS); turn++) {
        before = accepted;
        await new Promise(setImmediate);
      }
      // Not http's own close, which also cuts connections whose first request is on its way.
      const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()));
      stopped();
      const empty = new Promise<void>((resolve) => {
        if (connections.size === 0) resolve();
        else onEmpty = resolve;
      });
      const cut = (which: (connection: Connection) => boolean): void => {
        for (const [socket, connection] of connections) if (which(connection)) socket.destroy();
      };
      if (closeIdle) cut(({ active, served }) => active === 0 && served > 0);
      const first = setTimeout(
        () => cut(({ active, served }) => active + served === 0),
        Math.min(FIRST_REQUEST, limit),
      );
      const last = setTimeout(() => cut(() => true), limit);
      await empty;
      await closed;
      clearTimeout(first);
      clearTimeout(last);
      server.close();
    },
  };
}

function logAccess(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  const started = performance.now();
  const sent = socket.bytesWritten;
  response.once("close", () => {
    process.stdout.write(accessLine(request, response, socket.bytesWritten - sent, performance.now() - started));
  });
}

/** Answers one path itself: 200 as long as the thread takes requests, 503 once it drains. */
function withHealthz(path: string, otherwise: Listener, draining: () => boolean): Listener {
  const withQuery = `${path}?`;
  return (request, response) => {
    const { url = "" } = request;
    if (url !== path && !url.startsWith(withQuery)) return otherwise(request, response);
    const body = JSON.stringify({ status: draining() ? "draining" : "ok", pid: process.pid });
    response.writeHead(draining() ? 503 : 200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    return response.end(body);
  };
}
