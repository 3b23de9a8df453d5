import { writeBuffer, writeView } from "./buffer-writer.ts";
import type { Plan } from "./classify.ts";
import type { Encoder } from "./encoder.ts";
import { forEachEntry, forEachMember, getTime, mapSize, regExpSource, setSize, unbox } from "./intrinsics.ts";
import { Refusal, mapValueSegment } from "./refusal.ts";
import * as tag from "./tags.ts";

/** An object that a built-in class made. */
export function writeBuiltIn(encoder: Encoder, object: object, plan: Plan): void {
  const deep = encoder.isDeep;
  switch (plan.kind) {
    case "null-object":
      encoder.register(object);
      if (deep) return encoder.putOffShell(object, tag.PUT_OFF_NULL_OBJECT);
      encoder.byte(tag.NULL_OBJECT);
      return encoder.writeFields(object, Object.keys(object));
    case "array":
      if (!Array.isArray(object)) throw impostor(plan);
      return encoder.writePlainArray(object);
    case "map":
      confirm(plan, () => mapSize(object));
      encoder.register(object);
      return deep ? encoder.putOffShell(object, tag.PUT_OFF_MAP) : writeMap(encoder, object);
    case "set":
      confirm(plan, () => setSize(object));
      encoder.register(object);
      return deep ? encoder.putOffShell(object, tag.PUT_OFF_SET) : writeSet(encoder, object);
    case "date": {
      const time = confirm(plan, () => getTime(object));
      encoder.register(object);
      encoder.byte(tag.DATE);
      return encoder.float64(time);
    }
    case "regexp": {
      const source = confirm(plan, () => regExpSource(object));
      encoder.register(object);
      encoder.byte(tag.REGEXP);
      encoder.writeString(source);
      return encoder.writeString((object as RegExp).flags);
    }
    case "boxed": {
      const value = confirm(plan, () => unbox(object));
      encoder.register(object);
      encoder.byte(tag.BOXED);
      return encoder.write(value);
    }
    case "buffer":
      return writeBuffer(encoder, object as ArrayBuffer);
    case "shared-buffer":
      if (encoder.shared.isProgramMemory?.(object) === true) {
        throw new Refusal(
          "SharedArrayBuffer cannot be sent to another thread: it is the memory of the whole program; send the SharedArray, " +
            "or its data",
        );
      }
      return encoder.attach(object);
    case "copy":
      return encoder.attach(object);
    case "view":
      if (!ArrayBuffer.isView(object)) throw impostor(plan);
      return writeView(encoder, object);
    case "move":
      if (!encoder.isMoving(object)) {
        throw new Refusal(
          `${plan.name} cannot be copied to another thread, only moved: wrap the value in transfer(value, [it])`,
        );
      }
      encoder.transferList.push(object);
      return encoder.attach(object);
    default:
      throw new Refusal(`${plan.name} cannot be sent to another thread${plan.reason && `: ${plan.reason}`}`);
  }
}

function confirm<T>(plan: Plan, read: () => T): T {
  try {
    return read();
  } catch {
    throw impostor(plan);
  }
}

function impostor(plan: Plan): Refusal {
  return new Refusal(
    `${plan.name} cannot be sent to another thread: it inherits from a built-in class without being one ` +
      "(a Proxy, or made by Object.create)",
  );
}

export function writeMap(encoder: Encoder, map: object): void {
  // A getter inside may change the map: what is sent is the map as it was found, as with structured clone.
  const entries: unknown[] = [];
  forEachEntry(map, (value, key) => entries.push(key, value));
  encoder.byte(tag.MAP);
  encoder.varint(entries.length / 2);
  encoder.depth++;
  let i = 0;
  try {
    for (; i < entries.length; i++) encoder.write(entries[i]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw error.within(i % 2 === 0 ? `.keys()[${i / 2}]` : mapValueSegment(entries[i - 1]));
  }
  encoder.depth--;
}

export function writeSet(encoder: Encoder, set: object): void {
  const members: unknown[] = [];
  forEachMember(set, (member) => members.push(member));
  encoder.byte(tag.SET);
  encoder.varint(members.length);
  encoder.depth++;
  let i = 0;
  try {
    for (; i < members.length; i++) encoder.write(members[i]);
  } catch (error) {
    throw error instanceof Refusal ? error.within(`.values()[${i}]`) : error;
  }
  encoder.depth--;
}
