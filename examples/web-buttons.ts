// Presses the two buttons of web/download.ts: Download, and About while that is going on.
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { isMain } from "heddle";
import { serve } from "heddle/web";

const here = import.meta.url.endsWith(".ts") ? "ts" : "js";

export async function main(ms: number = 1000): Promise<void> {
  await using server = await serve(new URL(`./web/download.${here}`, import.meta.url), { port: 0 });
  const press = (path: string): { sent: Promise<unknown>; answeredAt: Promise<number> } => {
    // Each with a connection of its own, as from two windows.
    const call = get(server.url + path, { agent: false }, (response) => response.resume());
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    return {
      sent: once(call, "finish"),
      answeredAt: answered.then(([{ headers }]) => Number(headers["x-answered-at"])),
    };
  };
  for (const kind of ["blocking", "thread"]) {
    const download = press(`/${kind}/download?ms=${ms}`);
    await download.sent;
    const about = press("/about");
    // By the server's clock: here, two answers may come in together.
    const isDownloadFirst = (await download.answeredAt) < (await about.answeredAt);
    const order = isDownloadFirst ? "Download, then About" : "About, then Download";
    console.log(`${kind}: pressed Download, then About; answered: ${order}`);
  }
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 1000));
