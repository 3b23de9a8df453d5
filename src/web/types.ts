/**
 * What users may declare, and what of Hono's types heddle needs.
 *
 * Structural, so that this package's declarations do not need Hono's: any version with these members will do.
 *
 * @module
 */

/**
 * What a session holds. Declare your keys to have them checked:
 *
 * ```ts
 * declare module "heddle/web" {
 *   interface Session {
 *     visits?: number;
 *   }
 * }
 * ```
 */
export interface Session {
  // oxlint-disable-next-line typescript/no-explicit-any -- what nobody has declared
  [key: string]: any;
}

/** What `g` holds. Declare your keys as those of {@link Session}. */
export interface Globals {
  // oxlint-disable-next-line typescript/no-explicit-any -- what nobody has declared
  [key: string]: any;
}

/** What `currentApp.config` holds. Declare your keys as those of {@link Session}. */
export interface Config {
  // oxlint-disable-next-line typescript/no-explicit-any -- what nobody has declared
  [key: string]: any;
}

/** Of Hono's request. */
export interface HonoRequest {
  readonly raw: Request;
  readonly path: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Of Hono's context. */
export interface HonoContext {
  readonly req: HonoRequest;
  readonly env: unknown;
  readonly error: Error | undefined;
  readonly finalized: boolean;
  get res(): Response;
  set res(response: Response | undefined);
  header: (name: string, value?: string, options?: { append?: boolean }) => void;
}

/** Of Hono's app. */
export interface HonoApp {
  readonly routes: readonly { readonly handler: unknown }[];
}

/** What `contexts()` makes: a middleware for `app.use`. */
export type ContextsMiddleware = (c: HonoContext, next: () => Promise<void>) => Promise<Response | void>;
