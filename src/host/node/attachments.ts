/**
 * Attachments: values that only the platform can clone or move (a user's SharedArrayBuffer, a MessagePort, a Blob), and
 * that therefore cannot lie in shared memory with the message they belong to.
 *
 * ```
 *   sender ──{ id, values }──► main thread's store ──{ id, values }──► whoever decodes the message
 * ```
 * Who will read a message is not known when it is put into a queue, so the main thread keeps what is attached until it
 * is asked for. Every worker has a port to it. A blocked main thread is poked and serves from its wait. If it is known
 * who will read a message of the main thread, what is attached is delivered without being asked for.
 *
 * @module
 */

import { isMainThread, MessageChannel, MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { add, load } from "#atomics";
import { type Deadline, now } from "../../core/deadline.ts";
import { PROGRAM } from "../../core/layout.ts";
import type { Attachments } from "../../core/messages.ts";
import { platform } from "../../core/platform.ts";
import { memory } from "../../core/program.ts";
import { interrupt } from "../../core/raw/wait-list.ts";
import { RuntimeError } from "../../errors.ts";
import { BOOT } from "../../boot/node.ts";

type Letter =
  | { readonly kind: "leave"; readonly id: number; readonly values: readonly unknown[] }
  | { readonly kind: "want"; readonly id: number; readonly keep: boolean }
  | { readonly kind: "drop"; readonly id: number }
  | { readonly kind: "join"; readonly port: MessagePort };

interface Reply {
  readonly id: number;
  readonly values: readonly unknown[] | undefined;
  /** Nobody will fetch what was delivered. */
  readonly unwanted?: true;
}

/** How long a blocked worker sleeps at most between looks into its mail. Milliseconds. */
const LOOK_EVERY = 1;
/** How long a worker waits for a delivery before it asks. Milliseconds. */
const SOON = 0.05;
/** How long a worker is blocked for an answer before it goes on with what its event loop has to do. Milliseconds. */
const PATIENCE = 1;

/** In the main thread: what was left and not yet fetched, and the ports of all workers. */
const store: Map<number, readonly unknown[]> = new Map();
const ports: Set<MessagePort> = new Set();
/** Of the workers that this thread has started, by their identity. */
const mailboxes: Map<number, MessagePort> = new Map();
let served = 0;

/** In a worker: its port to the main thread, what has arrived, and who waits for it. */
const own = (globalThis as { [BOOT]?: { mail?: MessagePort } })[BOOT]?.mail;
/** `undefined`: the main thread has it no more. */
const arrived: Map<number, readonly unknown[] | undefined> = new Map();
const waiting: Map<number, () => void> = new Map();
/** What it has asked for and not got yet. */
const asked: Set<number> = new Set();

/** A port to the main thread, to be given to a new worker. */
export function mailbox(tid: number): MessagePort {
  const { port1, port2 } = new MessageChannel();
  if (isMainThread || own === undefined) join(port2, tid);
  else own.postMessage({ kind: "join", port: port2 } satisfies Letter, [port2]);
  return port1;
}

function join(port: MessagePort, tid = 0): void {
  ports.add(port);
  if (tid !== 0) mailboxes.set(tid, port);
  port.on("message", (letter: Letter) => serve(port, letter));
  port.on("close", () => {
    ports.delete(port);
    mailboxes.delete(tid);
  });
  port.unref();
}

function serve(port: MessagePort, letter: Letter): void {
  switch (letter.kind) {
    case "leave":
      store.set(letter.id, letter.values);
      break;
    case "drop":
      store.delete(letter.id);
      break;
    case "join":
      join(letter.port);
      break;
    default: {
      if (!store.has(letter.id)) readMail();
      const values = store.get(letter.id);
      if (!letter.keep) store.delete(letter.id);
      reply(port, letter.id, values, letter.keep);
    }
  }
}

function reply(port: MessagePort, id: number, values: readonly unknown[] | undefined, keep: boolean): void {
  try {
    port.postMessage({ id, values } satisfies Reply, values === undefined || keep ? [] : movable(values));
  } catch {
    port.postMessage({ id, values: undefined } satisfies Reply);
  }
  add(memory.words, PROGRAM.attachmentReplies, 1);
  memory.notify(PROGRAM.attachmentReplies);
}

/** Nobody else will ask for them: a port must move, and a buffer is not copied once more. */
function movable(values: readonly unknown[]): (MessagePort | ArrayBuffer)[] {
  return values.filter((value) => value instanceof MessagePort || value instanceof ArrayBuffer);
}

/** Takes in everything that has been posted, without the event loop. */
function readMail(): void {
  for (const port of ports) {
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
      serve(port, got.message as Letter);
    }
  }
}

