/** An app with a route for everything that can happen to a worker. */
import { Hono } from "hono";
import { Event, currentThread } from "heddle/threading";
import { SharedArray, int32, Value } from "heddle/shared";
import { contexts, g, MemoryStore, request, session, shared } from "heddle/web";

const app: Hono = new Hono();

// This thread's own.
let visitors = 0;
/** All threads of the process have the same. */
const hits = shared("hits", () => new Value(int32, 0));
const gate = shared("gate", () => new Event());
const waiting = shared("waiting", () => new SharedArray(int32, 1));

app.use(contexts({ secretKey: "a key", session: { store: new MemoryStore() } }));

app.get("/who", () =>
  Response.json({ pid: process.pid, thread: currentThread().name, remoteAddr: request.remoteAddr }),
);

app.get("/echo/:id", async () => {
  g["q"] = request.args.get("q");
  hits.add(1);
  visitors++;
  // Others come in between.
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  return Response.json({
    path: request.path,
    q: request.args.get("q"),
    g: g["q"] as string,
    header: request.headers.get("x-id"),
  });
});

app.get("/hits", () => Response.json({ hits: hits.value, visitors }));

app.get("/session", () => {
  session["visits"] = ((session["visits"] as number | undefined) ?? 0) + 1;
  return Response.json(session["visits"]);
});

app.all("/body", async () => new Response(`${request.method} ${await request.text()}`));

let gone = 0;
/** Lasts until its client is gone. */
app.get("/abandoned", async () => {
  const aborted = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
  waiting.data[0]!++;
  await aborted;
  gone++;
  gate.set();
  return new Response();
});

app.get("/gone", async () => {
  await gate.wait();
  return Response.json(gone);
});

/** Answers when the gate is opened. */
app.get("/wait", async () => {
  waiting.data[0]!++;
  await gate.wait();
  return new Response(`${process.pid}`);
});

app.get("/waiting", () => Response.json(waiting.data[0]));

app.get("/open", () => {
  gate.set();
  return new Response("open");
});

/** Never ends. */
app.get("/for-ever", async () => {
  waiting.data[0]!++;
  await new Promise(() => undefined);
  return new Response();
});

app.get("/exit", () => process.exit(3));

app.get("/crash", () => {
  setImmediate(() => {
    throw new Error("nobody catches this");
  });
  return new Response("soon");
});

// oxlint-disable-next-line import/no-default-export -- what a server asks of an app
export default app;
