/**
 * poolifier's worker. Its pool sends a message at once, which Node 20 drops while an ES module loads: so this file, which
 * loads at once, keeps what comes until the worker listens.
 */

const early: unknown[] = [];
const keep = (message: unknown): unknown => early.push(message);
process.on("message", keep);
void import("../pool/poolifier-worker.js").then(() => {
  process.off("message", keep);
  for (const message of early) process.emit("message", message, undefined);
});
