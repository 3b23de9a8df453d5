/**
 * Packs any sendable value into one block of a memory: a message, named by its address.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { ADDRESS, type Addressed, DOMAIN, NO_TWIN } from "./address.ts";
import type { Domain } from "./domain.ts";
import type { HandleTable } from "./handle-table.ts";
import { alloc, free } from "./heap.ts";
import type { Memory } from "./memory.ts";
import {
  attachments as attached,
  discardMessage,
  FOREIGN,
  foreign,
  functionOf,
  MESSAGE,
  release,
  retain,
} from "./references.ts";
import { addressesIn, Codec, finish, type Message } from "./wire/codec.ts";
import type { Compile } from "./wire/compiled.ts";
import type { Encoder } from "./wire/encoder.ts";
import type { PlatformObjects } from "./wire/platform.ts";
import { Refusal } from "./wire/refusal.ts";
import type { FunctionShipper } from "./wire/shipper.ts";
import type { HostStrings } from "./wire/strings.ts";
import { describeView, restoreView } from "./views.ts";

/** Carries what only the platform can clone or move (a MessagePort, a Blob) to whoever reads the message. */
export interface Attachments {
  /** Takes charge of the values and names them by a number other than 0. */
  leave(values: readonly unknown[], transferList: readonly unknown[]): number;
  /** Fetches them, waiting as the platform must; `keep` if others will read the same message. */
  fetch(id: number, keep: boolean): readonly unknown[];
  /** As {@link fetch}, without blocking. `undefined`: they are here already. */
  request(id: number, keep: boolean): Promise<void> | undefined;
  /** Sends them to the thread that will fetch them. False: it has to ask. */
  deliver(id: number, to: number): boolean;
  /** Nobody will ask for them. */
  drop(id: number): void;
}

/** What the host gives: how to ship functions, and what the platform does better. */
export interface MessageSupport {
  readonly shipper: FunctionShipper;
  readonly strings?: HostStrings;
  readonly platform?: PlatformObjects;
  readonly compile?: Compile;
  readonly attachments: Attachments;
}

/** Under this key a handle has the function that is sent in its place: a struct's layout stands for its class. */
export const STANDS_FOR: unique symbol = Symbol.for("heddle.stands-for") as never;

let support: MessageSupport | undefined;
/** The domain of processes, whose objects can be sent to threads too; and what it is once this thread uses it. */
let elsewhere: (() => Domain) | undefined;
let used: Domain | undefined;

/** `get` gives the domain, made if need be. */
export function setOtherDomain(get: () => Domain): void {
  elsewhere = get;
  foreign.memory = () => get().memory;
}

/** It has been made. */
export function useOtherDomain(domain: Domain): void {
  used = domain;
}

export function setMessageSupport(given: MessageSupport): void {
  support = given;
  attached.drop = (id) => given.attachments.drop(id);
}

/** Marks an object as one that stays in its thread; `reason` tells those who try to send it. */
export function keepHere(value: object, reason: string): void {
  Object.defineProperty(value, ADDRESS, { value: reason });
}

/** The names of an object's private `#fields`, which cannot travel. */
export function privateFieldsOf(value: object): readonly string[] {
  return support?.shipper.privateFields(value) ?? [];
}

/** Small messages are copied word by word: a view of the block would cost as much as the rest. */
const FEW_WORDS = 64;

/** Packs into one memory, and unpacks from it. */
export class Packer {
  readonly #memory: Memory;
  readonly #handles: HandleTable;
  readonly #destination: "thread" | "process";
  #codec: Codec | undefined;
  readonly #interned: Map<string, number> = new Map();
  readonly #internedFunctions: WeakMap<Function, number> = new WeakMap();

  constructor(memory: Memory, handles: HandleTable, destination: "thread" | "process") {
    this.#memory = memory;
    this.#handles = handles;
    this.#destination = destination;
  }

  /**
   * The message of a function that captured nothing: packed once, and kept for as long as the program runs. `undefined`
   * for a closure. Errors: `NotSendableError`.
   */
  intern(fn: Function, path: string): number | undefined {
    const known = this.#internedFunctions.get(fn);
    if (known !== undefined) return known;
    this.#ready();
    let described;
    try {
      described = support!.shipper.describe(fn);
    } catch (error) {
      // The codec says it with the path in front.
      this.discard(this.pack(fn, path));
      throw error;
    }
    if (described.values.length > 0) return undefined;
    let message = this.#interned.get(described.reference);
    if (message === undefined) {
      message = this.pack(fn, path);
      this.#interned.set(described.reference, message);
    }
    this.#internedFunctions.set(fn, message);
    return message;
  }

