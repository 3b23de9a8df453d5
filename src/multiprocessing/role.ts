/**
 * Where the code is that a child process runs. Filled in by process-main.ts; as threading/role.ts.
 *
 * @module
 */

export const processRole: { url: string; readonly role: string } = { url: "", role: "heddle.process" };
