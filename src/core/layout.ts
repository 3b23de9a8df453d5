/**
 * Where every shared word lives. Addresses are word indexes into the program's memory (byte offset / 4), so that one
 * positive int32 names any shared object and can travel in any ring, field or message.
 *
 * @module
 */

// ── The program's memory ────────────────────────────────────────────────────────────────────────────────────────────
//
//   page 0 ………… program words, table of thread records
//   page 1 … 4 … page map: one word for each 64 KiB page of up to 4 GiB
//   page 5 … ……… slabs of small blocks, and runs of whole pages

/** Words in a page (64 KiB). */
export const PAGE_WORDS = 16_384;
export const PAGE_SHIFT = 14;
export const MAX_PAGES = 65_536;

/** Program words (addresses). */
export const PROGRAM = {
  /** Tells a heddle memory from any other buffer. */
  magic: 0,
  version: 1,
  /** Guard of the page map, the central free lists and growth. */
  heapGuard: 2,
  /** Pages that exist, i.e. that the buffer was grown to. */
  pages: 3,
  /** Where the search for free pages starts. */
  pageHint: 4,
  /** Blocks in use and pages in use, for leak tests and the monitor. Approximate under concurrency. */
  largePages: 5,
  /** Guard of the thread table. */
  threadGuard: 8,
  /** Number of table entries ever used. */
  threadCount: 9,
  /** Where the search for a free table entry starts: entries are reused as late as possible. */
  threadHint: 10,
  /** First block of the list of threads that died abnormally. */
  deadList: 11,
  /** Grows by one with every abnormal death. */
  deathEpoch: 12,
  /** Numbers for default names: threads, executors. */
  threadNames: 14,
  executorNames: 15,
  /** Numbers for attachments; and how often the main thread was asked for some. */
  attachments: 16,
  attachmentRequests: 17,
  /** How often the main thread has answered: a worker sleeps on it. */
  attachmentReplies: 22,
  /** Guard of whoever reports a deadlock: one at a time, so that one of the waits ends and not all. */
  deadlockGuard: 18,
  /** In memory that processes share: guard of whoever buries those that were killed. */
  reaperGuard: 19,
  /** The descriptor of the memory that this process shares with others, plus 1; and the guard of whoever makes it. */
  processMemory: 20,
  processGuard: 21,
  /** There: which process made the memory, and when that began (clock ticks, low bits). */
  rootPid: 24,
  rootSince: 25,
  /** Where the memory that this process shares with others is mapped: low and high word, 0 if no thread has mapped it. */
  processBase: 26,
  /** First of the central free lists, one word a size class. */
  freeLists: 32,
  /** First entry of the thread table: addresses of thread records. */
  threadTable: 128,
  /** Record of the main thread, which must exist before anything can be allocated. */
  mainRecord: 8_192,
} as const;

export const MAGIC = 0x6865_6464; // "hedd"
export const VERSION = 1;

/** Entries of the thread table: how many threads can exist at once. */
export const MAX_THREADS = 4_096;
export const THREAD_BITS = 12;

export const PAGE_MAP: number = PAGE_WORDS;
export const FIRST_PAGE: number = 1 + MAX_PAGES / PAGE_WORDS;

// ── Thread record: one for each entry of the table, kept for ever and reused ─────────────────────────────────────────

