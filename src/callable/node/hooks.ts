/**
 * What a worker installs before it imports user modules: each module gets one more line, which lets heddle evaluate
 * names and functions inside the module's scope.
 *
 * @module
 */

/**
 * A self-contained CommonJS script (it only needs `require`) to run at the start of a worker.
 *
 * It is text, not a module, so that it exists in bundles too, where heddle's files do not, and so that minifiers leave
 * it alone. Node 22.15 and later have hooks within the thread, which cost nothing. Before, hooks run in a thread of
 * their own, which costs as much as starting a second worker; so Node 20 watches the loader read its files instead,
 * unless other hooks (tsx) are at work, whose results only a hook sees.
 */
export const hooksSource: string = `{
const scopes = Symbol.for("heddle.scopes");
if (!globalThis[scopes]) {
Object.defineProperty(globalThis, scopes, { value: new Map() });
const Module = require("node:module");
const { pathToFileURL } = require("node:url");
const tail = ", function () { return eval(arguments[0]); });\\n";
const extend = (source, url) => {
  const text = typeof source === "string" ? source : Buffer.from(source.buffer ?? source, source.byteOffset, source.byteLength).toString();
  return text.endsWith(tail) ? text : text + "\\n;globalThis[Symbol.for('heddle.scopes')]?.set(" + JSON.stringify(url) + tail;
};
const formats = /^(?:module|commonjs)(?:-typescript)?$/;
const compile = Module.prototype._compile;
Module.prototype._compile = function (source, filename, ...rest) {
  return compile.call(this, typeof source === "string" ? extend(source, pathToFileURL(filename).href) : source, filename, ...rest);
};
if (Module.registerHooks) {
  Module.registerHooks({
    load(url, context, next) {
      const result = next(url, context);
      return result.source != null && formats.test(result.format) ? { ...result, source: extend(result.source, url) } : result;
    },
  });
} else if ([...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(" ")].some((flag) => /^--(?:import|require|loader|experimental-loader)\\b|^-r/.test(flag))) {
  const load = "const tail = " + JSON.stringify(tail) + "; const formats = " + formats + "; const extend = " + extend + "; " +
    "export async function load(url, context, next) { const result = await next(url, context);" +
    "return result.source != null && result.format !== 'commonjs' && formats.test(result.format) ? { ...result, source: extend(result.source, url) } : result; }";
  Module.register("data:text/javascript," + encodeURIComponent(load));
} else {
  const files = require("node:fs/promises");
  const { readFile } = files;
  const caller = () => {
    const { stackTraceLimit, prepareStackTrace } = Error;
    Error.stackTraceLimit = 3;
    Error.prepareStackTrace = (_, sites) => sites[2]?.getFileName();
    const file = new Error().stack;
    Object.assign(Error, { stackTraceLimit, prepareStackTrace });
    return file;
  };
  files.readFile = async function (file, ...rest) {
    const byLoader = file instanceof URL && !/\\.(?:json|wasm|node)$/.test(file.pathname) && caller() === "node:internal/modules/esm/load";
    const content = await readFile.call(this, file, ...rest);
    return byLoader ? Buffer.from(extend(content, file.href)) : content;
  };
}
}
}`;
