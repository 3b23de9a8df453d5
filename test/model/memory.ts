/** The memory of a model: real words while a scenario is set up and checked, the explorer's while threads run. */

import { RuntimeError } from "../../src/errors.ts";
import {
  FIRST_PAGE,
  MAGIC,
  PAGE_MAP,
  PAGE_SHIFT,
  PAGE_WORDS,
  PROGRAM,
  RECORD,
  VERSION,
} from "../../src/core/layout.ts";
import type { Memory } from "../../src/core/memory.ts";
import { Engine } from "./engine.ts";

/** Slab pages, one or two for each size of block that a scenario uses. */
const PAGES: number = FIRST_PAGE + 40;

/** What `waitAsync` gives: the event loop of a modelled thread calls back by itself. */
export interface Bell {
  then(callback: () => void): void;
}

export class ModelMemory implements Memory {
  readonly engine: Engine;
  readonly bytes: Uint8Array;
  readonly canBlock = true;
  /** One look: seeing a change only later is the same as having started to look later. */
  readonly patience = 1;
  /** Who acts while no thread runs: setting up and checking are done in the name of a thread. */
  actor = 0;
  actorRecord = 0;
  /** Called back when the doorbell of the thread that runs is rung. */
  bell: (() => void) | undefined;

  constructor() {
    const words = new Int32Array(PAGES * PAGE_WORDS);
    this.engine = new Engine(words);
    this.bytes = new Uint8Array(words.buffer);
    words[PROGRAM.magic] = MAGIC;
    words[PROGRAM.version] = VERSION;
    words[PROGRAM.pages] = PAGES;
    words[PROGRAM.pageHint] = FIRST_PAGE;
  }

  get words(): Int32Array {
    return this.engine.current === undefined ? this.engine.memory : this.engine.words;
  }

  get self(): number {
    return this.engine.current?.tid ?? this.actor;
  }

  set self(tid: number) {
    this.actor = tid;
  }

  get record(): number {
    return this.engine.current?.record ?? this.actorRecord;
  }

  set record(address: number) {
    this.actorRecord = address;
  }

  reach(address: number): number {
    return this.engine.reach(address);
  }

  isOwn(buffer: object): boolean {
    return buffer === this.words.buffer;
  }

  grow(): void {
    throw new RuntimeError("the memory of a model does not grow");
  }

  wait(address: number, expected: number, milliseconds?: number): void {
    this.engine.wait(address, expected, milliseconds !== undefined);
  }

  isGone(tid: number): boolean {
    return this.engine.current !== undefined && this.engine.isGone(tid);
  }

  waitAsync(address: number, expected: number): Promise<unknown> | undefined {
    if (this.engine.load(address) !== expected) return undefined;
    const bell: Bell = {
      // oxlint-disable-next-line unicorn/no-thenable -- it stands in for a promise
      then: (callback) => {
        this.bell = callback;
      },
    };
    return bell as unknown as Promise<unknown>;
  }

  notify(address: number, count: number = Infinity): void {
    if (this.engine.current !== undefined) this.engine.notify(address, count);
  }

  wakeLoop(record: number): void {
    this.notify(record + RECORD.doorbell);
  }

  /** Blocks made from here on lie in pages of their own, which other threads' views do not cover yet. */
  separate(): void {
    const { memory } = this.engine;
    memory.fill(0, PROGRAM.freeLists, PROGRAM.freeLists + 40);
  }

  /** First word beyond the pages in use. */
  get end(): number {
    let page = FIRST_PAGE;
    while (this.engine.memory[PAGE_MAP + page] !== 0) page++;
    return page << PAGE_SHIFT;
  }
}