export const RECORD = {
  /** Identity of the thread that uses the record; 0: nobody. */
  tid: 0,
  /** {@link THREAD_STATE}. */
  state: 1,
  /** {@link DOORBELL}. */
  doorbell: 2,
  /** Stack of granted async slots, linked through `SLOT.ready`. */
  ready: 3,
  /** List of all slots of the record, linked through `SLOT.chain`; grows only. */
  slots: 4,
  /** The slot of the thread's blocking waits. */
  syncSlot: 5,
  /** Not 0: cancellation was requested. Polled by CPU loops. */
  cancel: 6,
  /** Bits of {@link REQUEST} for the thread's owner to act on. */
  requests: 7,
  /** Identity of the thread that started this one. */
  parent: 8,
  /** Address of the block that lists the shared objects the thread holds. */
  held: 9,
  /** Address of the thread's shared object, without a reference. */
  object: 10,
  /** The thread's identity in the operating system, when known: for finding out that it is gone. */
  osThread: 11,
  /** 1: it ended abnormally, and the locks it holds have no owner any more; it may still be winding down. */
  orphaned: 12,
  /** Number and kind of the thread's stall; see raw/deadlock.ts. */
  stalled: 13,
  /** Block with what the thread says of itself when it stalls; made once, kept for ever. */
  account: 14,
  /** The stall for which a warning was given. */
  warned: 15,
  /** The thread's shared object, while the reference that its worker will take over is nobody's yet. */
  owed: 16,
  /** In memory that processes share: the thread's process, and when that began (clock ticks, low bits). */
  pid: 17,
  since: 18,
  /** There: the descriptor that rings the thread's event loop, plus 1, and the number of its file. 0: none yet. */
  bell: 19,
  bellFile: 20,
  /** There: 1 from when the thread ends in good order: what it held is given back by those who find it gone. */
  left: 21,
  /** 2 words a size class: local free list, length. */
  caches: 22,
} as const;

/**
 * ```
 *   silent ──ring──► rung (and wakes the event loop)        watched ──ring──► rung
 *      ▲               │                                       ▲ │
 *      └────drain──────┘                     silent ──expect───┘ └──nothing came for a while──► silent
 * ```
 * While the event loop looks at it on every turn, whoever rings is spared the wake-up.
 */
export const DOORBELL = { silent: 0, rung: 1, watched: 2 } as const;

export const SIZE_CLASSES = 40;
export const RECORD_WORDS: number = RECORD.caches + 2 * SIZE_CLASSES;

export const THREAD_STATE = { free: 0, starting: 1, running: 2, ended: 3, died: 4 } as const;

export const REQUEST = { terminate: 1 } as const;

// ── Waiter slot: one for each wait in progress ───────────────────────────────────────────────────────────────────────

export const SLOT = {
  /** {@link SLOT_STATE}; the futex word of blocking waits. */
  state: 0,
  next: 1,
  previous: 2,
  /** Address of the wait list the slot stands in; 0: none. */
  list: 3,
  /** The primitive that is waited on: its first word tells its type. */
  object: 4,
  /** Identity of the waiting thread. */
  tid: 5,
  /** 1: an event loop waits, 0: a blocked thread. */
  async: 6,
  /** What the granter gives: {@link GRANT}, or a number of the primitive's own. */
  value: 7,
  /** What the waiter asks for: permits, flags. */
  request: 8,
  /** Next in the ready stack. */
  ready: 9,
  /** Next of the record's slots. */
  chain: 10,
  /** Who granted, so that a wake-up lost with its granter can be told. */
  granter: 11,
  /** The cell that a putter brings or a getter is given. */
  payload: 12,
  /** How often in a row its thread spun in vain before it slept. */
  failures: 13,
} as const;

export const SLOT_WORDS = 16;

/**
 * ```
 *   free ──enqueue──► waiting ──grant──► granted ──consume──► free
 *                      │    ▲ └──cancel─► free
 *            interrupt ▼    │ resume
 *                   interrupted (still in the list: may be granted, or cancel)
 * ```
 * Enqueue, grant and cancel happen under the guard of the list, so exactly one of grant and cancel wins; `list` not 0
 * says that the slot still stands in it. Interrupt only makes a blocked thread look up: at a request, a cancellation.
 */
export const SLOT_STATE = { free: 0, waiting: 1, granted: 2, interrupted: 3 } as const;

export const GRANT = {
  /** What was waited for now belongs to the waiter. */
  done: 0,
  /** Try again: it was there when the wake-up was sent. */
  retry: -1,
  /** The lock's owner died. */
  ownerDied: -2,
  /** The barrier broke, the queue was shut down. */
  broken: -3,
  /** Not yet granted: `request` says which state of the queue means that it must be. See raw/queue.ts. */
  moving: -4,
  /** The item cannot be compared with those in the queue. */
  refused: -5,
  /** Nothing yet: the waiter stands in its list. */
  none: -6,
} as const;

// ── Wait list: three words inside a primitive ────────────────────────────────────────────────────────────────────────

export const LIST = { guard: 0, head: 1, tail: 2 } as const;
export const LIST_WORDS = 3;

