/** Requests over connections of their own, so that they reach whichever worker the system chooses. */
import http, { type IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Options {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export function get(url: string, options: Options = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, headers, body } = options;
    // What Node's own client would refuse to send is part of what is tested.
    const call = http.request(url, { agent: false, method, headers, path: url.replace(/^http:\/\/[^/]+/, "") || "/" });
    call.once("error", reject).once("response", (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (chunk) => (text += chunk))
        .once("error", reject)
        .once("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    call.end(body);
  });
}

export async function getJson<T>(url: string, options?: Options): Promise<T> {
  return JSON.parse((await get(url, options)).text) as T;
}

/** Resolves, once `resolve` is called, with what it was called with. */
export function signal<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
