/**
 * What a worker installs before it imports user modules: each module gets one more line, which lets heddle evaluate
 * names and functions inside the module's scope.
 *
 * Node 22.15 and later have hooks within the thread, which cost nothing. Before, hooks run in a thread of their own,
 * which costs as much as starting a second worker; so Node 20 watches the loader read its files instead, unless other
 * hooks are at work, whose results only a hook sees.
 *
 * A worker started from text also skips the modules that `--import` names, so they are imported here: users have
 * their TypeScript runner or their instrumentation there. tsx does nothing in a worker where it would need hooks in a
 * thread of their own, and is asked explicitly.
 *
 * @module
 */

/**
 * An expression for the start of a worker's script; it needs nothing but `process`. Its value is a promise if modules
 * had to be imported first, else `undefined`; what it returns must have settled before a user's module is imported.
 *
 * It is text, not a module, so that it exists in bundles too, where heddle's files do not, and so that minifiers leave
 * it alone.
 */
export const hooksSource: string = `(() => {
  const key = Symbol.for("heddle.scopes");
  if (globalThis[key]) return;
  Object.defineProperty(globalThis, key, { value: new Map() });
  const Module = process.getBuiltinModule("node:module");
  const { pathToFileURL } = process.getBuiltinModule("node:url");
  const tail = ", function () { return eval(arguments[0]); });\\n";
  const extend = (source, url) => {
    const text = typeof source === "string" ? source : Buffer.from(source.buffer ?? source, source.byteOffset, source.byteLength).toString();
    return text.endsWith(tail) ? text : text + "\\n;globalThis[Symbol.for('heddle.scopes')]?.set(" + JSON.stringify(url) + tail;
  };
  const formats = /^(?:module|commonjs)(?:-typescript)?$/;
  const install = () => {
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
    } else if (flags.some((flag) => /^--(?:import|require|loader|experimental-loader)\\b|^-r/.test(flag))) {
      Module.register("data:text/javascript," + encodeURIComponent(
        "const tail = " + JSON.stringify(tail) + "; const formats = " + formats + "; const extend = " + extend + ";" +
        "export async function load(url, context, next) { const result = await next(url, context);" +
        "return result.source != null && result.format !== 'commonjs' && formats.test(result.format) ? { ...result, source: extend(result.source, url) } : result; }"));
    } else {
      const files = process.getBuiltinModule("node:fs/promises");
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
  };
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\\s+/)];
  const preloads = flags.flatMap((flag, at) => flag === "--import" ? [flags[at + 1]] : flag.startsWith("--import=") ? [flag.slice(9)] : []);
  // In a process of its own Node itself has imported them.
  const { isMainThread } = process.getBuiltinModule("node:worker_threads");
  if (preloads.length === 0 || isMainThread) return install();
  return (async () => {
    for (const name of preloads) {
      let hooked = false;
      const { register, registerHooks } = Module;
      const watch = (original) => original && function (...args) {
        hooked = true;
        return original.apply(this, args);
      };
      Object.assign(Module, { register: watch(register), registerHooks: watch(registerHooks) });
      await import(name);
      Object.assign(Module, { register, registerHooks });
      if (hooked || !/^tsx$|\\/tsx\\//.test(name)) continue;
      const loader = name === "tsx" ? pathToFileURL(Module.createRequire(process.cwd() + "/").resolve("tsx")).href : name;
      (await import(new URL("esm/api/index.mjs", loader).href)).register();
    }
    install();
  })();
})()`;
