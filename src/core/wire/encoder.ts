import { writeArray } from "./array-writer.ts";
import { writeBuiltIn, writeMap, writeSet } from "./built-in-writer.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Classifier, type Plan } from "./classify.ts";
import { Compiled, sourceOfWriter, type WriteFields } from "./compiled.ts";
import { writeError } from "./error-envelope.ts";
import { writeFunction, writeInstance } from "./function-writer.ts";
import { nameOf } from "./intrinsics.ts";
import type { CodecOptions, SharedObjects } from "./options.ts";
import { Refusal, propertySegment } from "./refusal.ts";
import { Refilled } from "./refilled.ts";
import { WrittenShapes } from "./shapes.ts";
import type { FunctionShipper } from "./shipper.ts";
import { portableStrings } from "./strings.ts";
import * as tag from "./tags.ts";
import { consumeMark, markOf, marksOutstanding } from "./transfer.ts";

/** Up to this many objects, looking through a list beats a Map. */
const LINEAR = 10;

/** Where a part began that may have to be taken back. */
interface Checkpoint {
  readonly position: number;
  readonly objects: number;
  readonly shapes: number;
  readonly references: number;
  readonly addresses: number;
  readonly attachments: number;
  readonly transferList: number;
  readonly chunks: number;
}

/** Writes one message at a time. */
export class Encoder extends ByteWriter {
  readonly shipper: FunctionShipper;
  readonly shared: SharedObjects;
  readonly #classifier: Classifier;
  readonly #shapes = new WrittenShapes();
  readonly #compiled: Compiled<WriteFields>;

  references: string[] = [];
  addresses: number[] = [];
  attachments: unknown[] = [];
  transferList: unknown[] = [];
  chunks: Uint8Array[] = [];
  chunkBytes = 0;

  /** Every object written so far; its index is its number on the wire. */
  readonly #objects = new Refilled<object>();
  #index: Map<object, number> | undefined;
  readonly #messageShapes = new Refilled<{ message: number; number: number }>();
  #message = 0;
  depth = 0;
  /** Containers met too deep, whose contents come after the value they are part of. */
  #putOff: object[] = [];
  #moving: Set<object> | undefined;
  #marked: object[] = [];

  readonly #destination: CodecOptions["destination"];

  constructor(options: CodecOptions) {
    super(options.strings ?? portableStrings);
    this.shipper = options.shipper;
    this.shared = options.shared;
    this.#destination = options.destination;
    this.#classifier = new Classifier(options.platform);
    this.#compiled = new Compiled(options.compile, sourceOfWriter);
  }

