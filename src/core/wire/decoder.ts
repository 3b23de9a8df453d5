import { ByteReader } from "./byte-reader.ts";
import { BUFFER_VIEW, nodeBuffer } from "./buffer-writer.ts";
import { Compiled, type ReadObject, sourceOfReader } from "./compiled.ts";
import type { CodecOptions, SharedObjects } from "./options.ts";
import { restoreField } from "./error-envelope.ts";
import { makeInstance, readError, readExotic, readFunction, readPreload } from "./function-reader.ts";
import { Refilled } from "./refilled.ts";
import { ReadShapes, type ReadShape } from "./shapes.ts";
import type { FunctionShipper } from "./shipper.ts";
import { portableStrings } from "./strings.ts";
import { Failed, Foreign, Unfinished, foreign } from "./unfinished.ts";
import * as tag from "./tags.ts";

/** The writer's deepest nesting, and room for what it does not count. */
const DEPTH_LIMIT = 2 * tag.DEPTH_LIMIT;

const NONE: readonly unknown[] = [];

/** Lengths up to this are believed of anybody. */
const FREE_CLAIM = 65_536;

interface PutOff {
  readonly target: object;
  readonly kind: number;
}

type ViewConstructor = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => ArrayBufferView;

const viewConstructors = tag.VIEW_NAMES.map((name) => (globalThis as never)[name] as ViewConstructor | undefined);

/** Reads one message at a time. Every count and length is checked against what is left before anything is made. */
export class Decoder extends ByteReader {
  readonly shipper: FunctionShipper;
  readonly #shared: SharedObjects;
  readonly #untrusted: boolean;
  readonly #shapes = new ReadShapes();
  readonly #compiled: Compiled<ReadObject>;

  readonly objects: Refilled<unknown> = new Refilled();
  readonly #messageShapes = new Refilled<ReadShape>();
  #putOff: PutOff[] = [];
  #attachments: readonly unknown[] = NONE;
  depth = 0;

  constructor(options: CodecOptions) {
    super(options.strings ?? portableStrings);
    this.shipper = options.shipper;
    this.#shared = options.shared;
    this.#untrusted = options.untrusted === true;
    this.#compiled = new Compiled(options.compile, sourceOfReader);
  }