  /**
   * Packs a value into memory. `path` is how errors call it: `args`, `result`.
   *
   * Errors: `NotSendableError`; then nothing was allocated or retained.
   */
  pack(value: unknown, path: string): number {
    return this.#ready().encodeWith(value, path, this.#toBlock);
  }

  readonly #toBlock = (encoder: Encoder): number => {
    if (!encoder.isBare) return this.#packed((allocate) => finish(encoder, allocate));
    const memory = this.#memory;
    const size = encoder.position;
    const length = (size + 3) >>> 2;
    const block = alloc(memory, MESSAGE.first + length);
    memory.reach(block + MESSAGE.first + length);
    const { words } = memory;
    words[block + MESSAGE.bytes] = size;
    words[block + MESSAGE.attachments] = 0;
    const to = block + MESSAGE.first;
    const from = encoder.words;
    if (length <= FEW_WORDS) for (let i = 0; i < length; i++) words[to + i] = from[i]!;
    else words.set(from.subarray(0, length), to);
    return block;
  };

  /** Packs whatever was thrown. Never fails for want of sendability. */
  packThrown(thrown: unknown): number {
    return this.#packed((allocate) => this.#ready().encodeThrown(thrown, "error", allocate));
  }

  #packed(encode: (allocate: (size: number) => Uint8Array) => Message): number {
    let block = 0;
    const message = encode((size) => {
      block = alloc(this.#memory, MESSAGE.first + ((size + 3) >>> 2));
      this.#memory.words[block + MESSAGE.bytes] = size;
      this.#memory.words[block + MESSAGE.attachments] = 0;
      return this.#viewOf(block);
    });
    if (message.attachments.length > 0) {
      this.#memory.words[block + MESSAGE.attachments] = support!.attachments.leave(
        message.attachments,
        message.transferList,
      );
    }
    return block;
  }

  #viewOf(message: number): Uint8Array {
    this.#memory.reach(message);
    const start = (message + MESSAGE.first) * 4;
    const size = this.#memory.words[message + MESSAGE.bytes]! >>> 0;
    this.#memory.reach(message + MESSAGE.first + (size >>> 2));
    return this.#memory.bytes.subarray(start, start + size);
  }

  /** What must be loaded or fetched before {@link unpack}, or {@link peek} with `keep`. `undefined`: nothing. */
  prepare(message: number, keep = false): Promise<unknown> | undefined {
    const waits: Promise<unknown>[] = [];
    this.#prepareFunctions(message, waits);
    const attachments = this.#memory.words[message + MESSAGE.attachments]!;
    const fetching = attachments === 0 ? undefined : support!.attachments.request(attachments, keep);
    if (fetching !== undefined) waits.push(fetching);
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  /** Loads what the functions in a message need, and those that its shared objects will call in whatever thread. */
  #prepareFunctions(message: number, waits: Promise<unknown>[]): void {
    const bytes = this.#viewOf(message);
    for (const reference of this.#ready().references(bytes)) {
      const loading = support!.shipper.prepare(reference);
      if (loading !== undefined) waits.push(loading);
    }
    for (const address of addressesIn(bytes)) {
      if (address >= FOREIGN) elsewhere!().packer.#prepareShared(address - FOREIGN, waits);
      else this.#prepareShared(address, waits);
    }
  }

  #prepareShared(address: number, waits: Promise<unknown>[]): void {
    const called = functionOf(this.#memory, address);
    if (called !== 0) this.#prepareFunctions(called, waits);
  }

  /** The value, and frees the message. */
  unpack(message: number): unknown {
    try {
      return this.#decode(message, false);
    } finally {
      free(this.#memory, message);
    }
  }

  /** The value; the message stays for others to read. */
  peek(message: number): unknown {
    for (const address of addressesIn(this.#viewOf(message))) retain(this.#memory, address);
    return this.#decode(message, true);
  }

  /** Does it carry what the platform moves or clones, so that only one can read it? */
  hasAttachments(message: number): boolean {
    this.#memory.reach(message);
    return this.#memory.words[message + MESSAGE.attachments] !== 0;
  }

  /** What is attached to a message goes to the thread that will read it. False: it must fetch it. */
  deliver(message: number, to: number): boolean {
    return support!.attachments.deliver(this.#memory.words[message + MESSAGE.attachments]!, to);
  }

  /** A second message with the same value. Not of one that {@link hasAttachments}. */
  copy(message: number): number {
    const bytes = this.#viewOf(message);
    const block = alloc(this.#memory, MESSAGE.first + ((bytes.length + 3) >>> 2));
    this.#memory.words[block + MESSAGE.bytes] = bytes.length;
    this.#memory.words[block + MESSAGE.attachments] = 0;
    this.#viewOf(block).set(bytes);
    for (const address of addressesIn(bytes)) retain(this.#memory, address);
    return block;
  }

  /** As {@link unpack}, once everything it needs is loaded. */
  async unpackPrepared(message: number): Promise<unknown> {
    await this.#prepareOrDiscard(message);
    return this.unpack(message);
  }

  async #prepareOrDiscard(message: number): Promise<void> {
    try {
      await this.prepare(message);
    } catch (error) {
      this.discard(message);
      throw error;
    }
  }

  #decode(message: number, keep: boolean): unknown {
    this.#memory.reach(message);
    const id = this.#memory.words[message + MESSAGE.attachments]!;
    const start = (message + MESSAGE.first) * 4;
    const size = this.#memory.words[message + MESSAGE.bytes]! >>> 0;
    this.#memory.reach(message + MESSAGE.first + (size >>> 2));
    const attachments = id === 0 ? undefined : support!.attachments.fetch(id, keep);
    return this.#ready().decodeAt(this.#memory.bytes, start, start + size, attachments);
  }

  /** Frees a message that nobody will read. */
  discard(message: number): void {
    discardMessage(this.#memory, message);
  }

  #ready(): Codec {
    return (this.#codec ??= this.#makeCodec());
  }

  #makeCodec(): Codec {
    if (support === undefined) throw new RuntimeError("heddle has no host on this platform: import it as `heddle`.");
    const memory = this.#memory;
    const isProgramMemory = (buffer: object): boolean => memory.isOwn(buffer) || used?.memory.isOwn(buffer) === true;
    return new Codec({
      shipper: support.shipper,
      shared: {
        addressOf: (value) => {
          const address = (value as { [ADDRESS]?: number | string })[ADDRESS];
          if (typeof address === "string") throw new Refusal(address);
          return address === undefined ? undefined : this.#sent(address, value as Addressed);
        },
        addressOfFunction: (fn) => {
          // Own: a subclass is not what it extends. A getter, since most functions need no address ever.
          if (!Object.hasOwn(fn, ADDRESS)) return undefined;
          // A class of shared objects has its domain in its prototype; a proxy that stands for one has it itself.
          const owner = (fn.prototype ?? fn) as Addressed;
          return this.#sent((fn as unknown as Addressed)[ADDRESS], owner);
        },
        attach: (address) => {
          const handle =
            address >= FOREIGN ? elsewhere!().handles.attach(address - FOREIGN) : this.#handles.attach(address);
          return (handle as { [STANDS_FOR]?: object })[STANDS_FOR] ?? handle;
        },
        describeView: (view) => {
          const shown = describeView(view, isProgramMemory);
          return shown && { address: this.#sent(shown.owner[ADDRESS], shown.owner), offset: shown.offset };
        },
        restoreView,
        isProgramMemory,
        release: (address) => release(memory, address),
      },
      ...(support.strings && { strings: support.strings }),
      ...(support.platform && { platform: support.platform }),
      ...(support.compile && { compile: support.compile }),
      destination: this.#destination,
    });
  }

  /** Takes a reference for a message, and says how it names the object. */
  #sent(address: number, object: Addressed): number {
    const { memory } = object[DOMAIN];
    if (memory === this.#memory) {
      retain(memory, address);
      return address;
    }
    if (this.#destination === "process") {
      const name = object.constructor.name;
      const instead =
        object[NO_TWIN] ?? `make it with the ${name} of heddle/multiprocessing, which has the same methods`;
      throw new Refusal(
        `this ${name} lives in the memory of one process and cannot be sent to another process: ${instead}`,
      );
    }
    retain(memory, address);
    return FOREIGN + address;
  }
}
