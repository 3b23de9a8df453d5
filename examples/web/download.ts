// A page with two buttons. While /download computes in the thread that answers requests, /about has to wait; when a
// heddle thread computes, it does not.
//
//   heddle serve examples/web/download.ts
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { Thread } from "heddle/threading";
import { contexts, request } from "heddle/web";

/** Stands for a download that keeps a core busy: it takes `ms`, and gives a checksum of what it "received". */
export function download(ms: number): string {
  const started = performance.now();
  const hash = createHash("sha256");
  const block = new Uint8Array(64 * 1024);
  while (performance.now() - started < ms) hash.update(block);
  return hash.digest("hex").slice(0, 8);
}

const page = `<!doctype html>
<meta charset="utf-8">
<title>Two buttons</title>
<style>body { font: 16px system-ui; margin: 3em } button { font: inherit; margin-right: 1em }</style>
<h1>Two buttons</h1>
<p>
  <button data-path="/blocking/download">Download (blocking)</button>
  <button data-path="/thread/download">Download (in a thread)</button>
  <button data-path="/about">About</button>
</p>
<pre id="log"></pre>
<script>
  for (const button of document.querySelectorAll("button")) {
    button.onclick = async () => {
      const started = performance.now();
      const text = await (await fetch(button.dataset.path)).text();
      const seconds = ((performance.now() - started) / 1000).toFixed(2);
      log.textContent += button.textContent + ": " + text + " (" + seconds + " s)\\n";
    };
  }
</script>
`;

const app: Hono = new Hono();
app.use(contexts());
app.use(async (c, next) => {
  await next();
  c.header("x-answered-at", String(performance.now()));
});

const duration = (): number => Number(request.args.get("ms") ?? 2000);

app.get("/", () => new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } }));
app.get("/about", () => new Response("This page shows two ways to download."));
app.get("/blocking/download", () => new Response(`done, checksum ${download(duration()).length} digits`));
app.get("/thread/download", async () => {
  const thread = new Thread({ target: download, args: [duration()] }).start();
  return new Response(`done, checksum ${(await thread.join()).length} digits`);
});

// oxlint-disable-next-line import/no-default-export -- what a server asks of an app
export default app;
