/** Checks a set of source files against a table of layer rules. */
import path from "node:path/posix";
import { readSource, type Import, type SourceFile } from "./source-file.ts";

export interface Rules {
  /** Modules (first folder or file below src/) from bottom to top. Those of one row are peers. */
  readonly layers: readonly (readonly string[])[];
  /** Modules that may import no package, no `node:` module, no `node/` folder, and use only {@link universal} globals. */
  readonly portable: readonly string[];
  /** Path prefixes below which `node:` modules may be imported. */
  readonly node: readonly string[];
  /** Globals of the language and of every platform heddle runs on. */
  readonly universal: ReadonlySet<string>;
  /** Global types of one platform, which must not appear in portable modules. */
  readonly platformTypes: ReadonlySet<string>;
  /** Globals that only the listed files may touch. */
  readonly globalOwners: Readonly<Record<string, readonly string[]>>;
  /** What `#name` imports stand for. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** Names of an alias that only the listed files may import. */
  readonly guarded: readonly { alias: string; names: readonly string[]; files: readonly string[] }[];
  /** Packages, each with the only path prefix below which it may be imported, lazily or as a type. */
  readonly packages: Readonly<Record<string, string>>;
}

export type RuleName =
  | "layer"
  | "cycle"
  | "unknown-module"
  | "unresolved"
  | "extension"
  | "default-export"
  | "node-import"
  | "platform-folder"
  | "host-global"
  | "global-owner"
  | "alias-bypassed"
  | "guarded-name"
  | "package"
  | "computed-import";

export interface Violation {
  readonly rule: RuleName;
  /** `src/core/x.ts:12` */
  readonly at: string;
  readonly message: string;
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly at: string;
  readonly kind: Import["kind"];
}

function moduleOf(file: string): string {
  return (file.split("/")[1] ?? "").replace(/\.ts$/, "");
}

const below = (file: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => file.startsWith(prefix));

/** `texts`: contents by path from the package root, with `/`. */
export function check(texts: ReadonlyMap<string, string>, rules: Rules): Violation[] {
  const violations: Violation[] = [];
  const edges: Edge[] = [];
  for (const [file, text] of texts) {
    const source = readSource(file, text);
    const report = (rule: RuleName, line: number, message: string): void => {
      violations.push({ rule, at: `${file}:${line}`, message });
    };
    if (rankOf(moduleOf(file), rules) === undefined) {
      report("unknown-module", 1, `${moduleOf(file)} has no place in the table of layers`);
    }
    for (const { line } of source.defaultExports) report("default-export", line, "export it by name");
    for (const imported of source.imports) checkImport(file, imported, texts, rules, report, edges);
    checkGlobals(file, source, rules, report);
  }
  checkLayers(edges, rules, violations);
  checkCycles(edges, violations);
  return violations;
}

type Report = (rule: RuleName, line: number, message: string) => void;

function rankOf(module: string, rules: Rules): number | undefined {
  const rank = rules.layers.findIndex((row) => row.includes(module));
  return rank === -1 ? undefined : rank;
}

function checkImport(
  file: string,
  { specifier, kind, names, line }: Import,
  texts: ReadonlyMap<string, string>,
  rules: Rules,
  report: Report,
  edges: Edge[],
): void {
  const isPortable = rules.portable.includes(moduleOf(file));
  const edge = (to: string): void => void edges.push({ from: file, to, at: `${file}:${line}`, kind });

  if (specifier === undefined) {
    if (!below(file, rules.node)) report("computed-import", line, "only the host loads modules that users name");
    return;
  }
  if (specifier.startsWith("node:")) {
    if (!below(file, rules.node)) report("node-import", line, `${specifier} is for ${rules.node.join(", ")}`);
    return;
  }
  if (specifier.startsWith(".")) {
    if (!specifier.endsWith(".ts")) report("extension", line, `${specifier} must end in .ts`);
    const target = path.join(path.dirname(file), specifier).replace(/(\.js|\.ts|)$/, ".ts");
    if (!texts.has(target)) report("unresolved", line, `${specifier} is not a file of src`);
    const alias = Object.entries(rules.aliases).find(([, targets]) => targets.includes(target));
    if (isPortable && target.split("/").includes("node")) {
      report("platform-folder", line, `${specifier} belongs to one platform; import it through #host or #context`);
    } else if (isPortable && alias !== undefined && !alias[1].includes(file) && kind !== "type") {
      report("alias-bypassed", line, `${specifier} is imported as ${alias[0]}`);
    }
    edge(target);
    return;
  }
  const alias = rules.aliases[specifier];
  if (alias !== undefined) {
    for (const target of alias) edge(target);
    for (const guard of rules.guarded) {
      if (guard.alias !== specifier || guard.files.includes(file) || kind === "type") continue;
      const taken = names.filter((name) => name === "*" || guard.names.includes(name));
      if (taken.length > 0) {
        report("guarded-name", line, `${taken.join(", ")} of ${specifier} is for ${guard.files.join(", ")}`);
      }
    }
    return;
  }
  checkPackage(file, specifier, kind, line, rules, report);
}

