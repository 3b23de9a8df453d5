/**
 * Which asyncio task runs, as a number; 0 outside of any. An RLock belongs to a thread or to one task of it. asyncio
 * replaces `task` when it is loaded.
 *
 * @module
 */

export const identity: { task(): number } = { task: () => 0 };
