/**
 * What a server and its worker processes tell each other.
 *
 * @module
 */

/** What every thread of every worker process is told. */
export interface AppConfig {
  /** The module whose default export is the app. */
  readonly url: string;
  /** For requests that name no host, and for those who ask where the app listens. */
  readonly host: string;
  readonly accessLog: boolean;
  /** The path that says whether the worker is well. */
  readonly healthz: string | undefined;
}

/** Where a thread gets its connections from. */
export type Source =
  /** A socket that the server made and the process inherited. */
  | { readonly fd: number }
  /** node:cluster's primary hands them over. */
  | { readonly port: number };

/** How a worker stops. */
export interface Drain {
  /** Milliseconds that requests may still take. */
  readonly limit: number;
  /** Are connections closed that wait for a next request? If not, that request is answered before. */
  readonly closeIdle: boolean;
}

/** An error on its way from a worker process. */
export interface ErrorReport {
  readonly message: string;
  readonly stack: string | undefined;
}

export type ToWorker =
  | { readonly type: "start"; readonly config: AppConfig; readonly sources: readonly Source[] }
  | ({ readonly type: "drain" } & Drain);

export type FromWorker =
  /** It listens to what it is told. */
  | { readonly type: "begun" }
  /** Every thread listens. */
  | { readonly type: "ready" }
  /** The app could not be loaded, or a thread could not listen. */
  | { readonly type: "failed"; readonly error: ErrorReport }
  /** A thread ended that nobody had asked to. */
  | { readonly type: "lost"; readonly error: ErrorReport }
  /** No thread accepts connections any more. */
  | { readonly type: "stopped" }
  /** Nothing is left of it; the process ends. */
  | { readonly type: "end" };

export function reportOf(error: unknown): ErrorReport {
  if (!(error instanceof Error)) return { message: `threw ${String(error)}, which is not an Error`, stack: undefined };
  const cause = error.cause instanceof Error ? `\n  cause: ${error.cause.stack ?? error.cause.message}` : "";
  return { message: `${error.name}: ${error.message}`, stack: (error.stack ?? "") + cause };
}
