/**
 * A session as text: JSON, in which an object with one key that begins with `$` stands for what JSON has no form for.
 *
 * @module
 */

import { ValueError } from "../errors.ts";

/** Deeper than sessions are; a cycle is deeper than that. */
const DEEPEST = 100;

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

function refuse(path: string, what: string): never {
  throw new ValueError(`${path}: ${what} cannot be kept in a session`);
}

function encode(value: unknown, path: string, depth: number): Json {
  if (depth > DEEPEST) refuse(path, "what contains itself, or is nested so deeply,");
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? "-0" : String(value) };
    case "bigint":
      return { $bigint: String(value) };
    case "object":
      return value === null ? null : encodeObject(value, path, depth);
    default:
      return refuse(path, `a ${typeof value}`);
  }
}

function encodeObject(value: object, path: string, depth: number): Json {
  const each = (items: Iterable<unknown>): Json[] =>
    Array.from(items, (item, i) => encode(item, `${path}[${i}]`, depth + 1));
  if (Array.isArray(value)) return each(value.map((item: unknown) => (item === undefined ? null : item)));
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.getTime() };
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64url") };
  }
  if (value instanceof Map) return { $map: each(value) };
  if (value instanceof Set) return { $set: each(value) };
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && prototype !== Object.prototype) {
    refuse(path, `a ${(value.constructor as Function | undefined)?.name ?? "class instance"}`);
  }
  const result: { [key: string]: Json } = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined && key !== "__proto__") result[key] = encode(item, `${path}.${key}`, depth + 1);
  }
  const [only, ...others] = Object.keys(result);
  return only?.startsWith("$") && others.length === 0 ? { $object: result } : result;
}

function decodeObject(json: { [key: string]: Json }): unknown {
  const [only, ...others] = Object.keys(json);
  if (only?.startsWith("$") && others.length === 0) {
    const inner = json[only]!;
    switch (only) {
      case "$number":
        return Number(inner);
      case "$bigint":
        return BigInt(inner as string);
      case "$date":
        return new Date(inner === null ? Number.NaN : (inner as number));
      case "$bytes":
        return new Uint8Array(Buffer.from(inner as string, "base64url"));
      case "$map":
        return new Map((inner as Json[]).map((pair) => decode(pair) as [unknown, unknown]));
      case "$set":
        return new Set((inner as Json[]).map(decode));
      case "$object":
        return decodeFields(inner as { [key: string]: Json });
    }
  }
  return decodeFields(json);
}

function decodeFields(json: { [key: string]: Json }): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(json)) if (key !== "__proto__") result[key] = decode(item);
  return result;
}

function decode(json: Json): unknown {
  if (typeof json !== "object" || json === null) return json;
  return Array.isArray(json) ? json.map(decode) : decodeObject(json);
}

/** Errors: `ValueError` naming the key whose value has no form. */
export function encodeSession(data: Readonly<Record<string, unknown>>): string {
  const fields: { [key: string]: Json } = {};
  for (const [key, item] of Object.entries(data)) {
    if (item !== undefined) fields[key] = encode(item, `session.${key}`, 0);
  }
  return JSON.stringify(fields);
}

/** Throws if it is not the text of a session. */
export function decodeSession(text: string): Record<string, unknown> {
  const json = JSON.parse(text) as Json;
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new SyntaxError("not a session");
  return decodeFields(json);
}
