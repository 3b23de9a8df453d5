/** A worker that revives functions and calls them: the smallest user of the shipper. */
import { createRequire } from "node:module";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { isMainThread, MessageChannel, type MessagePort, Worker } from "node:worker_threads";

import { hooksSource } from "../../src/callable/node/hooks.ts";
import { createShipper } from "../../src/callable/node/shipper.ts";
import type { FunctionShipper } from "../../src/core/wire/shipper.ts";

/** A value on the wire: functions as references, everything else by structured clone. */
type Packed =
  | { readonly fn: string; readonly id: number; readonly values: readonly Packed[] }
  | { readonly back: number }
  | { readonly instance: Packed; readonly fields: Record<string, Packed> }
  | { readonly list: readonly Packed[] }
  | { readonly plain: unknown };

export function pack(shipper: FunctionShipper, root: unknown, references: Set<string>): Packed {
  const seen = new Map<Function, number>();
  const go = (value: unknown): Packed => {
    if (typeof value === "function") {
      const known = seen.get(value);
      if (known !== undefined) return { back: known };
      const id = seen.size;
      seen.set(value, id);
      const { reference, values } = shipper.describe(value);
      references.add(reference);
      return { fn: reference, id, values: values.map(go) };
    }
    if (Array.isArray(value)) return { list: value.map(go) };
    const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
    if (prototype !== undefined && prototype !== null && prototype !== Object.prototype) {
      const { constructor } = prototype as { constructor: Function };
      if (!/\[native code\]/.test(Function.prototype.toString.call(constructor))) {
        const fields: Record<string, Packed> = {};
        for (const [key, field] of Object.entries(value as object)) fields[key] = go(field);
        return { instance: go(constructor), fields };
      }
    }
    return { plain: value };
  };
  return go(root);
}

export function unpack(shipper: FunctionShipper, packed: Packed): unknown {
  const made = new Map<number, () => Function>();
  const go = (item: Packed): unknown => {
    if ("back" in item) return (made.get(item.back) as () => Function)();
    if ("fn" in item) {
      const revived = shipper.revive(item.fn);
      made.set(item.id, () => revived.make());
      const values = item.values.map(go);
      if (values.length > 0) revived.assign(values);
      return revived.make();
    }
    if ("list" in item) return item.list.map(go);
    if ("instance" in item) {
      const { prototype } = go(item.instance) as { prototype: object };
      const object = Object.create(prototype) as Record<string, unknown>;
      for (const [key, field] of Object.entries(item.fields)) object[key] = go(field);
      return object;
    }
    return item.plain;
  };
  return go(packed);
}

interface Call {
  readonly call: Packed;
  readonly references: readonly string[];
  readonly port: MessagePort;
}

type Answer =
  | { readonly value: Packed; readonly references: readonly string[] }
  | { readonly error: string; readonly stack: string };

/** Serves calls in a worker; the bootstrap below runs it. */
export function serve(port: MessagePort): void {
  const shipper = createShipper();
  const answerTo = async ({ call, references, port: reply }: Call): Promise<void> => {
    let answer: Answer;
    try {
      for (const reference of references) await shipper.prepare(reference);
      const [fn, args] = unpack(shipper, call) as [Function, unknown[]];
      const used = new Set<string>();
      const value = pack(shipper, await (Reflect.apply(fn, undefined, args) as unknown), used);
      answer = { value, references: [...used] };
    } catch (error) {
      answer = { error: String(error), stack: String((error as Error)?.stack) };
    }
    reply.postMessage(answer);
    reply.close();
  };
  port.on("message", (call: Call) => void answerTo(call));
}

/** One worker with the hooks, and this thread's end of it. */
export class Remote {
  readonly shipper: FunctionShipper = createShipper();
  readonly worker: Worker;
  #failed: (error: Error) => void = () => {};

  constructor(o: { entry?: string; execArgv?: string[] } = {}) {
    const entry = o.entry ?? import.meta.url;
    const bootstrap = `Promise.resolve(${hooksSource}).then(() => import(${JSON.stringify(entry)}))
      .then((m) => m.serve(process.getBuiltinModule("node:worker_threads").parentPort));`;
    this.worker = new Worker(bootstrap, { eval: true, ...(o.execArgv && { execArgv: o.execArgv }) });
    this.worker.unref();
    this.worker.on("error", (error: Error) => this.#failed(error));
  }

  /** Calls `fn` in the worker. Errors arrive with their text and stack only. */
  async call<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
    const references = new Set<string>();
    const call = pack(this.shipper, [fn, args], references);
    const { port1, port2 } = new MessageChannel();
    const reply = new Promise<Answer>((resolve, reject) => {
      port1.once("message", resolve);
      this.#failed = reject;
    });
    this.worker.postMessage({ call, references: [...references], port: port2 } satisfies Call, [port2]);
    const answer = await reply;
    if ("error" in answer) throw Object.assign(new Error(answer.error), { remoteStack: answer.stack });
    for (const reference of answer.references) await this.shipper.prepare(reference);
    return unpack(this.shipper, answer.value) as Awaited<R>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}

export const nodeRequire: NodeJS.Require = createRequire(import.meta.url);

/** The path of a fixture that is not compiled. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../test/callable/fixtures/${name}`, import.meta.url));
}

/**
 * `test` and `after` for files whose functions run in workers: the workers import the file too, and must neither run
 * its tests nor start workers of their own.
 */
export function suite(define: (remote: Remote) => void): void {
  if (!isMainThread) return;
  const remote = new Remote();
  after(() => remote.worker.terminate());
  define(remote);
}
