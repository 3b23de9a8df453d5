// What is everyone's and what is one request's: a plain module object next to request, session and g.
// Python: n = Number(); @app.route("/test"): n.num += 1 …
//
//   heddle serve examples/web/app.ts --port 5005
//   curl 'http://127.0.0.1:5005/test?q=hello'
import { Hono } from "hono";
import { contexts, currentApp, g, request, session } from "heddle/web";

declare module "heddle/web" {
  interface Session {
    visits?: number;
  }
  interface Globals {
    num?: number;
  }
}

/** One object for everybody whose request this thread answers: it leaks from each to the next. */
const n = { num: 0 };

const app: Hono = new Hono();
// In earnest: a long random text that nobody else has, from the environment.
app.use(contexts({ secretKey: process.env["SECRET_KEY"] ?? "for the tour only", config: { GREETING: "hello" } }));

app.get("/test", async () => {
  n.num += 1;
  g.num = (g.num ?? 0) + 1;
  session.visits = (session.visits ?? 0) + 1;
  const before = request.args.get("q");
  // Other requests are answered meanwhile, by this very thread.
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  return Response.json({
    "q before": before,
    "q after": request.args.get("q"),
    greeting: currentApp.config["GREETING"] as string,
    "n.num": n.num,
    "g.num": g.num,
    "session.visits": session.visits,
  });
});

// oxlint-disable-next-line import/no-default-export -- what a server asks of an app
export default app;
