// What leaks from one request to the next, and what does not; then 200 requests at the same time over four threads.
import { isMain } from "heddle";
import { serve } from "heddle/web";

const here = import.meta.url.endsWith(".ts") ? "ts" : "js";
const app = new URL(`./web/app.${here}`, import.meta.url);

type Answer = Record<string, string | number>;

async function ask(url: string, q: string, cookie?: string): Promise<{ answer: Answer; cookie: string }> {
  const response = await fetch(`${url}/test?q=${q}`, cookie === undefined ? {} : { headers: { cookie } });
  const answer = (await response.json()) as Answer;
  return { answer, cookie: response.headers.get("set-cookie")!.split(";")[0]! };
}

export async function main(): Promise<void> {
  {
    await using server = await serve(app, { port: 0 });
    const first = await ask(server.url, "first");
    const second = await ask(server.url, "second", first.cookie);
    const stranger = await ask(server.url, "third");
    for (const [who, { answer }] of Object.entries({
      "first request": first,
      "second, same client": second,
      "third, another client": stranger,
    })) {
      console.log(
        `${who}: n.num ${answer["n.num"]}, g.num ${answer["g.num"]}, session.visits ${answer["session.visits"]}, q ${answer["q after"]}`,
      );
    }
    console.log("n leaks from one client to the other; g, session and request do not\n");
  }
  await using server = await serve(app, { port: 0, threads: 4 });
  const ids = Array.from({ length: 200 }, (_, i) => `id${i}`);
  const answers = await Promise.all(ids.map((id) => ask(server.url, id)));
  const own = answers.filter(({ answer }, i) => answer["q before"] === ids[i] && answer["q after"] === ids[i]);
  const clean = answers.filter(({ answer }) => answer["g.num"] === 1 && answer["session.visits"] === 1);
  console.log(
    `200 requests at once over ${server.threads} threads: ${own.length} saw only their own q, ${clean.length} a fresh g and session`,
  );
}

if (isMain(import.meta)) await main();