// ── Shared objects: their first words ────────────────────────────────────────────────────────────────────────────────

export const OBJECT = {
  /** {@link TAG}. */
  tag: 0,
  /** References: handles in threads, and messages on their way. */
  references: 1,
} as const;
export const OBJECT_WORDS = 2;

/** Type tags, checked whenever an address is attached. */
export const TAG = {
  lock: 0x6c01,
  rlock: 0x6c02,
  condition: 0x6c03,
  semaphore: 0x6c04,
  boundedSemaphore: 0x6c05,
  event: 0x6c06,
  barrier: 0x6c07,
  queue: 0x6c08,
  thread: 0x6c09,
  process: 0x6c10,
  /** A queue whose cells belong to an executor. */
  ring: 0x6c0a,
  lifoQueue: 0x6c0b,
  priorityQueue: 0x6c0c,
  simpleQueue: 0x6c0d,
  rwlock: 0x6c0e,
  /** As a ring, in the order of priorities. */
  priorityRing: 0x6c0f,
  /** One end of a pipe; and the queue that carries what goes one way. */
  connection: 0x6c11,
  channel: 0x6c12,
  value: 0x6c20,
  array: 0x6c21,
  struct: 0x6c22,
  /** What the fields of a struct are: shared by all its instances. */
  structLayout: 0x6c23,
  map: 0x6c24,
  /** A value in a map, which readers keep while they decode it. */
  box: 0x6c25,
  /** What goes to another thread in place of an object that each has for itself. */
  passport: 0x6c30,
  /** A segment of memory with a name, and a list in one. */
  sharedMemory: 0x6c26,
  shareableList: 0x6c27,
} as const;

export const LOCK = {
  /** `tid << 2 | poisoned << 1 | waiters`; see raw/lock.ts. */
  word: 2,
  list: 3,
  /** RLock: the asyncio task that owns it, 0 for the thread itself; and how often it was acquired. */
  task: 6,
  depth: 7,
  /** Identity of the thread that was woken and has not tried again yet, or 0. */
  woken: 8,
} as const;
export const LOCK_WORDS = 9;

export const SEMAPHORE = {
  /** `permits << 2 | on its way << 1 | closed`; see raw/semaphore.ts. */
  word: 2,
  list: 3,
  /** The highest number of permits; -1: unbounded. */
  bound: 6,
  /** Identity of the thread that was woken and has not looked for a permit yet, or 0. */
  woken: 7,
} as const;
export const SEMAPHORE_WORDS = 8;

export const CONDITION = {
  list: 2,
  /** Address of the lock, holding a reference. */
  lock: 5,
} as const;
export const CONDITION_WORDS = 6;

export const EVENT = { flag: 2, list: 3 } as const;
export const EVENT_WORDS = 6;

export const BARRIER = {
  list: 2,
  parties: 5,
  /** {@link BARRIER_STATE}; see raw/barrier.ts. */
  state: 6,
  /** Grows with every round, reset and abort. */
  generation: 7,
  /** Who runs the action. */
  runner: 8,
  /** Default timeout in milliseconds; -1: none. */
  timeout: 9,
  /** Message of the action, or 0. */
  action: 10,
} as const;
export const BARRIER_STATE = { filling: 0, action: 1, broken: 2, releasing: 3 } as const;
export const BARRIER_WORDS = 11;

/** What gets change, what puts change and what hardly ever changes lie on cache lines of their own. */
export const QUEUE = {
  joiners: 2,
  /** Address of the ring: its mask, then the cells. */
  ring: 5,
  /** 0: unbounded. */
  maxsize: 6,
  /** 1: shut down; nothing can be put any more. */
  shut: 7,
  /** Identity of the thread that was woken for an item and has not looked yet, or 0. */
  woken: 8,
  /** Guard of the getters' end, and the first of the two that are the guard of the whole queue; see raw/ends.ts. */
  getters: 24,
  /** How many items were ever put, got, and reported done; they wrap. */
  gets: 27,
  /** What getters last saw of `puts`; never beyond it. */
  seenPuts: 28,
  done: 29,
  /** Not 0: a get must look at all of the queue. 0: no putter waits. */
  heedGets: 30,
  /** Of a ring: which thread looks for the next cell without sleeping; 0: none. See raw/lookout.ts. */
  lookout: 38,
  putters: 46,
  puts: 49,
  /** What putters last saw of `gets`; never beyond it. */
  seenGets: 50,
  /** {@link HEED}: must a put look at all of the queue? */
  heedPuts: 51,
} as const;
export const QUEUE_WORDS = 52;

