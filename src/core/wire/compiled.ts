/**
 * Functions for objects with certain keys. A field whose name is in the code is read and written several times faster
 * than one whose key is in a variable, and an object that is written down whole is made at once.
 *
 * @module
 */

/** Makes a function from source text, where the platform may: `undefined` where it may not. */
export type Compile = (parameter: string, body: string) => Function | undefined;

/** What the function that writes fields needs of the encoder. */
export interface FieldWriter {
  write(value: unknown): void;
  absent(): void;
  failedAt(key: string, error: unknown): unknown;
}

/** What the function that makes an object needs of the decoder. */
export interface FieldReader {
  register<T extends object>(object: T): T;
  deeper(): void;
  depth: number;
  isAbsent(): boolean;
  read(): unknown;
}

export type WriteFields = (writer: FieldWriter, object: object) => void;
export type ReadObject = (reader: FieldReader) => object;

/** Keys met so often are worth a function. */
const WORTH = 64;
/** So many functions, and no more: a program that makes keys up as it goes must not fill memory with them. */
const MOST = 256;

/** The functions of one encoder or decoder. */
export class Compiled<F extends WriteFields | ReadObject> {
  readonly #compile: Compile | undefined;
  readonly #source: (keys: readonly string[]) => string;
  #left = MOST;

  constructor(compile: Compile | undefined, source: (keys: readonly string[]) => string) {
    this.#compile = compile;
    this.#source = source;
  }

  /** Called for each object with those keys: the function, once it is worth making. */
  of(shape: { readonly keys: readonly string[]; met: number; run: F | undefined }): F | undefined {
    if (shape.met === WORTH) return shape.run;
    if (++shape.met === WORTH && this.#left > 0 && this.#compile !== undefined) {
      this.#left--;
      shape.run = this.#compile("keys", this.#source(shape.keys))?.(shape.keys) as F | undefined;
    }
    return undefined;
  }
}

/** A getter read before may have deleted a property. */
export function sourceOfWriter(keys: readonly string[]): string {
  const fields = keys.map((key, i) => {
    const name = JSON.stringify(key);
    return `i = ${i}; v = o[${name}]; if (v === undefined && !Object.hasOwn(o, ${name})) w.absent(); else w.write(v);`;
  });
  return `return (w, o) => { let i = 0, v; try { ${fields.join("\n")} } catch (e) { throw w.failedAt(keys[i], e); } };`;
}

/** The object has its number before its contents, which may refer to it. */
export function sourceOfReader(keys: readonly string[]): string {
  const names = keys.map((key) => JSON.stringify(key));
  const empty = names.map((name) => `${name}: undefined`).join(", ");
  const fields = names.map((name) => `if (r.isAbsent()) delete o[${name}]; else o[${name}] = r.read();`);
  return `return (r) => { const o = r.register({ ${empty} }); r.deeper(); ${fields.join("\n")} r.depth--; return o; };`;
}
