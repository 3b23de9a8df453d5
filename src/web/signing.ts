/**
 * Text that a client keeps and cannot change.
 *
 * ```
 *   payload . time . signature      all base64url; time: seconds since 1970, base 36
 *   signature = HMAC-SHA256(key, payload "." time),   key = HMAC-SHA256(secret, salt)
 * ```
 *
 * The layout is that of Python's itsdangerous, with SHA-256 in place of SHA-1.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";

export type Secret = string | Uint8Array;

/** How far another machine's clock may be ahead. Seconds. */
const CLOCK_SKEW = 60;

function hmac(key: Secret, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

export class Signer {
  /** The first signs; all verify. */
  readonly #keys: readonly Buffer[];

  constructor(secrets: readonly Secret[], salt: string) {
    this.#keys = secrets.map((secret) => hmac(secret, salt));
  }

  sign(payload: string, now: number = Date.now()): string {
    const text = `${payload}.${Math.floor(now / 1000).toString(36)}`;
    return `${text}.${hmac(this.#keys[0]!, text).toString("base64url")}`;
  }

  /** The payload, if it was signed with one of the keys and not before `maxAge` milliseconds. */
  unsign(signed: string, maxAge: number, now: number = Date.now()): string | undefined {
    const last = signed.lastIndexOf(".");
    const middle = signed.lastIndexOf(".", last - 1);
    if (middle <= 0) return undefined;
    const text = signed.slice(0, last);
    const signature = Buffer.from(signed.slice(last + 1), "base64url");
    // Every key is tried, whichever fits: how long it takes tells nothing.
    let genuine = false;
    for (const key of this.#keys) {
      const expected = hmac(key, text);
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) genuine = true;
    }
    if (!genuine) return undefined;
    const time = Number.parseInt(signed.slice(middle + 1, last), 36);
    const age = Math.floor(now / 1000) - time;
    return age * 1000 <= maxAge && age >= -CLOCK_SKEW ? signed.slice(0, middle) : undefined;
  }
}
