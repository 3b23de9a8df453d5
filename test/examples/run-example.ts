import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What the program wrote, line by line. */
  lines: string[];
  stderr: string;
}

export interface RunOptions {
  folder?: string;
  /** A program that has not ended by itself after so many ms is killed. */
  limit?: number;
}

/** Runs a compiled program to its end. */
export async function runProgram(url: URL, args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [fileURLToPath(url), ...args], {
    cwd: options.folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.limit ?? 120_000,
    killSignal: "SIGKILL",
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  return await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, lines: stdout.split("\n").slice(0, -1), stderr });
    });
  });
}

/** Runs an example, which must end by itself, with exit code 0 and nothing on stderr; gives its output lines. */
export async function runExample(name: string, ...args: string[]): Promise<string[]> {
  const ended = await runProgram(new URL(`../../examples/${name}.js`, import.meta.url), args);
  if (ended.code !== 0 || ended.stderr !== "") {
    const how = ended.signal === null ? `exit code ${ended.code}` : `killed by ${ended.signal}`;
    throw new Error(`${name} ended with ${how}\n${ended.lines.join("\n")}\n${ended.stderr}`);
  }
  return ended.lines;
}
