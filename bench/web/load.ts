/**
 * Load from a process of its own, over connections that are kept. Each asks again as soon as it has its answer; or, with an
 * interval, at fixed times, and what it has to wait since then counts: a server that stands still is asked all the same.
 */
import net from "node:net";
import { isMain } from "heddle";

export interface Load {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
  readonly errors: number;
}

async function main(url: string, connections: number, seconds: number, most: number, interval: number): Promise<Load> {
  const { hostname, port, pathname, search } = new URL(url);
  const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  const latencies: number[] = [];
  let errors = 0;
  const until = performance.now() + seconds * 1000;
  const one = (_: unknown, index: number): Promise<void> =>
    new Promise((resolve) => {
      let due = performance.now() + (interval * index) / connections;
      const socket = net.connect(Number(port), hostname).setNoDelay();
      let [sent, pending] = [0, ""];
      const ask = (): void => {
        const now = performance.now();
        if ((interval > 0 ? due : now) > until || latencies.length >= most) return void socket.end(resolve);
        if (interval > 0 && due > now) return void setTimeout(ask, due - now);
        sent = interval > 0 ? due : now;
        due += interval;
        socket.write(request);
      };
      socket
        .setEncoding("latin1")
        .on("connect", ask)
        .on("data", (chunk) => {
          pending += String(chunk);
          const end = pending.indexOf("\r\n\r\n");
          if (end === -1) return;
          const length = /content-length: *(\d+)/i.exec(pending)?.[1];
          if (length === undefined || pending.length < end + 4 + Number(length)) return;
          if (!pending.startsWith("HTTP/1.1 200")) errors++;
          latencies.push(performance.now() - sent);
          pending = "";
          ask();
        });
      socket.on("error", () => {
        errors++;
        resolve();
      });
    });
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, one));
  const took = (performance.now() - started) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return {
    requestsPerSecond: latencies.length / took,
    p50: at(0.5),
    p99: at(0.99),
    requests: latencies.length,
    errors,
  };
}

if (isMain(import.meta)) {
  const [url, connections, seconds, most, interval] = process.argv.slice(2);
  process.stdout.write(
    JSON.stringify(
      await main(url!, Number(connections), Number(seconds), Number(most ?? Infinity), Number(interval ?? 0)),
    ),
  );
}
