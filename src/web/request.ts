/**
 * The request as `request` shows it.
 *
 * @module
 */

import { decode, parseCookies } from "./cookies.ts";
import type { HonoContext } from "./types.ts";

/** What the bindings of Hono's adapters say about the client. */
interface Bindings {
  readonly incoming?: {
    readonly headers?: { readonly cookie?: string };
    readonly socket?: { readonly remoteAddress?: string };
  };
}

/** Node's own object has it ready; Hono's adapter would make a Headers of it first. */
export function cookieHeader(raw: Request, context: HonoContext | undefined): string | null | undefined {
  const headers = (context?.env as Bindings | undefined)?.incoming?.headers;
  return headers === undefined ? raw.headers.get("cookie") : headers.cookie;
}

/**
 * The request that is being answered: a `Request`, and what Flask's has besides.
 *
 * Its body can be read more than once, by whichever method. For what wants a genuine `Request`, such as `fetch`, there is
 * {@link raw}.
 */
export class ContextRequest {
  /** The platform's own object. */
  readonly raw: Request;
  readonly #context: HonoContext | undefined;
  readonly #remoteAddr: string | undefined;
  #args: URLSearchParams | undefined;
  #cookies: Readonly<Record<string, string>> | undefined;
  #path: string | undefined;
  // The platform's own getters take longer than all that leads to them.
  #method: string | undefined;
  #url: string | undefined;
  #body: Promise<ArrayBuffer> | undefined;

  constructor(raw: Request, context: HonoContext | undefined, remoteAddr?: string) {
    this.raw = raw;
    this.#context = context;
    this.#remoteAddr = remoteAddr;
  }

  /** The query: `request.args.get("q")`. */
  get args(): URLSearchParams {
    if (this.#args === undefined) {
      const at = this.raw.url.indexOf("?");
      this.#args = new URLSearchParams(at === -1 ? "" : this.raw.url.slice(at).replace(/#.*$/, ""));
    }
    return this.#args;
  }

  /** The cookies, by name. */
  get cookies(): Readonly<Record<string, string>> {
    this.#cookies ??= Object.freeze(parseCookies(cookieHeader(this.raw, this.#context)));
    return this.#cookies;
  }

  /** The path, decoded. */
  get path(): string {
    this.#path ??= decode(this.raw.url.replace(/^[^:]+:\/\/[^/?#]*/, "").replace(/[?#].*$/, "") || "/");
    return this.#path;
  }

  /** The client's address, as the connection has it: behind a proxy, the proxy's. */
  get remoteAddr(): string | undefined {
    return this.#remoteAddr ?? (this.#context?.env as Bindings | undefined)?.incoming?.socket?.remoteAddress;
  }

  get method(): string {
    return (this.#method ??= this.raw.method);
  }

  get url(): string {
    return (this.#url ??= this.raw.url);
  }

  get headers(): Headers {
    return this.raw.headers;
  }

  /** Aborts when the client goes away. */
  get signal(): AbortSignal {
    return this.raw.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.raw.body as ReadableStream<Uint8Array> | null;
  }

  get bodyUsed(): boolean {
    return this.#body !== undefined || this.raw.bodyUsed;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    // Hono's own methods see the same body.
    this.#body ??= (this.#context?.req ?? this.raw).arrayBuffer();
    return this.#body;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  async json<T = unknown>(): Promise<T> {
    return JSON.parse(await this.text()) as T;
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.arrayBuffer()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type") ?? "";
    return await new Response(await this.arrayBuffer(), { headers: { "content-type": type } }).formData();
  }

  clone(): Request {
    return this.raw.clone();
  }

  /** A property. What is asked for most is asked for by name, which V8 turns into the getter's own code. */
  static read(request: ContextRequest | undefined, key: keyof ContextRequest): unknown {
    if (request === undefined) return undefined;
    switch (key) {
      case "args":
        return request.args;
      case "path":
        return request.path;
      case "method":
        return request.method;
      case "cookies":
        return request.cookies;
      case "url":
        return request.url;
      case "headers":
        return request.headers;
      default:
        return request[key];
    }
  }

  toString(): string {
    return `<Request ${this.method} ${this.url}>`;
  }
}

const own = Object.getOwnPropertyDescriptors(ContextRequest.prototype);
const known = new Set(Object.keys(own));
for (const name of Object.getOwnPropertyNames(Request.prototype)) {
  if (known.has(name) || name === "constructor") continue;
  Object.defineProperty(ContextRequest.prototype, name, {
    configurable: true,
    get(this: ContextRequest): unknown {
      const value = this.raw[name as keyof Request] as unknown;
      return typeof value === "function" ? (value as Function).bind(this.raw) : value;
    },
  });
}
// `request instanceof Request` is true, though its own brand is another's.
Object.setPrototypeOf(ContextRequest.prototype, Request.prototype);