  /** The message is the bytes from `start` to `end`. */
  readMessage(bytes: Uint8Array, start: number, end: number, attachments: readonly unknown[]): unknown {
    this.open(bytes, start, end);
    this.#attachments = attachments;
    const value = this.read();
    if (this.#putOff.length > 0) this.#fillPutOff(0);
    if (this.position !== this.end) throw this.corrupt("bytes are left over");
    return value;
  }

  clear(): void {
    this.close();
    this.objects.cut(0);
    this.#messageShapes.cut(0);
    if (this.#putOff.length > 0) this.#putOff = [];
    this.#attachments = NONE;
    this.depth = 0;
  }

  /** Gives back what the message held and nobody took over. */
  releaseRest(): void {
    for (const address of this.addresses) if (address !== undefined) this.#shared.release(address);
  }

  read(): unknown {
    const first = this.byte();
    if (first < 0x80) return first;
    if (first < tag.SHORT_STRING) return 0x7f - first;
    if (first < 0xc0) return this.shortString(first - tag.SHORT_STRING);
    return this.#readTagged(first);
  }

  register<T extends object>(object: T): T {
    this.objects.push(object);
    return object;
  }

  #readTagged(first: number): unknown {
    switch (first) {
      case tag.UNDEFINED:
      case tag.ABSENT:
        return undefined;
      case tag.NULL:
        return null;
      case tag.FALSE:
        return false;
      case tag.TRUE:
        return true;
      case tag.INT32:
        return this.int32();
      case tag.FLOAT64:
        return this.float64();
      case tag.BIGINT:
        return this.#readBigInt();
      case tag.LATIN1:
        return this.longLatin1();
      case tag.UTF16:
        return this.utf16();
      case tag.AGAIN:
        return this.#readAgain();
      case tag.SHARED:
        return this.#readShared();
      case tag.SHARED_VIEW:
        return this.#readSharedView();
      case tag.OBJECT_NEW_SHAPE:
      case tag.OBJECT_SHAPE:
        return this.#readPlain(first);
      case tag.OBJECT_LIST:
        return this.readFields(this.register({}), first);
      case tag.NULL_OBJECT:
        return this.readFields(this.register(Object.create(null) as object), this.byte());
      case tag.ARRAY:
      case tag.ARRAY_INT32:
      case tag.ARRAY_FLOAT64:
      case tag.ARRAY_SPARSE:
        return this.#readArray(this.register([]), first);
      case tag.MAP:
        return this.#readMap(this.register(new Map()));
      case tag.SET:
        return this.#readSet(this.register(new Set()));
      case tag.DATE:
        return this.register(new Date(this.float64()));
      case tag.REGEXP: {
        const source = this.string();
        return this.register(new RegExp(source, this.string()));
      }
      case tag.BOXED:
        return this.#readBoxed();
      case tag.ARRAY_BUFFER:
        return this.register(this.raw().buffer);
      case tag.RESIZABLE_BUFFER:
        return this.#readResizable();
      case tag.WHOLE_VIEW: {
        const number = this.byte();
        const { buffer } = this.raw();
        this.register(buffer);
        return this.register(this.#makeView(number, buffer, 0, undefined));
      }
      case tag.VIEW:
        return this.#readView();
      case tag.NODE_BUFFER: {
        const bytes = this.raw();
        return this.register(nodeBuffer?.from(bytes.buffer, 0, bytes.length) ?? bytes);
      }
      case tag.ATTACHMENT: {
        const attachment = this.#attachments[this.varint()];
        if (typeof attachment !== "object" || attachment === null) throw this.corrupt("an attachment is missing");
        return this.register(attachment);
      }
      case tag.FUNCTION:
        return readFunction(this, false);
      case tag.PRELOAD:
        return readPreload(this);
      case tag.INSTANCE:
        return this.readFields(this.register(makeInstance(this)), this.byte());
      case tag.EXOTIC_INSTANCE:
        return readExotic(this);
      case tag.ERROR:
        return readError(this);
      case tag.PUT_OFF:
        return this.#readPutOff();
      default:
        throw this.corrupt(`unknown tag ${first}`);
    }
  }

  deeper(): void {
    if (++this.depth > DEPTH_LIMIT) throw this.corrupt("it is nested too deeply");
  }

  #readBigInt(): bigint {
    const negative = this.byte() === 1;
    const digits = this.string();
    if (!/^[0-9a-f]+$/.test(digits)) throw this.corrupt("a bigint is malformed");
    const value = BigInt(`0x${digits}`);
    return negative ? -value : value;
  }

  #readAgain(): unknown {
    return this.objectAt(this.varint());
  }

  objectAt(number: number): unknown {
    if (number >= this.objects.length) throw this.corrupt("it refers to an object that is not there");
    const object = this.objects.at(number);
    if (object instanceof Unfinished) return foreign(() => object.revived.make());
    if (object instanceof Failed) throw new Foreign(object.failure);
    return object;
  }

  #readShared(): unknown {
    return this.register(this.#attachNext());
  }

  #attachNext(): object {
    const index = this.varint();
    const address = this.addresses[index];
    if (address === undefined) throw this.corrupt("a shared object is missing");
    // From here on the reference is the handle's.
    this.addresses[index] = undefined;
    return foreign(() => this.#shared.attach(address));
  }

