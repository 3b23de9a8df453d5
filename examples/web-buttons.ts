// Presses the two buttons of web/download.ts: Download, and About while that is going on.
import { once } from "node:events";
import { get } from "node:http";
import { isMain } from "heddle";
import { serve } from "heddle/web";

const here = import.meta.url.endsWith(".ts") ? "ts" : "js";

export async function main(ms: number = 1000): Promise<void> {
  await using server = await serve(new URL(`./web/download.${here}`, import.meta.url), { port: 0 });
  const press = (path: string): { sent: Promise<unknown>; answered: Promise<unknown> } => {
    // Each with a connection of its own, as from two windows.
    const call = get(server.url + path, { agent: false }, (response) => response.resume());
    return { sent: once(call, "finish"), answered: once(call, "close") };
  };
  for (const kind of ["blocking", "thread"]) {
    const order: string[] = [];
    const download = press(`/${kind}/download?ms=${ms}`);
    await download.sent;
    const about = press("/about");
    await Promise.all([
      download.answered.then(() => order.push("Download")),
      about.answered.then(() => order.push("About")),
    ]);
    console.log(`${kind}: pressed Download, then About; answered: ${order.join(", then ")}`);
  }
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 1000));
