/**
 * Which objects the platform itself clones or moves. The portable part knows the web's classes by their global names; a
 * host adds its own.
 *
 * @module
 */

import { nameOf } from "./intrinsics.ts";

/**
 * `copy`: the platform clones it. `move`: only if it is transferred. `refuse`: never. `plain`: it is data of a class that
 * cannot be named, and arrives as a plain object with its fields, as structured clone has it.
 */
export type PlatformVerdict = "copy" | "move" | "refuse" | "plain";

export interface PlatformObjects {
  /**
   * Asked once per prototype for instances of classes. `undefined`: an ordinary class, sent by name and fields. Needed for
   * classes whose instances look ordinary but stand for something of this thread, such as Node's Socket.
   */
  judge(value: object): PlatformVerdict | undefined;
}

const COPIED: ReadonlySet<string> = new Set([
  "Blob",
  "File",
  "FileList",
  "CryptoKey",
  "ImageBitmap",
  "ImageData",
  "DOMMatrix",
  "DOMMatrixReadOnly",
  "DOMPoint",
  "DOMPointReadOnly",
  "DOMQuad",
  "DOMRect",
  "DOMRectReadOnly",
  "FileSystemHandle",
  "FileSystemFileHandle",
  "FileSystemDirectoryHandle",
  "RTCCertificate",
  "GPUCompilationInfo",
  "VideoFrame",
  "AudioData",
  "EncodedVideoChunk",
  "EncodedAudioChunk",
]);

const MOVED: ReadonlySet<string> = new Set([
  "MessagePort",
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "OffscreenCanvas",
  "MediaSourceHandle",
  "MediaStreamTrack",
  "RTCDataChannel",
]);

/** The verdict on instances of one of the platform's own global classes; `undefined` for any other class. */
export function judgeGlobalClass(constructor: Function): PlatformVerdict | undefined {
  const name = nameOf(constructor);
  const wasm = (globalThis as { WebAssembly?: { Module?: unknown } }).WebAssembly;
  if (name === "Module" && wasm !== undefined && wasm.Module === constructor) return "copy";
  const known = COPIED.has(name) ? "copy" : MOVED.has(name) ? "move" : undefined;
  if (known === undefined) return undefined;
  return (globalThis as Record<string, unknown>)[name] === constructor ? known : undefined;
}
