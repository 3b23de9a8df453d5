/** Reads one TypeScript file for the layer checker: what it imports, what it exports by default, which globals it uses. */
import { parseSync } from "vite";

export interface Import {
  /** As written; undefined for `import(expression)`. */
  readonly specifier: string | undefined;
  readonly kind: "static" | "type" | "dynamic";
  /** Imported names; `*` for all of them. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface Reference {
  readonly name: string;
  readonly line: number;
}

export interface SourceFile {
  readonly imports: readonly Import[];
  readonly defaultExports: readonly Reference[];
  /** Free names used as values: neither declared nor imported anywhere in the file. */
  readonly globals: readonly Reference[];
  /** Free names used as types. */
  readonly globalTypes: readonly Reference[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** The nodes directly below, each with the name of the field that holds it. */
function* children(node: Node): Generator<[Node, string]> {
  for (const [key, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) yield [child, key];
  }
}

function literal(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node.type !== "TemplateLiteral") return undefined;
  const quasis = node["quasis"] as readonly { value: { cooked: string } }[];
  return quasis.length === 1 ? quasis[0]?.value.cooked : undefined;
}

function nameOf(node: unknown): string {
  if (!isNode(node)) return "";
  return typeof node["name"] === "string" ? node["name"] : (literal(node) ?? "");
}

/** Fields in which an identifier is a mere label or key and refers to nothing. */
const labels = new Set([
  "LabeledStatement.label",
  "BreakStatement.label",
  "ContinueStatement.label",
  "MetaProperty.meta",
  "MetaProperty.property",
  "ImportSpecifier.imported",
  "ExportSpecifier.exported",
  "ImportAttribute.key",
  "ExportAllDeclaration.exported",
  "TSQualifiedName.right",
  "TSImportType.qualifier",
  "TSTypePredicate.parameterName",
  "TSNamedTupleMember.label",
  "TSEnumMember.id",
]);

/** Fields whose identifier is a key unless the node is `computed`. */
const keys = /^(Member|Property|Method|Accessor|TSAbstract|TSProperty|TSMethod)\w*\.(property|key)$/;

/** Fields that declare what they hold: a name, or a pattern of names. */
const declarations = new RegExp(
  `^(${[
    "VariableDeclarator.id",
    "(Function|Class|TSInterface|TSTypeAlias|TSEnum|TSModule|TSImportEquals)(Declaration|Expression).id",
    "TSDeclareFunction.id",
    "\\w*Function\\w*.params",
    "TS\\w*(Signature|Type|Signature\\w+).(params|parameters)",
    "CatchClause.param",
    "Import(|Default|Namespace)Specifier.local",
    "TSTypeParameter.name",
    "TSMappedType.key",
  ].join("|")})$`.replaceAll(".", "\\."),
);

const typeReferences = new Set([
  "TSTypeReference.typeName",
  "TSQualifiedName.left",
  "TSInterfaceHeritage.expression",
  "TSClassImplements.expression",
]);

function* boundNames(pattern: Node): Generator<string> {
  switch (pattern.type) {
    case "Identifier":
      yield nameOf(pattern);
      break;
    case "AssignmentPattern":
      yield* boundNames(pattern["left"] as Node);
      break;
    case "TSParameterProperty":
      yield* boundNames(pattern["parameter"] as Node);
      break;
    case "RestElement":
      yield* boundNames(pattern["argument"] as Node);
      break;
    case "ArrayPattern":
      for (const element of pattern["elements"] as readonly unknown[]) if (isNode(element)) yield* boundNames(element);
      break;
    case "ObjectPattern":
      for (const property of pattern["properties"] as readonly Node[]) {
        yield* boundNames(property.type === "Property" ? (property["value"] as Node) : property);
      }
      break;
  }
}

function importedNames(node: Node): string[] {
  const specifiers = (node["specifiers"] ?? []) as readonly Node[];
  return specifiers.map((specifier) => {
    if (specifier.type === "ImportDefaultSpecifier") return "default";
    if (specifier.type === "ImportNamespaceSpecifier") return "*";
    return nameOf(specifier.type === "ImportSpecifier" ? specifier["imported"] : specifier["local"]);
  });
}

function isTypeOnly(node: Node): boolean {
  if (node["importKind"] === "type" || node["exportKind"] === "type") return true;
  const specifiers = (node["specifiers"] ?? []) as readonly Node[];
  const kind = node.type === "ImportDeclaration" ? "importKind" : "exportKind";
  return specifiers.length > 0 && specifiers.every((specifier) => specifier[kind] === "type");
}

/** Parses a file. Throws if it is not valid TypeScript. */
export function readSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`);

  const imports: Import[] = [];
  const defaultExports: Reference[] = [];
  const used: Reference[] = [];
  const usedTypes: Reference[] = [];
  const declared = new Set<string>();
  const lineOf = (node: Node): number => text.slice(0, node.start).split("\n").length;

  const visit = (node: Node, parent: Node | undefined, key: string, ambient: boolean): void => {
    const place = parent === undefined ? "" : `${parent.type}.${key}`;
    // `declare const process: …` declares nothing: it claims a global.
    const isAmbient = ambient || node["declare"] === true;
    const at = (name: string): Reference => ({ name, line: lineOf(node) });
    const add = (specifier: string | undefined, kind: Import["kind"], names: readonly string[]): void => {
      imports.push({ specifier, kind, names, line: lineOf(node) });
    };

    switch (node.type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
      case "ExportNamedDeclaration": {
        const specifier = literal(node["source"]);
        const names = node.type === "ExportAllDeclaration" ? ["*"] : importedNames(node);
        if (specifier !== undefined) add(specifier, isTypeOnly(node) ? "type" : "static", names);
        break;
      }
      case "ImportExpression":
        add(literal(node["source"]), "dynamic", ["*"]);
        break;
      case "TSImportType":
        add(literal(node["source"]), "type", ["*"]);
        break;
      case "TSExternalModuleReference":
        add(literal(node["expression"]), "static", ["*"]);
        break;
      case "ExportDefaultDeclaration":
        defaultExports.push(at("default"));
        break;
      case "ExportSpecifier":
        if (nameOf(node["exported"]) === "default") defaultExports.push(at("default"));
        break;
      case "MemberExpression":
        // `globalThis.Atomics` is a use of `Atomics`.
        if (nameOf(node["object"]) === "globalThis") used.push(at(nameOf(node["property"])));
        break;
      case "Identifier": {
        if (labels.has(place) || (keys.test(place) && parent?.["computed"] !== true)) break;
        (typeReferences.has(place) ? usedTypes : used).push(at(nameOf(node)));
        break;
      }
    }

    if (declarations.test(place) && !isAmbient) for (const name of boundNames(node)) declared.add(name);
    for (const [child, field] of children(node)) {
      // The names of `export { a } from "b"` are b's.
      const foreign = node.type === "ExportSpecifier" && field === "local" && isNode(parent?.["source"]);
      if (!foreign) visit(child, node, field, isAmbient);
    }
  };
  visit(program as unknown as Node, undefined, "", false);

  const isFree = ({ name }: Reference): boolean => name !== "" && !declared.has(name);
  return { imports, defaultExports, globals: used.filter(isFree), globalTypes: usedTypes.filter(isFree) };
}
