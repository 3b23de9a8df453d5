/** The package as others get it: packed, unpacked into a project of their own, linked; run and compiled there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The tests run from dist/test/package. */
const root = fileURLToPath(new URL("../../../", import.meta.url));
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
  exports: Record<string, string | { types: string; default: string }>;
};
const modules = Object.entries(manifest.exports).flatMap(([subpath, target]): [string, string][] =>
  typeof target === "string" ? [] : [[subpath, target.default]],
);
const specifierOf = (subpath: string): string => `heddle${subpath.slice(1)}`;

/** What npm tells the scripts it runs must not reach the npm that runs here. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

let temporary: string;
/** A project that has the packed package in its node_modules. */
let project: string;
/** A project whose node_modules/heddle is a link to this checkout. */
let linked: string;
let packed: Set<string>;

function npm(args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const script = process.env["npm_execpath"];
  const [command, ...prefix] = script?.endsWith(".js") ? [process.execPath, script] : ["npm"];
  const offline = ["--offline", "--ignore-scripts", "--cache", path.join(temporary, "cache"), "--loglevel=error"];
  return run(command ?? "npm", [...prefix, ...args, ...offline], { cwd, env: environment });
}

function makeProject(name: string): string {
  const folder = path.join(temporary, name);
  fs.mkdirSync(path.join(folder, "node_modules"), { recursive: true });
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return folder;
}

before(async () => {
  // Real, since Node reports real paths: the temporary folder is a link on some systems.
  temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "heddle-package-")));
  project = makeProject("project");
  linked = makeProject("linked");
  const { stdout } = await npm(["pack", "--json", "--pack-destination", temporary], root);
  const [pack] = Object.values(JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>);
  assert.ok(pack);
  packed = new Set(pack.files.map((file) => file.path));
  const target = path.join(project, "node_modules", "heddle");
  fs.mkdirSync(target);
  await run("tar", ["-xzf", path.join(temporary, pack.filename), "-C", target, "--strip-components=1"]);
  fs.symlinkSync(root, path.join(linked, "node_modules", "heddle"), "junction");
});

after(() => fs.rmSync(temporary, { recursive: true, force: true }));

test("the package holds what is built, its sources, and the papers; nothing else", () => {
  for (const file of [
    "package.json",
    "LICENSE",
    "CHANGELOG.md",
    "SECURITY.md",
    "src/errors.ts",
    "dist/src/errors.d.ts",
    "dist/lib/heddle.js",
  ]) {
    assert.ok(packed.has(file), `${file} is missing`);
  }
  const stray = [...packed].filter(
    (file) =>
      !/^(dist\/lib\/[\w-]+\.js(\.map)?|dist\/src\/.+\.(js|d\.ts)(\.map)?|src\/.+|package\.json|LICENSE|[A-Z]+\.md)$/.test(
        file,
      ),
  );
  assert.deepEqual(stray, []);
});

test("every source map leads to a packed source", () => {
  const maps = [...packed].filter((file) => file.endsWith(".map"));
  assert.ok(maps.length > 0);
  for (const file of maps) {
    const text = fs.readFileSync(path.join(project, "node_modules", "heddle", file), "utf8");
    for (const source of (JSON.parse(text) as { sources: string[] }).sources) {
      const target = path.posix.join(path.posix.dirname(file), source);
      assert.ok(packed.has(target), `${file} names ${target}`);
    }
  }
});

for (const [subpath, target] of modules) {
  test(`${specifierOf(subpath)} can be imported from the package and from a link`, async () => {
    assert.ok(packed.has(target.replace(/^\.\//, "")), `${target} is not in the package`);
    const program = `
      import * as names from ${JSON.stringify(specifierOf(subpath))};
      process.stdout.write(JSON.stringify([import.meta.resolve(${JSON.stringify(specifierOf(subpath))}), Object.keys(names)]));
    `;
    const found: string[][] = [];
    for (const folder of [project, linked]) {
      fs.writeFileSync(path.join(folder, "names.js"), program);
      const { stdout, stderr } = await run(process.execPath, ["names.js"], { cwd: folder, env: environment });
      assert.equal(stderr, "");
      const [url, names] = JSON.parse(stdout) as [string, string[]];
      const home = folder === project ? path.join(project, "node_modules", "heddle") : root;
      assert.equal(fs.realpathSync(fileURLToPath(url)), path.join(fs.realpathSync(home), target));
      assert.ok(names.length > 0, "exports nothing");
      found.push(names);
    }
    assert.deepEqual(found[0], found[1]);
  });
}

test("errors of one copy are instances of another copy's classes", async () => {
  const program = `
    import { createRequire } from "node:module";
    import { pathToFileURL } from "node:url";
    import * as mine from "heddle/errors";
    const other = await import(pathToFileURL(createRequire(process.argv[2] + "/x.js").resolve("heddle/errors")));
    const error = new other.Empty("nothing to get");
    process.stdout.write(JSON.stringify({
      distinct: mine.Empty !== other.Empty,
      same: [error instanceof mine.Empty, error instanceof mine.HeddleError, error instanceof Error],
      different: [error instanceof mine.Full, error instanceof mine.RuntimeError],
      code: error.code,
    }));
  `;
  fs.writeFileSync(path.join(project, "copies.js"), program);
  const { stdout } = await run(process.execPath, ["copies.js", linked], { cwd: project, env: environment });
  assert.deepEqual(JSON.parse(stdout), {
    distinct: true,
    same: [true, true, true],
    different: [false, false],
    code: "ERR_HEDDLE_QUEUE_EMPTY",
  });
});

test("files that package.json does not export cannot be imported", async () => {
  fs.writeFileSync(path.join(project, "inside.js"), 'await import("heddle/dist/src/errors.js");');
  await assert.rejects(run(process.execPath, ["inside.js"], { cwd: project, env: environment }), {
    code: 1,
    stderr: /ERR_PACKAGE_PATH_NOT_EXPORTED/,
  });
});

test("the declarations compile in a strict project without the types of Node", async () => {
  const imports = modules.map(([subpath], i) => `import * as m${i} from ${JSON.stringify(specifierOf(subpath))};`);
  fs.writeFileSync(
    path.join(project, "consumer.ts"),
    `${imports.join("\n")}
    import { Empty, HeddleError } from "heddle/errors";
    export const all = [${modules.map((_, i) => `m${i}`).join(", ")}];
    export const error: HeddleError = new Empty("message", { cause: 1 });
    // @ts-expect-error: declarations that were not found would make everything \`any\`
    export const wrong: number = error.code;
    `,
  );
  for (const [module, moduleResolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const config = path.join(project, `tsconfig.${moduleResolution}.json`);
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2023",
      lib: ["es2023", "esnext.disposable", "dom"],
      types: [],
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noEmit: true,
    };
    fs.writeFileSync(config, JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [tsc, "--project", config], { cwd: project, env: environment }).catch(
      (error: unknown) => {
        assert.fail(`${moduleResolution}:\n${(error as { stdout: string }).stdout}`);
      },
    );
  }
});
