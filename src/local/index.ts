/**
 * heddle/local: objects that are other ones in each thread, task and context, and proxies to them.
 *
 * @module
 */

export { Local, type LocalConstructor, type LocalMembers } from "./local.ts";
export {
  getCurrentObject,
  isBound,
  LocalProxy,
  localProxy,
  type LocalProxyConstructor,
  type LocalProxyOptions,
  type ProxySource,
} from "./local-proxy.ts";
export { LocalStack } from "./local-stack.ts";
export { LocalManager, releaseLocal } from "./manager.ts";