function checkPackage(
  file: string,
  specifier: string,
  kind: Import["kind"],
  line: number,
  rules: Rules,
  report: Report,
): void {
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const home = Object.hasOwn(rules.packages, name) ? rules.packages[name] : undefined;
  if (home === undefined) report("package", line, `${specifier} is not a package that src may use`);
  else if (!file.startsWith(home)) report("package", line, `${name} is for ${home}`);
  else if (kind === "static") report("package", line, `${name} is optional: import it lazily, with import()`);
}

function checkGlobals(file: string, source: SourceFile, rules: Rules, report: Report): void {
  for (const { name, line } of source.globals) {
    const owners = Object.hasOwn(rules.globalOwners, name) ? rules.globalOwners[name] : undefined;
    if (owners !== undefined) {
      if (!owners.includes(file)) report("global-owner", line, `${name} is for ${owners.join(", ")}`);
    } else if (rules.portable.includes(moduleOf(file)) && !rules.universal.has(name)) {
      report("host-global", line, `${name} does not exist on every platform; ask the host for it`);
    }
  }
  if (!rules.portable.includes(moduleOf(file))) return;
  for (const { name, line } of source.globalTypes) {
    if (rules.platformTypes.has(name)) report("host-global", line, `${name} is a type of one platform`);
  }
}

function checkLayers(edges: readonly Edge[], rules: Rules, violations: Violation[]): void {
  const between = new Map<string, Edge>();
  for (const edge of edges) {
    const [from, to] = [moduleOf(edge.from), moduleOf(edge.to)];
    const [fromRank, toRank] = [rankOf(from, rules), rankOf(to, rules)];
    if (from === to || fromRank === undefined || toRank === undefined) continue;
    if (toRank > fromRank) {
      violations.push({
        rule: "layer",
        at: edge.at,
        message: `${from} lies below ${to} and must not import ${edge.to}`,
      });
    } else if (toRank === fromRank) {
      between.set(`${from} ${to}`, edge);
    }
  }
  // Peers may build on each other in one direction.
  for (const [pair, edge] of between) {
    const [from = "", to = ""] = pair.split(" ");
    const back = between.get(`${to} ${from}`);
    if (back !== undefined && from < to) {
      violations.push({ rule: "layer", at: edge.at, message: `${from} and ${to} import each other (see ${back.at})` });
    }
  }
}

/**
 * What a cycle endangers is the order in which files are evaluated. Types are gone by then, and a lazy import() comes
 * later; across modules, {@link checkLayers} counts both.
 */
function checkCycles(edges: readonly Edge[], violations: Violation[]): void {
  const graph = new Map<string, Edge[]>();
  for (const edge of edges) {
    if (edge.kind !== "static") continue;
    const known = graph.get(edge.from);
    if (known === undefined) graph.set(edge.from, [edge]);
    else known.push(edge);
  }
  const done = new Set<string>();
  const trail: Edge[] = [];
  const visit = (file: string): void => {
    if (done.has(file)) return;
    for (const edge of graph.get(file) ?? []) {
      const start = edge.to === file ? trail.length : trail.findIndex(({ from }) => from === edge.to);
      trail.push(edge);
      if (start === -1) visit(edge.to);
      else {
        const files = trail.slice(start).map(({ from }) => from);
        violations.push({ rule: "cycle", at: edge.at, message: [...files, edge.to].join(" → ") });
      }
      trail.pop();
    }
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
}
