/** What the other ends of pipes do; and a program that listens until it is killed. */
import { isMain } from "heddle";
import { type Connection, Listener } from "heddle/multiprocessing";

/** Sends 0, 1, 2 … until it is killed or nobody receives. */
export function count(end: Connection): void {
  for (let i = 0; ; i++) end.sendSync({ i, filler: "x".repeat(i % 50) });
}

/** Sends back what comes, until it is killed or nothing comes any more. */
export async function echo(end: Connection): Promise<void> {
  for (;;) await end.send(await end.recv());
}

export function waitForEver(end: Connection): void {
  end.sendSync("ready");
  end.recvSync();
}

if (isMain(import.meta)) {
  const listener = await new Listener().listening();
  process.stdout.write(`${String(listener.address)}\n`);
  await listener.accept();
}
