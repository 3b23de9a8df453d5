/** @module */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Command } from "../command.ts";

/** In a checkout only. */
const PROGRAM: string = path.join(
  path.dirname(createRequire(import.meta.url).resolve("heddle/package.json")),
  "dist/examples/tour.js",
);

export const tourCommand: Command = {
  usage: "[NAME …]",
  help: "Runs the examples, or those that are named.\n\n  --list  what there is",

  async run(args) {
    if (!existsSync(PROGRAM)) {
      process.stderr.write("heddle tour: the examples are part of heddle's repository, not of the installed package\n");
      return 1;
    }
    const child = spawn(process.execPath, [...process.execArgv, PROGRAM, ...args], { stdio: "inherit" });
    return await new Promise((resolve, reject) => {
      child.once("error", reject).once("exit", (code) => resolve(code ?? 1));
    });
  },
};