  #readSharedView(): unknown {
    const handle = this.#attachNext();
    const constructor = viewConstructors[this.byte()];
    const offset = this.varint();
    const length = this.varint();
    const { restoreView } = this.#shared;
    if (constructor === undefined || restoreView === undefined) throw this.corrupt("a view is of no known kind");
    return this.register(foreign(() => restoreView(handle, constructor, offset, length)));
  }

  /** The common case of {@link readFields}, without what others need. */
  #readPlain(kind: number): object {
    const shape = this.#readShape(kind);
    const run = this.#compiled.of(shape);
    if (run !== undefined) return run(this);
    const target: Record<string, unknown> = {};
    this.objects.push(target);
    this.deeper();
    const { keys } = shape;
    for (let i = 0; i < keys.length; i++) {
      if (!this.isAbsent()) target[keys[i] as string] = this.read();
    }
    this.depth--;
    return target;
  }

  /** Skips what stands for a property that there is not. */
  isAbsent(): boolean {
    if (this.peek() !== tag.ABSENT) return false;
    this.position++;
    return true;
  }

  readFields<T extends object>(target: T, kind: number): T {
    this.deeper();
    const inherits = Object.getPrototypeOf(target) !== Object.prototype;
    if (kind === tag.OBJECT_LIST) {
      const count = this.count(2);
      for (let i = 0; i < count; i++) {
        const key = this.string();
        this.#readField(target, key, key === "__proto__" || inherits);
      }
    } else {
      const { keys } = this.#readShape(kind);
      for (let i = 0; i < keys.length; i++) this.#readField(target, keys[i] as string, inherits);
    }
    this.depth--;
    return target;
  }

  #readField(target: object, key: string, guarded: boolean): void {
    if (this.peek() === tag.ABSENT) {
      this.position++;
      return;
    }
    const value = this.read();
    // Copied on by assignment, it would give the copy another prototype.
    if (this.#untrusted && key === "__proto__") return;
    // An assignment would run a setter of the class, or of Object.prototype itself.
    if (guarded && key in target) restoreField(target, key, value, true);
    else (target as Record<string, unknown>)[key] = value;
  }

  #readShape(kind: number): ReadShape {
    if (kind === tag.OBJECT_SHAPE) {
      const shape = this.#messageShapes.at(this.varint());
      if (shape === undefined) throw this.corrupt("a shape is missing");
      return shape;
    }
    if (kind !== tag.OBJECT_NEW_SHAPE) throw this.corrupt("fields were expected");
    const length = this.count(1);
    const start = this.position;
    const stop = start + length;
    let shape = this.#shapes.find(this.bytes, start, stop);
    if (shape === undefined) {
      const keys: string[] = [];
      const count = this.count(1);
      for (let i = 0; i < count; i++) {
        const key = this.string();
        if (key === "__proto__") throw this.corrupt("a key is not allowed");
        keys.push(key);
      }
      if (this.position !== stop) throw this.corrupt("a shape has the wrong length");
      shape = this.#shapes.remember(this.bytes, start, stop, keys);
    }
    this.position = stop;
    this.#messageShapes.push(shape);
    return shape;
  }

  #readArray(array: unknown[], kind: number): unknown[] {
    this.deeper();
    if (kind === tag.ARRAY) {
      const count = this.count(1);
      for (let i = 0; i < count; i++) {
        if (this.peek() === tag.ABSENT) this.position++;
        else array[i] = this.read();
      }
      if (array.length < count) array.length = count;
    } else if (kind === tag.ARRAY_INT32) {
      this.int32s(array);
    } else if (kind === tag.ARRAY_FLOAT64) {
      this.float64s(array);
    } else if (kind === tag.ARRAY_SPARSE) {
      this.#readSparse(array);
    } else {
      throw this.corrupt("an array was expected");
    }
    this.depth--;
    return array;
  }

  #readSparse(array: unknown[]): void {
    const length = this.varint();
    const count = this.count(2);
    this.#checkClaim(length, this.end - this.start);
    // The engine allocates for a length up to some millions; for this one it never does, and keeps to that.
    array.length = 0xffffffff;
    array.length = length;
    for (let i = 0; i < count; i++) {
      const key = this.read();
      if (typeof key !== "number" && typeof key !== "string") throw this.corrupt("a key of an array is malformed");
      if (key === "length") throw this.corrupt("a key of an array is malformed");
      this.#readField(array, key as string, true);
    }
  }

  /** A few bytes from elsewhere must not stand for millions of elements, which loops would then go through. */
  #checkClaim(length: number, paid: number): void {
    if (this.#untrusted && length > FREE_CLAIM && length > paid) {
      throw this.corrupt("a length is out of proportion");
    }
  }

  #readMap<M extends Map<unknown, unknown>>(map: M): M {
    this.deeper();
    const count = this.count(2);
    for (let i = 0; i < count; i++) {
      const key = this.read();
      Map.prototype.set.call(map, key, this.read());
    }
    this.depth--;
    return map;
  }

  #readSet<S extends Set<unknown>>(set: S): S {
    this.deeper();
    const count = this.count(1);
    for (let i = 0; i < count; i++) Set.prototype.add.call(set, this.read());
    this.depth--;
    return set;
  }

  #readBoxed(): object {
    // The box has its number before its content, which is no object.
    const slot = this.objects.length;
    this.objects.push(undefined);
    const value = this.read();
    if (value === null || value === undefined || typeof value === "object" || typeof value === "function") {
      throw this.corrupt("a boxed value is malformed");
    }
    const box = Object(value) as object;
    this.objects.replace(slot, box);
    return box;
  }

  #readResizable(): ArrayBuffer {
    const maxByteLength = this.varint();
    const bytes = this.rawView();
    this.#checkClaim(maxByteLength, bytes.length);
    const buffer = new ArrayBuffer(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return this.register(buffer);
  }

  #makeView(number: number, buffer: ArrayBufferLike, offset: number, length: number | undefined): ArrayBufferView {
    if (number === BUFFER_VIEW && nodeBuffer !== undefined) {
      return nodeBuffer.from(buffer, offset, length ?? buffer.byteLength - offset);
    }
    const constructor = viewConstructors[number === BUFFER_VIEW ? 0 : number];
    if (constructor === undefined) throw this.corrupt("it holds a view that does not exist here");
    return new constructor(buffer, offset, length);
  }

  #readView(): ArrayBufferView {
    const number = this.byte();
    this.deeper();
    const buffer = this.read();
    this.depth--;
    const offset = this.varint();
    const length = this.varint();
    return this.register(this.#makeView(number, buffer as ArrayBuffer, offset, length === 0 ? undefined : length - 1));
  }

  #readPutOff(): object {
    const kind = this.byte();
    const target = this.register(this.#makeShell(kind));
    this.#putOff.push({ target, kind });
    return target;
  }

  #makeShell(kind: number): object {
    switch (kind) {
      case tag.PUT_OFF_OBJECT:
        return {};
      case tag.PUT_OFF_NULL_OBJECT:
        return Object.create(null) as object;
      case tag.PUT_OFF_ARRAY:
        return [];
      case tag.PUT_OFF_MAP:
        return new Map();
      case tag.PUT_OFF_SET:
        return new Set();
      case tag.PUT_OFF_INSTANCE:
        return makeInstance(this);
      default:
        throw this.corrupt("a container is of no known kind");
    }
  }

  isolated<T>(read: () => T): T {
    const from = this.#putOff.length;
    const value = read();
    if (this.#putOff.length > from) this.#fillPutOff(from);
    return value;
  }

  #fillPutOff(from: number): void {
    const depth = this.depth;
    for (let i = from; i < this.#putOff.length; i++) {
      const { target, kind } = this.#putOff[i] as PutOff;
      const first = this.byte();
      if (Array.isArray(target)) this.#readArray(target, first);
      else if (kind === tag.PUT_OFF_MAP && first === tag.MAP) this.#readMap(target as Map<unknown, unknown>);
      else if (kind === tag.PUT_OFF_SET && first === tag.SET) this.#readSet(target as Set<unknown>);
      else this.readFields(target, first);
    }
    this.depth = depth;
    this.#putOff.length = from;
  }
}
