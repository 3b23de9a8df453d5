import { host } from "#host";

/** How many processors this process may use. Differs from Python, which counts those of the machine. */
export function cpuCount(): number {
  return host.availableParallelism;
}
