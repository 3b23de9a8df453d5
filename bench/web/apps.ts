/** The apps that are compared, and programs that serve one of them: `apps.js NAME` in one process, `apps.js cluster NAME`. */
import cluster from "node:cluster";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import { Hono } from "hono";
import { createAdaptorServer } from "@hono/node-server";
import { isMain } from "heddle";
import { Thread } from "heddle/threading";
import { contexts, g, request, session } from "heddle/web";
import { heavy } from "./heavy.ts";

function bare(): Hono {
  return new Hono().get("/", (c) => c.text("hello"));
}

/** What any middleware costs, since Hono then answers asynchronously. */
function noop(): Hono {
  const app = new Hono();
  app.use((_, next) => next());
  return app.get("/", (c) => c.text("hello"));
}

function withContexts(): Hono {
  const app = new Hono();
  app.use(contexts({ secretKey: "a key" }));
  app.get("/", (c) => c.text("hello"));
  app.get("/use", () => {
    g["n"] = request.args.get("n");
    session["n"] = g["n"];
    return new Response("used");
  });
  app.get("/memory", () => {
    globalThis.gc?.();
    return Response.json(process.memoryUsage().heapUsed);
  });
  app.get("/heavy/blocking", () => Response.json(heavy(Number(request.args.get("ms")))));
  app.get("/heavy/thread", async () => {
    const thread = new Thread({ target: heavy, args: [Number(request.args.get("ms"))] }).start();
    return Response.json(await thread.join());
  });
  app.get("/heavy/worker", async () => {
    const workerData = { heavy: Number(request.args.get("ms")) };
    const worker = new Worker(new URL("./heavy.js", import.meta.url), { workerData });
    return Response.json((await once(worker, "message"))[0]);
  });
  return app;
}

const makers: Record<string, () => Hono> = { bare, noop, contexts: withContexts };

if (isMain(import.meta) || process.env["BENCH_WEB_WORKER"] !== undefined) {
  const [kind, name = kind] = process.argv.slice(2);
  if (kind === "cluster" && cluster.isPrimary) {
    const workers = [1, 2].map(() => cluster.fork({ BENCH_WEB_WORKER: "1" }));
    const ports = await Promise.all(
      workers.map((worker) => new Promise<number>((resolve) => worker.once("listening", ({ port }) => resolve(port)))),
    );
    process.send!(ports[0]!);
  } else {
    const server = createAdaptorServer({ fetch: makers[name!]!().fetch });
    server.listen(0, "127.0.0.1", () => {
      if (cluster.isPrimary) process.send!((server.address() as AddressInfo).port);
    });
  }
  if (cluster.isPrimary) {
    process.on("message", () => {
      const { user, system } = process.cpuUsage();
      process.send!(user + system);
    });
  }
  process.once("disconnect", () => process.exit());
}

const app: Hono = withContexts();
// oxlint-disable-next-line import/no-default-export -- what a server asks of an app
export default app;
