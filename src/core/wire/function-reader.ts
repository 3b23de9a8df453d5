import type { Decoder } from "./decoder.ts";
import { addNotes, createError, restoreField } from "./error-envelope.ts";
import { Failed, Foreign, Unfinished } from "./unfinished.ts";
import * as tag from "./tags.ts";

/** `lenient`: a function that cannot be restored is kept as such. */
export function readFunction(decoder: Decoder, lenient: boolean): unknown {
  const reference = decoder.references[decoder.varint()];
  if (reference === undefined) throw decoder.corrupt("a function's reference is missing");
  const count = decoder.count(1);
  const slot = decoder.objects.length;
  let entry: Unfinished | Failed;
  try {
    entry = new Unfinished(decoder.shipper.revive(reference));
  } catch (error) {
    if (!lenient) throw new Foreign(error);
    entry = new Failed(error);
  }
  decoder.objects.push(entry);
  decoder.deeper();
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(decoder.read());
  decoder.depth--;
  if (entry instanceof Failed) return entry;
  const { revived } = entry;
  try {
    revived.assign(values);
    const fn = revived.make();
    decoder.objects.replace(slot, fn);
    return fn;
  } catch (error) {
    if (!lenient) throw new Foreign(error);
    decoder.objects.replace(slot, new Failed(error));
    return undefined;
  }
}

export function readPreload(decoder: Decoder): unknown {
  if (decoder.byte() !== tag.FUNCTION) throw decoder.corrupt("a class was expected");
  decoder.deeper();
  decoder.isolated(() => readFunction(decoder, true));
  const value = decoder.read();
  decoder.depth--;
  return value;
}

export function prototypeOf(decoder: Decoder, number: number): object {
  const constructor = decoder.objectAt(number);
  if (typeof constructor !== "function") throw decoder.corrupt("a class was expected");
  const prototype: unknown = constructor.prototype;
  if (typeof prototype !== "object" || prototype === null) throw decoder.corrupt("a class was expected");
  return prototype;
}

export function makeInstance(decoder: Decoder): object {
  return Object.create(prototypeOf(decoder, decoder.varint())) as object;
}

export function readExotic(decoder: Decoder): object {
  const prototype = prototypeOf(decoder, decoder.varint());
  decoder.deeper();
  const object = decoder.isolated(() => decoder.read());
  if (typeof object !== "object" || object === null) throw decoder.corrupt("an instance is malformed");
  Object.setPrototypeOf(object, prototype);
  decoder.readFields(object, decoder.byte());
  decoder.depth--;
  return object;
}

export function readError(decoder: Decoder): object {
  const kind = decoder.byte();
  const name = decoder.string();
  let constructor: Function | Failed | undefined;
  if (kind === tag.ERROR_USER) {
    const number = decoder.varint();
    const known = decoder.objects.at(number);
    constructor = known instanceof Failed ? known : (decoder.objectAt(number) as Function);
  }
  const flags = decoder.byte();
  const notes: string[] = [];
  const error = createError(
    {
      kind,
      name,
      constructor_: constructor,
      message: flags & tag.ERROR_HAS_MESSAGE ? decoder.string() : undefined,
      stack: flags & tag.ERROR_HAS_STACK ? decoder.string() : undefined,
      ownName: flags & tag.ERROR_HAS_NAME ? decoder.string() : undefined,
    },
    notes,
  );
  if (error === undefined) throw decoder.corrupt("it names an error class that does not exist");
  decoder.register(error);
  decoder.deeper();
  for (;;) {
    const entry = decoder.byte();
    if (entry === tag.ENTRY_END) break;
    const key = decoder.string();
    const value = decoder.isolated(() => decoder.read());
    if (key !== "__proto__") restoreField(error, key, value, entry === tag.ENTRY_FIELD);
  }
  decoder.depth--;
  const count = decoder.count(1);
  for (let i = 0; i < count; i++) notes.push(decoder.string());
  addNotes(error, notes);
  return error;
}
