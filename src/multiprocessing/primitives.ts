/**
 * Locks, queues and data that processes share: the classes of heddle/threading, heddle/queue and heddle/shared in the
 * memory of processes. They have the same methods and rules, and work between the threads of one process as well.
 *
 * @module
 */

import { TAG } from "../core/layout.ts";
import { LifoQueue as ThreadLifoQueue } from "../queue/lifo-queue.ts";
import { PriorityQueue as ThreadPriorityQueue } from "../queue/priority-queue.ts";
import { Queue as ThreadQueue } from "../queue/queue.ts";
import { SimpleQueue as ThreadSimpleQueue } from "../queue/simple-queue.ts";
import { SharedArray as ThreadSharedArray } from "../shared/array.ts";
import { SharedMap as ThreadSharedMap } from "../shared/map.ts";
import { int32 } from "../shared/types.ts";
import { Value as ThreadValue } from "../shared/value.ts";
import { Barrier as ThreadBarrier } from "../threading/barrier.ts";
import { Condition as ThreadCondition } from "../threading/condition.ts";
import { Event as ThreadEvent } from "../threading/event.ts";
import { Lock as ThreadLock } from "../threading/lock.ts";
import { RLock as ThreadRLock } from "../threading/rlock.ts";
import { RWLock as ThreadRWLock } from "../threading/rwlock.ts";
import { BoundedSemaphore as ThreadBoundedSemaphore, Semaphore as ThreadSemaphore } from "../threading/semaphore.ts";
import { inProcesses } from "./domain.ts";

/** As `Lock` of heddle/threading, between processes. Any process may release it. */
export class Lock extends ThreadLock {}

/** As `RLock` of heddle/threading: owned by one thread of one process, or a task of it. */
export class RLock extends ThreadRLock {}

/** As `RWLock` of heddle/threading, between processes. */
export class RWLock extends ThreadRWLock {}

/** As `Condition` of heddle/threading, between processes. Its lock is a lock of this module. */
export class Condition extends ThreadCondition {}

/** As `Semaphore` of heddle/threading, between processes. */
export class Semaphore extends ThreadSemaphore {}

/** As `BoundedSemaphore` of heddle/threading, between processes. */
export class BoundedSemaphore extends ThreadBoundedSemaphore {}

/** As `Event` of heddle/threading, between processes. */
export class Event extends ThreadEvent {}

/** As `Barrier` of heddle/threading, between processes. Its action runs in one of them. */
export class Barrier extends ThreadBarrier {}

/** As `Queue` of heddle/queue, between processes. */
export class Queue<T = unknown> extends ThreadQueue<T> {}

/** Another name of {@link Queue}, which has `taskDone` and `join` already. */
export { Queue as JoinableQueue };

/** As `LifoQueue` of heddle/queue, between processes. */
export class LifoQueue<T = unknown> extends ThreadLifoQueue<T> {}

/** As `PriorityQueue` of heddle/queue, between processes. */
export class PriorityQueue<T = unknown> extends ThreadPriorityQueue<T> {}

/** As `SimpleQueue` of heddle/queue, between processes. */
export class SimpleQueue<T = unknown> extends ThreadSimpleQueue<T> {}

/** As `Value` of heddle/shared, between processes. */
export class Value<V extends number | bigint | boolean = number> extends ThreadValue<V> {}

/** As `SharedArray` of heddle/shared, between processes. */
export class SharedArray<V extends number | bigint | boolean = number> extends ThreadSharedArray<V> {}

/** As `SharedMap` of heddle/shared, between processes. */
export class SharedMap<K extends string | number = string, V = unknown> extends ThreadSharedMap<K, V> {}

inProcesses(Lock.prototype, TAG.lock, () => new Lock());
inProcesses(RLock.prototype, TAG.rlock, () => new RLock());
inProcesses(RWLock.prototype, TAG.rwlock, () => new RWLock());
inProcesses(Condition.prototype, TAG.condition, () => new Condition());
inProcesses(Semaphore.prototype, TAG.semaphore, () => new Semaphore());
inProcesses(BoundedSemaphore.prototype, TAG.boundedSemaphore, () => new BoundedSemaphore());
inProcesses(Event.prototype, TAG.event, () => new Event());
inProcesses(Barrier.prototype, TAG.barrier, () => new Barrier(1));
inProcesses(Queue.prototype, TAG.queue, () => new Queue());
inProcesses(LifoQueue.prototype, TAG.lifoQueue, () => new LifoQueue());
inProcesses(PriorityQueue.prototype, TAG.priorityQueue, () => new PriorityQueue());
inProcesses(SimpleQueue.prototype, TAG.simpleQueue, () => new SimpleQueue());
inProcesses(Value.prototype, TAG.value, () => new Value(int32));
inProcesses(SharedArray.prototype, TAG.array, () => new SharedArray(int32, 0));
inProcesses(SharedMap.prototype, TAG.map, () => new SharedMap());
