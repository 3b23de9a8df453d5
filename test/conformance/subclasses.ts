/** Subclasses of Thread for the suites: a class travels by its module and name. @module */

import { currentThread, mainThread, Thread } from "heddle/threading";

/** Notes who ran it, and what came of its fields. */
export class Doubler extends Thread<[number], number> {
  input: number;
  output: number | undefined;
  ranAs: string[] = [];

  constructor(input: number) {
    super({ target: (n: number) => n * 2, args: [input] });
    this.input = input;
  }

  override async run(): Promise<number> {
    const same = currentThread() === (this as unknown);
    this.ranAs.push(String(same), String(mainThread() === (this as unknown)), this.name);
    this.output = await super.run();
    return -1;
  }
}

/** Overrides run and leaves its target alone. */
export class Deaf extends Thread<[], string> {
  constructor() {
    super({ target: () => "the target ran" });
  }

  override run(): string {
    return "run ran";
  }
}