export const HEED = {
  /** No: nobody waits, and the queue is not shut down. */
  nobody: 0,
  everybody: 1,
  /** Only if the queue is not empty: then there is an item already for the getter that is on its way. */
  ifFilled: 2,
} as const;

/** Addresses of the channels that an end of a pipe receives from and sends into, holding references; 0: none. */
export const CONNECTION = { reads: 2, writes: 3 } as const;
export const CONNECTION_WORDS = 4;

/** A PriorityQueue's own words, after those of a queue. */
export const PRIORITY = {
  /** Which counter is behind the list; see raw/priority.ts. */
  operation: 52,
  /** Message of the key or compare function, or 0. */
  function: 53,
  /** Address of the lock of those who compare items by the user's function, holding a reference; 0: keys are compared. */
  turn: 54,
  /** First nodes, one for each of so many levels. */
  heads: 55,
  levels: 12,
} as const;
export const PRIORITY_WORDS = 67;

export const RWLOCK = {
  /** `writer's tid << 1 | poisoned`; see raw/rwlock.ts. */
  word: 2,
  list: 3,
  /** Address of the table of readers, or 0. */
  readers: 6,
} as const;
export const RWLOCK_WORDS = 7;

export const THREAD = {
  /** {@link ENDED}, set once the outcome is there. Its list: those who join. As an event's. */
  flag: 2,
  list: 3,
  /** Identity, 0 before it starts. */
  tid: 6,
  /** Messages, or 0. What the thread is called. */
  name: 7,
  /** What it starts with: class, fields, target, arguments. */
  class: 8,
  state: 9,
  target: 10,
  args: 11,
  /** What it ended with: a value or an error, and the fields of its object then. */
  outcome: 12,
  fields: 13,
  /** Why it was cancelled. */
  reason: 14,
  /** 1: the process does not wait for it. */
  daemon: 15,
  /** 1: somebody took the outcome, or will: it is not for the excepthook. */
  joined: 16,
  /** 1: cancellation was requested. */
  cancelled: 17,
  /** 1: a pool's worker has come as far as taking tasks. */
  ready: 18,
  /** A Timer's: address of the event that stops it, holding a reference. 0 for any other thread. */
  timer: 19,
  /** 1: what it starts with is packed. Its worker may boot sooner, and then waits for that. */
  packed: 20,
  /** Message, or 0: the context it runs in. */
  context: 21,
} as const;
export const THREAD_MESSAGES: readonly number[] = [7, 8, 9, 10, 11, 12, 13, 14, 21];
/** Those that the thread itself takes when it starts. */
export const START_MESSAGES: readonly number[] = [8, 9, 10, 11, 21];
export const THREAD_WORDS = 22;
export const ENDED = { no: 0, returned: 1, threw: 2 } as const;

const OF_PROCESS: {
  readonly pid: number;
  readonly exit: number;
  readonly ended: number;
  readonly parent: number;
  readonly children: number;
  readonly owed: number;
} = {
  pid: THREAD_WORDS,
  /** Its exit code + {@link EXIT_BASE}, once it is known; 0: not yet. */
  exit: THREAD_WORDS + 1,
  /** {@link ENDED}: what its outcome is, left by itself. */
  ended: THREAD_WORDS + 2,
  /** Address of the parent's object, holding a reference; 0: the root process. */
  parent: THREAD_WORDS + 3,
  /** How many children it has started, for their names. */
  children: THREAD_WORDS + 4,
  /** 1: the reference that its own handle will have is nobody's yet. */
  owed: THREAD_WORDS + 5,
} as const;
/** A process: a thread's words, and its own. Its flag is set once the process is gone. */
export const PROCESS: typeof THREAD & typeof OF_PROCESS = { ...THREAD, ...OF_PROCESS };
export const PROCESS_WORDS: number = THREAD_WORDS + 6;
export const EXIT_BASE = 1024;

