import { Hono } from "hono";
import { contexts, request, session } from "heddle/web";
const app: Hono = new Hono();
app.use(contexts({ secretKey: "s" }));
app.get("/test", () => {
  session.visits = (session.visits ?? 0) + 1;
  return Response.json({ q: request.args.get("q"), visits: session.visits });
});
app.get("/slow", async () => {
  await new Promise((r) => setTimeout(r, 1000));
  return new Response("slow");
});
// oxlint-disable-next-line import/no-default-export
export default app;