  /** Leaves the message's body in the scratch buffer. Throws a {@link Refusal} or what a getter threw. */
  writeMessage(value: unknown): void {
    this.restart();
    this.#message++;
    this.byte(0);
    if (marksOutstanding()) this.#collectMarks(value);
    this.write(value);
    if (this.#putOff.length > 0) this.#writePutOff(0);
    for (const marked of this.#marked) consumeMark(marked);
  }

  /** Forgets the message, so that nothing of the program is held on to. */
  clear(): void {
    this.#objects.cut(0);
    this.#index = undefined;
    this.#messageShapes.cut(0);
    this.depth = 0;
    if (this.#putOff.length > 0) this.#putOff = [];
    this.#moving = undefined;
    if (this.#marked.length > 0) this.#marked = [];
    if (this.references.length > 0) this.references = [];
    if (this.addresses.length > 0) this.addresses = [];
    if (this.attachments.length > 0) this.attachments = [];
    if (this.transferList.length > 0) this.transferList = [];
    if (this.chunks.length > 0) this.chunks = [];
    this.chunkBytes = 0;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case "number":
        return this.writeNumber(value);
      case "string":
        return this.writeString(value);
      case "object":
        if (value === null) return this.byte(tag.NULL);
        return this.#writeObject(value);
      case "boolean":
        return this.byte(value ? tag.TRUE : tag.FALSE);
      case "undefined":
        return this.byte(tag.UNDEFINED);
      case "function":
        return writeFunction(this, value);
      case "bigint":
        return this.#writeBigInt(value);
      default:
        throw new Refusal(`${String(value)} cannot be sent to another thread: a symbol is unique to its thread`);
    }
  }

  /** The number of an object already written, or -1. */
  numberOf(object: object): number {
    if (this.#index !== undefined) return this.#index.get(object) ?? -1;
    return this.#objects.indexOf(object);
  }

  register(object: object): void {
    const objects = this.#objects;
    if (this.#index !== undefined) {
      this.#index.set(object, objects.length);
    } else if (objects.length >= LINEAR) {
      this.#index = new Map();
      for (let i = 0; i < objects.length; i++) this.#index.set(objects.at(i) as object, i);
      this.#index.set(object, objects.length);
    }
    objects.push(object);
  }

  /** Whether the object was written before; then a mention of it is written now. */
  writeAgain(object: object): boolean {
    const number = this.#objects.length === 0 ? -1 : this.numberOf(object);
    if (number < 0) return false;
    this.byte(tag.AGAIN);
    this.varint(number);
    return true;
  }

  #writeObject(object: object): void {
    if (this.writeAgain(object)) return;
    const prototype = Object.getPrototypeOf(object) as object | null;
    if (prototype === Object.prototype) return this.#writePlain(object);
    if (prototype === Array.prototype && Array.isArray(object)) return this.writePlainArray(object);
    this.#writeSpecial(object, prototype);
  }

  #writePlain(object: object): void {
    this.noteMark(object);
    this.register(object);
    if (this.isDeep) return this.putOffShell(object, tag.PUT_OFF_OBJECT);
    this.writeFields(object, Object.keys(object));
  }

  writePlainArray(array: unknown[]): void {
    this.noteMark(array);
    this.register(array);
    if (this.isDeep) return this.putOffShell(array, tag.PUT_OFF_ARRAY);
    this.depth++;
    writeArray(this, array);
    this.depth--;
  }

  putOffShell(object: object, kind: number): void {
    this.byte(tag.PUT_OFF);
    this.byte(kind);
    this.#putOff.push(object);
  }

  /** Fills what was put off since `from`; the list grows while it is worked through. */
  #writePutOff(from: number): void {
    const depth = this.depth;
    try {
      for (let i = from; i < this.#putOff.length; i++) {
        const object = this.#putOff[i] as object;
        this.depth = Math.min(depth, tag.PUT_OFF_DEPTH - 1);
        const prototype = Object.getPrototypeOf(object) as object | null;
        if (Array.isArray(object)) {
          this.depth++;
          writeArray(this, object);
          continue;
        }
        const { kind } = this.#classifier.planOf(prototype, object);
        if (kind === "map") writeMap(this, object);
        else if (kind === "set") writeSet(this, object);
        else this.writeFields(object, Object.keys(object));
      }
    } catch (error) {
      throw error instanceof Refusal ? error.cutLoose() : error;
    } finally {
      this.depth = depth;
      this.#putOff.length = from;
    }
  }

  /** Keys and values of an object that is already registered. */
  writeFields(object: object, keys: readonly string[]): void {
    const shape = this.#shapes.find(keys, this.#encodeKeys);
    if (shape === undefined) {
      this.byte(tag.OBJECT_LIST);
      this.varint(keys.length);
    } else if (shape.message === this.#message) {
      this.byte(tag.OBJECT_SHAPE);
      this.varint(shape.number);
    } else {
      shape.message = this.#message;
      shape.number = this.#messageShapes.length;
      this.#messageShapes.push(shape);
      this.byte(tag.OBJECT_NEW_SHAPE);
      this.varint(shape.bytes.length);
      this.writeBytes(shape.bytes);
    }
    this.depth++;
    const run = shape === undefined ? undefined : this.#compiled.of(shape);
    if (run === undefined) this.#writeEach(object, keys, shape === undefined);
    else run(this, object);
    this.depth--;
  }

  #writeEach(object: object, keys: readonly string[], withKeys: boolean): void {
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        const key = keys[i] as string;
        if (withKeys) this.writeString(key);
        const value: unknown = (object as Record<string, unknown>)[key];
        // A getter read before this one may have deleted the property.
        if (value === undefined && !Object.hasOwn(object, key)) this.absent();
        else this.write(value);
      }
    } catch (error) {
      throw this.failedAt(keys[i] as string, error);
    }
  }

  absent(): void {
    this.byte(tag.ABSENT);
  }

  /** What is thrown on from the value of a key. */
  failedAt(key: string, error: unknown): unknown {
    return error instanceof Refusal ? error.within(propertySegment(key)) : error;
  }

  readonly #encodeKeys = (keys: readonly string[]): Uint8Array => {
    const start = this.position;
    this.varint(keys.length);
    for (const key of keys) this.writeString(key);
    const bytes = this.bytes.slice(start, this.position);
    this.position = start;
    return bytes;
  };

  #writeSpecial(object: object, prototype: object | null): void {
    this.noteMark(object);
    const plan = this.#classifier.planOf(prototype, object);
    const { kind, constructor_: constructor } = plan;
    if (kind === "object" && constructor === undefined) return this.#writePlain(object);
    if (kind !== "null-object") {
      const address = this.shared.addressOf(object);
      if (address !== undefined) {
        this.register(object);
        this.byte(tag.SHARED);
        this.varint(this.addresses.length);
        this.addresses.push(address);
        return;
      }
    }
    if (kind === "error") return this.#writeErrorValue(object, plan);
    if (constructor !== undefined && kind !== "refuse" && kind !== "copy" && kind !== "move") {
      return writeInstance(this, object, plan, constructor);
    }
    writeBuiltIn(this, object, plan);
  }

  #writeBigInt(value: bigint): void {
    this.byte(tag.BIGINT);
    this.byte(value < 0n ? 1 : 0);
    // Hexadecimal is the one radix engines print and parse in linear time.
    this.writeString((value < 0n ? -value : value).toString(16));
  }

  /** Leaves the value to the platform. */
  attach(object: object): void {
    if (this.#destination !== undefined && this.#destination !== "thread") {
      throw new Refusal(
        `${nameOf(object.constructor)} cannot be sent to another ${this.#destination}: it belongs to this one`,
      );
    }
    this.register(object);
    this.byte(tag.ATTACHMENT);
    this.varint(this.attachments.length);
    this.attachments.push(object);
  }

  /** Is it all in the scratch buffer, without anything that goes along? */
  get isBare(): boolean {
    const { references, addresses, attachments, chunks } = this;
    return references.length === 0 && addresses.length === 0 && attachments.length === 0 && chunks.length === 0;
  }

  get isDeep(): boolean {
    return this.depth >= tag.PUT_OFF_DEPTH;
  }

  get objectCount(): number {
    return this.#objects.length;
  }

  deeper(): void {
    if (++this.depth > tag.DEPTH_LIMIT) {
      throw new Refusal("functions, errors or instances of built-in classes are nested too deeply to be sent");
    }
  }

  #writeErrorValue(object: object, plan: Plan): void {
    this.deeper();
    writeError(this, object as Error, plan);
    this.depth--;
  }

  /** Writes something together with all that it puts off, so that it can be taken back as a whole. */
  isolate(write: () => void): void {
    const from = this.#putOff.length;
    write();
    if (this.#putOff.length > from) this.#writePutOff(from);
  }

  /** Writes a value if it can be sent; if not, the message is as before. */
  attempt(write: () => void): Refusal | undefined {
    const start: Checkpoint = {
      position: this.position,
      objects: this.#objects.length,
      shapes: this.#messageShapes.length,
      references: this.references.length,
      addresses: this.addresses.length,
      attachments: this.attachments.length,
      transferList: this.transferList.length,
      chunks: this.chunks.length,
    };
    const depth = this.depth;
    const putOff = this.#putOff.length;
    try {
      this.isolate(write);
      return undefined;
    } catch (error) {
      this.depth = depth;
      this.#putOff.length = putOff;
      this.#takeBack(start);
      if (error instanceof Refusal) return error;
      return new Refusal(`reading it failed (${describeFailure(error)})`);
    }
  }

  #takeBack(start: Checkpoint): void {
    this.position = start.position;
    if (this.#index !== undefined) {
      for (let i = start.objects; i < this.#objects.length; i++) this.#index.delete(this.#objects.at(i) as object);
    }
    this.#objects.cut(start.objects);
    for (let i = start.shapes; i < this.#messageShapes.length; i++) {
      (this.#messageShapes.at(i) as { message: number }).message = 0;
    }
    this.#messageShapes.cut(start.shapes);
    this.references.length = start.references;
    for (let i = start.addresses; i < this.addresses.length; i++) this.shared.release(this.addresses[i] as number);
    this.addresses.length = start.addresses;
    this.attachments.length = start.attachments;
    this.transferList.length = start.transferList;
    for (let i = start.chunks; i < this.chunks.length; i++) this.chunkBytes -= (this.chunks[i] as Uint8Array).length;
    this.chunks.length = start.chunks;
  }

  /** Marks are found on the way down; those on the arguments themselves count for their neighbours too. */
  #collectMarks(root: unknown): void {
    for (const value of Array.isArray(root) ? [root, ...(root as unknown[])] : [root]) {
      if ((typeof value === "object" && value !== null) || typeof value === "function") this.noteMark(value);
    }
  }

  noteMark(object: object): void {
    if (marksOutstanding()) this.#noteMark(object);
  }

  #noteMark(object: object): void {
    const list = markOf(object);
    if (list === undefined || this.#marked.includes(object)) return;
    this.#marked.push(object);
    this.#moving ??= new Set();
    for (const item of list) this.#moving.add(item);
  }

  isMoving(object: object): boolean {
    return this.#moving !== undefined && this.#moving.has(object);
  }
}

/** What hostile getters throw may itself be hostile. */
function describeFailure(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return "with a value that cannot be shown";
  }
}