/** A task of an executor, from submit until its future is settled. Freed by the thread that submitted it. */
export const TASK = {
  /** {@link TASK_STATE}. */
  state: 0,
  /** Number of its future in the executor. */
  id: 1,
  /** Message of the function. */
  fn: 2,
  /** Cells: arguments, result or error. */
  args: 3,
  result: 4,
  /** {@link TASK_FLAG}. */
  flags: 5,
  /** Identity of the thread that runs it. */
  worker: 6,
  /** How long it ran, in microseconds. */
  elapsed: 7,
  /** Message of the reason for which it is asked to stop; 0: it may go on. Polled by its worker. */
  cancel: 8,
  /** Cell of the latest progress that it reported and nobody has taken in yet; 0: none. */
  progress: 9,
  /** Cell of the context to run in; 0: the worker's own. */
  context: 10,
} as const;
export const TASK_WORDS = 11;

/**
 * ```
 *   pending ──worker──► running ──worker──► done | failed
 *      │                   └──not stopped in time──► doomed: its worker must end
 *      └──taken back──► cancelled                (each by compareExchange: exactly one wins)
 * ```
 */
export const TASK_STATE = { pending: 0, running: 1, done: 2, failed: 3, cancelled: 4, doomed: 5 } as const;

export const TASK_FLAG = {
  /** The function's message is this task's own: it captured variables. */
  ownFunction: 1,
  /** The function's message lives as long as the program: workers may remember what it means. */
  interned: 2,
  /** The arguments are a list of items, each for one call. */
  chunk: 4,
  /** The items are lists of arguments. */
  star: 8,
  /** Items that have not begun need not. Set while the task runs. */
  skipRest: 16,
} as const;

// ── Shared data ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const VALUE = {
  /** Code of its data type. */
  type: 2,
  /** Address of its RLock, holding a reference; 0: nobody has asked for it yet. */
  lock: 3,
  /** One word, or two. At an even address, as are all blocks. */
  bits: 4,
} as const;
export const VALUE_WORDS = 6;

export const ARRAY = { type: 2, lock: 3, length: 4, first: 8 } as const;

export const STRUCT = {
  /** Address of the layout, holding a reference. */
  layout: 2,
  /** Message of the user's class, kept for as long as the program runs; 0: none. */
  class: 3,
  /** How many of the fields are shared objects. They come first. */
  nested: 4,
  first: 6,
} as const;

export const STRUCT_LAYOUT = {
  /** Message: the names and types of the fields. */
  fields: 2,
} as const;
export const STRUCT_LAYOUT_WORDS = 3;

export const MAP = {
  /** How many words of memory it may take; 0: unlimited. */
  limit: 2,
  /** {@link STRIPES} stripes, each in a cache line of its own. */
  first: 16,
} as const;
export const STRIPES = 16;
export const MAP_STRIPE = {
  guard: 0,
  /** Address of the table: its mask, then pairs of hash and entry. 0: none yet. */
  table: 1,
  /** Keys with a value. */
  live: 2,
  /** Places in the table that are not empty. */
  used: 3,
  /** Words taken by table, entries and values. */
  words: 4,
  /** Grows with every change. */
  version: 5,
} as const;
export const MAP_STRIPE_WORDS = 16;
export const MAP_WORDS: number = MAP.first + STRIPES * MAP_STRIPE_WORDS;

export const MAP_ENTRY = {
  hash: 0,
  /** `units << 2 | kind`; see raw/map-key.ts. */
  key: 1,
  /** 0: no value, only a key that somebody updates. */
  cell: 2,
  version: 3,
  /** Address of the key's lock, holding a reference; 0: it was never updated. */
  lock: 4,
  data: 5,
} as const;

export const BOX = { message: 2 } as const;
export const BOX_WORDS = 3;

export const PASSPORT = { message: 2 } as const;
export const PASSPORT_WORDS = 3;

export const SEGMENT = {
  /** Message: its name, size and file. */
  name: 2,
} as const;
export const SEGMENT_WORDS = 3;

export const SHAREABLE_LIST = {
  /** Address of the segment it is in, holding a reference. */
  segment: 2,
} as const;
export const SHAREABLE_LIST_WORDS = 3;
