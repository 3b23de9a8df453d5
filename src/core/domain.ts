/**
 * A domain: a memory, and all that a thread has for it. Every class of shared objects belongs to one: those of threads to
 * the memory of the program, those of processes to the memory that processes share. The classes are otherwise the same.
 *
 * @module
 */

import { Cells } from "./cell-coder.ts";
import { HandleTable } from "./handle-table.ts";
import type { Memory } from "./memory.ts";
import { Packer } from "./packer.ts";
import type { Parker } from "./parker.ts";
import { program } from "./program.ts";

export class Domain {
  readonly memory: Memory;
  readonly parker: Parker;
  readonly handles: HandleTable;
  readonly packer: Packer;
  readonly cells: Cells;

  constructor(memory: Memory, parker: Parker, reach: "thread" | "process") {
    this.memory = memory;
    this.parker = parker;
    this.handles = new HandleTable(memory);
    this.packer = new Packer(memory, this.handles, reach);
    this.cells = new Cells(this.packer);
  }
}

/** What the threads of this program share. */
export const threads: Domain = new Domain(program.memory, program.parker, "thread");
