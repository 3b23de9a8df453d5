#!/usr/bin/env node
/**
 * The `heddle` command.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Command, UsageError } from "./command.ts";

interface Entry {
  readonly summary: string;
  load(): Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  serve: {
    summary: "serve a Hono app with threads and processes on one port",
    load: async () => (await import("./commands/serve.ts")).serveCommand,
  },
  tour: {
    summary: "show what heddle does, one example after another",
    load: async () => (await import("./commands/tour.ts")).tourCommand,
  },
};

const out = (text: string): void => void process.stdout.write(`${text}\n`);
const err = (text: string): void => void process.stderr.write(`${text}\n`);

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `usage: heddle COMMAND [OPTIONS]

${lines.join("\n")}

  --help     this text; heddle COMMAND --help for a command's options
  --version  the version`;
}

function version(): string {
  const manifest = readFileSync(createRequire(import.meta.url).resolve("heddle/package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Runs a command line. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    (name === undefined ? err : out)(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    out(version());
    return 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    err(`heddle: there is no command ${JSON.stringify(name)}\n\n${overview()}`);
    return 2;
  }
  const command = await entry.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    out(`usage: heddle ${name} ${command.usage}\n\n${command.help}`);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    err(`heddle ${name}: ${error.message}\nusage: heddle ${name} ${command.usage}`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