/** In the main thread's blocking waits: serves workers that asked. */
export function pollMail(): void {
  const requests = load(memory.words, PROGRAM.attachmentRequests);
  if (requests === served) return;
  served = requests;
  readMail();
}

function ask(id: number, keep: boolean): MessagePort {
  if (own === undefined) {
    throw new RuntimeError(
      "A value that only the platform can clone cannot reach a worker made by the worker: option after its start.",
    );
  }
  asked.add(id);
  own.postMessage({ kind: "want", id, keep } satisfies Letter);
  add(memory.words, PROGRAM.attachmentRequests, 1);
  interrupt(memory, PROGRAM.mainRecord);
  return own;
}

/** Blocks until the reply is there. False: it was not, after so many milliseconds. */
function receive(port: MessagePort, id: number, patience: Deadline): boolean {
  const until = now() + patience;
  for (;;) {
    const replies = load(memory.words, PROGRAM.attachmentReplies);
    const got = receiveMessageOnPort(port);
    if (got !== undefined) take(got.message as Reply);
    if (arrived.has(id)) return true;
    if (got !== undefined) continue;
    const left = until - now();
    if (left <= 0) return false;
    memory.wait(PROGRAM.attachmentReplies, replies, Math.min(left, LOOK_EVERY));
  }
}

function checked(id: number, values: readonly unknown[] | undefined): readonly unknown[] {
  if (values !== undefined) return values;
  throw new RuntimeError(
    `What was attached to a message (number ${id}) is gone: something that can only be moved, such as a MessagePort, can be received once.`,
  );
}

export const attachments: Attachments = {
  leave(values, transferList) {
    const id = (add(memory.words, PROGRAM.attachments, 1) + 1) | 0 || 1;
    if (own === undefined) store.set(id, structuredClone(values, { transfer: transferList as never }));
    else own.postMessage({ kind: "leave", id, values } satisfies Letter, transferList as never);
    return id;
  },

  fetch(id, keep) {
    if (own === undefined) {
      if (!store.has(id)) readMail();
      const values = checked(id, store.get(id));
      if (!keep) store.delete(id);
      return keep ? structuredClone(values) : values;
    }
    if (!arrived.has(id)) {
      receive(ask(id, keep), id, Infinity);
    }
    const values = arrived.get(id);
    arrived.delete(id);
    return checked(id, values);
  },

  request(id, keep) {
    if (own === undefined || arrived.has(id)) return undefined;
    // It may have been delivered, or be about to.
    if (receive(own, id, SOON)) return undefined;
    const port = ask(id, keep);
    if (receive(port, id, PATIENCE)) return undefined;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      platform.hold();
      port.on("message", take);
      port.unref();
    });
  },

  deliver(id, to) {
    const port = own === undefined ? mailboxes.get(to) : undefined;
    const values = store.get(id);
    if (port === undefined || values === undefined) return false;
    store.delete(id);
    reply(port, id, values, false);
    return true;
  },

  drop(id) {
    if (own !== undefined) own.postMessage({ kind: "drop", id } satisfies Letter);
    else if (!store.delete(id)) {
      // It was delivered to one of them, for a task that was then taken back.
      for (const port of mailboxes.values())
        port.postMessage({ id, values: undefined, unwanted: true } satisfies Reply);
    }
  },
};

function take({ id, values, unwanted }: Reply): void {
  if (unwanted === true) {
    arrived.delete(id);
    return;
  }
  // An answer to a question that crossed the delivery says nothing.
  if (values === undefined && !asked.delete(id)) return;
  asked.delete(id);
  arrived.set(id, values);
  const resolve = waiting.get(id);
  if (resolve === undefined) return;
  waiting.delete(id);
  platform.unhold();
  if (waiting.size === 0) own?.off("message", take);
  resolve();
}
