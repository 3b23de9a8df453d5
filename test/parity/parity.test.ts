/** docs/python-parity.md says what is true: every name in it exists, and every name that exists is in it. @module */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as multiprocessing from "heddle/multiprocessing";
import * as asyncio from "heddle/asyncio";
import * as contextvars from "heddle/contextvars";
import * as local from "heddle/local";
import * as futures from "heddle/futures";
import * as queue from "heddle/queue";
import * as threading from "heddle/threading";
import * as web from "heddle/web";

const root: string = fileURLToPath(new URL("../../../", import.meta.url));
const text: string = readFileSync(path.join(root, "docs", "python-parity.md"), "utf8");

/** Python 3.14, `__all__` and the public members of its classes. */
const python: Record<string, readonly string[]> = {
  threading: [
    ..."get_ident active_count Condition current_thread enumerate main_thread TIMEOUT_MAX Event Lock RLock".split(" "),
    ..."Semaphore BoundedSemaphore Thread Barrier BrokenBarrierError Timer ThreadError setprofile settrace".split(" "),
    ..."local stack_size excepthook ExceptHookArgs getprofile gettrace get_native_id".split(" "),
    ..."setprofile_all_threads settrace_all_threads __excepthook__".split(" "),
    ...members("Thread", "start run join name getName setName ident native_id is_alive daemon isDaemon setDaemon"),
    ...members("Timer", "cancel"),
    ...members("Lock", "acquire release locked"),
    ...members("RLock", "acquire release locked"),
    ...members("Condition", "acquire release locked wait wait_for notify notify_all notifyAll"),
    ...members("Semaphore", "acquire release"),
    ...members("Event", "is_set isSet set clear wait"),
    ...members("Barrier", "wait reset abort parties n_waiting broken"),
  ],
  queue: [
    ..."Empty Full ShutDown Queue PriorityQueue LifoQueue SimpleQueue".split(" "),
    ...members("Queue", "put put_nowait get get_nowait qsize empty full maxsize task_done join shutdown"),
    ...members("Queue", "is_shutdown unfinished_tasks"),
    ...members("SimpleQueue", "put put_nowait get get_nowait qsize empty"),
  ],
  contextvars: [
    ..."Context ContextVar Token copy_context".split(" "),
    ...members("ContextVar", "name get set reset"),
    ...members("Token", "var old_value MISSING"),
    ...members("Context", "run copy get keys values items"),
  ],
  // Of concurrent.futures, with the error of its thread pools.
  futures: [
    ..."FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED CancelledError TimeoutError InvalidStateError".split(" "),
    ..."BrokenExecutor BrokenThreadPool Future Executor wait as_completed ProcessPoolExecutor".split(" "),
    ..."ThreadPoolExecutor InterpreterPoolExecutor".split(" "),
    ...members("Future", "cancel cancelled running done result exception add_done_callback"),
    ...members("Future", "set_running_or_notify_cancel set_result set_exception"),
    ...members("Executor", "submit map shutdown"),
  ],
  // Werkzeug 3.1.
  local: [
    ..."Local LocalStack LocalProxy LocalManager release_local".split(" "),
    ...members("LocalStack", "push pop top __call__"),
    ...members("LocalManager", "locals cleanup make_middleware middleware"),
    ...members("LocalProxy", "_get_current_object"),
  ],
  // Flask 3.1: contexts, session, and what an app does around a request.
  web: [
    ..."current_app g request session has_app_context has_request_context after_this_request Flask".split(" "),
    ..."copy_current_request_context stream_with_context AppContext RequestContext _AppCtxGlobals".split(" "),
    ..."SessionMixin appcontext_pushed appcontext_popped appcontext_tearing_down request_started".split(" "),
    ..."request_finished request_tearing_down got_request_exception".split(" "),
    ...members("Flask", "config secret_key session_interface app_context request_context test_request_context run"),
    ...members("Flask", "before_request after_request teardown_request teardown_appcontext before_first_request"),
    ...members("AppContext", "push pop g app"),
    ...members("RequestContext", "push pop copy match_request request session app"),
  ],
  // What its modules tasks, futures, timeouts, taskgroups, threads, runners, locks, queues and exceptions list, and of
  // events what those need.
  asyncio: [
    ..."Task create_task FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED wait wait_for as_completed sleep gather".split(
      " ",
    ),
    ..."shield ensure_future run_coroutine_threadsafe current_task all_tasks create_eager_task_factory".split(" "),
    ..."eager_task_factory Future wrap_future isfuture Timeout timeout timeout_at TaskGroup to_thread Runner run".split(
      " ",
    ),
    ..."Lock Event Condition Semaphore BoundedSemaphore Barrier Queue PriorityQueue LifoQueue QueueFull".split(" "),
    ..."QueueEmpty QueueShutDown BrokenBarrierError CancelledError InvalidStateError TimeoutError".split(" "),
    ..."iscoroutine iscoroutinefunction AbstractEventLoop BaseEventLoop get_running_loop get_event_loop".split(" "),
    ..."new_event_loop set_event_loop".split(" "),
    ...members("Task", "cancel cancelling uncancel get_name set_name cancelled done result exception get_coro"),
    ...members("Task", "add_done_callback remove_done_callback get_stack print_stack get_context"),
    ...members("Timeout", "when reschedule expired"),
    ...members("TaskGroup", "create_task"),
  ],
};

function members(type: string, names: string): string[] {
  return names.split(" ").map((name) => `${type}.${name}`);
}

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables under a heading, as far as the next one of the same or a higher level. */
function tableUnder(heading: string): Table {
  const start = text.indexOf(heading);
  assert.ok(start >= 0, `no heading ${heading}`);
  const lines = text.slice(start).split("\n").slice(1);
  const first = lines.findIndex((line) => line.startsWith("|"));
  const after = lines.findIndex((line, i) => i > first && !line.startsWith("|"));
  const [head, , ...rows] = lines.slice(first, after).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return { head: head!, rows };
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
}

interface Module {
  readonly name: string;
  readonly exports: Record<string, unknown>;
  readonly table: Table;
  readonly beyond: Table;
  /** The declarations of the module, one text for each file. */
  readonly declarations: Map<string, string>;
}

/** `folders`: where its declarations are, if not only in the folder of its name. */
function moduleOf(name: string, exports: Record<string, unknown>, folders: readonly string[] = [name]): Module {
  const heading = `## ${name}: `;
  const declarations = new Map(
    folders.flatMap((folder) =>
      readdirSync(path.join(root, "dist", "src", folder))
        .filter((file) => file.endsWith(".d.ts"))
        .map(
          (file) => [`${folder}/${file}`, readFileSync(path.join(root, "dist", "src", folder, file), "utf8")] as const,
        ),
    ),
  );
  const section = text.slice(text.indexOf(heading));
  const beyondAt = section.slice(section.indexOf("### Beyond Python"));
  return {
    name,
    exports,
    table: tableUnder(heading),
    beyond: tableUnder(beyondAt.slice(0, 200)),
    declarations,
  };
}

const modules: readonly Module[] = [
  moduleOf("threading", threading),
  moduleOf("queue", queue),
  moduleOf("futures", futures, ["futures", "executors"]),
  moduleOf("contextvars", contextvars),
  moduleOf("local", local),
  moduleOf("asyncio", asyncio),
  moduleOf("web", web),
];

/** Everything that can be imported from the module, types included. */
function exported({ declarations }: Module): Set<string> {
  const names = new Set<string>();
  const index = [...declarations].filter(([file]) => file.endsWith("/index.d.ts")).map(([, text]) => text);
  for (const [, list] of index.join("\n").matchAll(/export (?:type )?\{([^}]*)\}/g)) {
    for (const part of list!.split(",")) {
      const name = part
        .trim()
        .replace(/^type /, "")
        .replace(/^.* as /, "");
      if (name !== "") names.add(name);
    }
  }
  // Types that users may add to are declared in a file of their own.
  for (const [, file] of index.join("\n").matchAll(/export \* from "\.\/([\w-]+)\.\w+"/g)) {
    const own = [...declarations].find(([name]) => name.endsWith(`/${file}.d.ts`))![1];
    for (const [, name] of own.matchAll(/^export (?:interface|type) (\w+)/gm)) {
      names.add(name!);
    }
  }
  return names;
}

/** Members that only subclasses of heddle's own see. */
function hidden({ declarations }: Module): Set<string> {
  const names = new Set<string>();
  for (const declaration of declarations.values()) {
    for (const [, name] of declaration.matchAll(/^\s+protected (?:(?:static|readonly|get|abstract) )*(\w+)/gm))
      names.add(name!);
  }
  return names;
}

function isClass(value: unknown): value is { prototype: object } {
  // What a proxy stands for is nobody's export.
  if (value instanceof local.LocalProxy) return false;
  return typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
}

/** The class's own public members: methods, getters, and fields that its declaration has. */
function membersOf(module: Module, type: string): Set<string> {
  const value = module.exports[type];
  const names = new Set<string>();
  if (!isClass(value) || value.prototype instanceof Error) return names;
  for (const name of Object.getOwnPropertyNames(value.prototype)) names.add(name);
  for (const declaration of module.declarations.values()) {
    const body = new RegExp(`export declare class ${type}\\b[^{]*\\{([^]*?)^\\}`, "m").exec(declaration)?.[1];
    for (const [, name] of (body ?? "").matchAll(/^ {4}readonly (\w+)/gm)) names.add(name!);
  }
  for (const name of ["constructor", "toString", ...hidden(module)]) names.delete(name);
  return names;
}

function exists(module: Module, name: string): boolean {
  const [type, member] = name.split(".") as [string, string | undefined];
  if (member === undefined) return exported(module).has(type);
  const value = module.exports[type];
  if (!isClass(value)) return false;
  return member in value.prototype || membersOf(module, type).has(member);
}

for (const module of modules) {
  const { name, table, beyond } = module;
  const promised = [
    ...table.rows.flatMap((row) => namesIn(row[1]!)),
    ...beyond.rows.flatMap((row) => namesIn(row[0]!)),
  ];

  test(`${name}: the tables are there, and as they should be`, () => {
    assert.deepEqual(table.head, ["Python", "heddle", "Remarks"]);
    assert.deepEqual(beyond.head, ["heddle", "What it is"]);
    for (const row of table.rows) {
      assert.equal(row.length, 3, row.join(" | "));
      assert.ok(namesIn(row[0]!).length > 0, row.join(" | "));
      // A name that is left out says why.
      if (namesIn(row[1]!).length === 0) assert.ok(row[1] === "–" && row[2] !== "", row.join(" | "));
    }
  });

  test(`${name}: every name of Python's is in the table, once`, () => {
    const named = table.rows.flatMap((row) => namesIn(row[0]!));
    assert.deepEqual(named.toSorted(), python[name]!.toSorted());
  });

  test(`${name}: every name that the tables promise exists`, () => {
    assert.deepEqual(
      promised.filter((promise) => !exists(module, promise)),
      [],
    );
  });

  test(`${name}: every export and member is in the tables`, () => {
    const all = [...exported(module)];
    assert.ok(
      Object.keys(module.exports).every((key) => all.includes(key)),
      "an export that no declaration shows",
    );
    const inherited = new Map(all.map((type) => [type, membersOf(module, type)]));
    const missing = all.filter((type) => !promised.includes(type));
    for (const [type, own] of inherited) {
      const value = module.exports[type];
      const base = isClass(value) ? (Object.getPrototypeOf(value.prototype) as object | null) : null;
      for (const member of own) {
        // What overrides a member of another exported class is documented there.
        const overrides = base !== null && base !== Object.prototype && member in base;
        if (!overrides && !promised.includes(`${type}.${member}`)) missing.push(`${type}.${member}`);
      }
    }
    assert.deepEqual(missing, []);
  });
}

/**
 * heddle/multiprocessing is of several modules in Python: their names, and the classes that have
 * members of their own.
 */
const parts: Record<string, { readonly names: readonly string[]; readonly classes: Record<string, unknown> }> = {
  // Python 3.11, `__all__`, the classes of its pool, and the public members of all.
  multiprocessing: {
    names: [
      ..."Array AuthenticationError Barrier BoundedSemaphore BufferTooShort Condition Event JoinableQueue".split(" "),
      ..."Lock Manager Pipe Pool Process ProcessError Queue RLock RawArray RawValue Semaphore SimpleQueue".split(" "),
      ..."TimeoutError Value active_children allow_connection_pickling cpu_count current_process".split(" "),
      ..."freeze_support get_all_start_methods get_context get_logger get_start_method log_to_stderr".split(" "),
      ..."parent_process reducer set_executable set_forkserver_preload set_start_method".split(" "),
      ..."ThreadPool AsyncResult IMapIterator".split(" "),
      ...members("Process", "authkey close daemon exitcode ident is_alive join kill name pid run sentinel start"),
      ...members("Process", "terminate"),
      ...members("Lock", "acquire release"),
      ...members("RLock", "acquire release"),
      ...members("Condition", "acquire release wait wait_for notify notify_all"),
      ...members("Semaphore", "acquire release get_value"),
      ...members("Event", "is_set set clear wait"),
      ...members("Barrier", "wait reset abort parties n_waiting broken"),
      ...members("Queue", "put put_nowait get get_nowait qsize empty full close join_thread cancel_join_thread"),
      ...members("JoinableQueue", "task_done join"),
      ...members("SimpleQueue", "put get empty close"),
      ...members("Value", "value get_lock get_obj"),
      ...members("Array", "get_lock get_obj value raw"),
      ...members("Pool", "apply apply_async map map_async starmap starmap_async imap imap_unordered"),
      ...members("Pool", "close terminate join"),
      ...members("AsyncResult", "get wait ready successful"),
      ...members("IMapIterator", "next"),
    ],
    classes: {
      Process: multiprocessing.Process,
      Sentinel: multiprocessing.Sentinel,
      Pool: multiprocessing.Pool,
      AsyncResult: multiprocessing.AsyncResult,
      IMapIterator: multiprocessing.IMapIterator,
    },
  },
  "multiprocessing.connection": {
    names: [
      ..."Pipe Client Listener wait Connection".split(" "),
      ...members("Listener", "accept close address last_accepted"),
      ...members("Connection", "send recv poll send_bytes recv_bytes recv_bytes_into"),
      ...members("Connection", "close closed readable writable fileno"),
    ],
    // What every connection has, a pipe's end has.
    classes: { Listener: multiprocessing.Listener, Connection: multiprocessing.PipeConnection },
  },
  "multiprocessing.shared_memory": {
    names: [
      ..."SharedMemory ShareableList".split(" "),
      ...members("SharedMemory", "buf name size close unlink"),
      ...members("ShareableList", "count index format shm"),
    ],
    classes: { SharedMemory: multiprocessing.SharedMemory, ShareableList: multiprocessing.ShareableList },
  },
};

/** What the tables of a part say that heddle has. */
function promisedBy(part: string): string[] {
  const section = text.slice(text.indexOf(`## ${part}: `));
  const beyond = tableUnder(section.slice(section.indexOf("### Beyond Python")).slice(0, 200));
  return [
    ...tableUnder(`## ${part}: `).rows.flatMap((row) => namesIn(row[1]!)),
    ...beyond.rows.flatMap((row) => namesIn(row[0]!)),
  ];
}

/** The members of a class, with those of a base that users do not see. */
function ownMembers(type: { prototype: object }): string[] {
  const names: string[] = [];
  const ends: unknown[] = [Object.prototype, ...Object.values(multiprocessing).map((value) => protoOf(value))];
  const base = Object.getPrototypeOf(multiprocessing.Process.prototype) as object;
  let proto = type.prototype;
  do {
    names.push(...Object.getOwnPropertyNames(proto));
    proto = Object.getPrototypeOf(proto) as object;
  } while (proto !== base && !ends.includes(proto));
  return [...new Set(names)].filter((name) => !["constructor", "toString"].includes(name));
}

function protoOf(value: unknown): unknown {
  return typeof value === "function" ? (value.prototype as unknown) : undefined;
}

const processDeclarations: string = readFileSync(
  path.join(root, "dist", "src", "multiprocessing", "index.d.ts"),
  "utf8",
);
const processTypes: readonly string[] = [...processDeclarations.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(
  ([, all, list]) =>
    list!
      .split(",")
      .filter((name) => all !== undefined || name.trim().startsWith("type "))
      .map((name) => name.trim().replace(/^type /, "")),
);

for (const [name, { names, classes }] of Object.entries(parts)) {
  const table = tableUnder(`## ${name}: `);

  test(`${name}: every name of Python's is in the table, once; what is left out says why`, () => {
    assert.deepEqual(table.rows.flatMap((row) => namesIn(row[0]!)).toSorted(), names.toSorted());
    for (const row of table.rows) {
      assert.equal(row.length, 3, row.join(" | "));
      if (namesIn(row[1]!).length === 0) assert.ok(row[1] === "–" && row[2] !== "", row.join(" | "));
    }
  });

  test(`${name}: every name that the tables promise exists, and the classes' members are in them`, () => {
    const promised = promisedBy(name);
    const fields = new Set(["ShareableList.shm", "Sentinel.process"]);
    for (const promise of promised) {
      const [type, member] = promise.split(".") as [string, string | undefined];
      const value = classes[type] ?? (multiprocessing as Record<string, unknown>)[type];
      if (member === undefined) assert.ok(value !== undefined || processTypes.includes(type), promise);
      else assert.ok(member in (value as { prototype: object }).prototype || fields.has(promise), promise);
    }
    for (const [type, value] of Object.entries(classes)) {
      const own = ownMembers(value as { prototype: object });
      assert.deepEqual(
        own.filter((member) => !promised.includes(`${type}.${member}`)),
        [],
        type,
      );
    }
  });
}

test("multiprocessing: every export is in one of its tables", () => {
  const promised = new Set(Object.keys(parts).flatMap((part) => promisedBy(part)));
  const all = [...Object.keys(multiprocessing), ...processTypes];
  assert.deepEqual(
    all.filter((name) => !promised.has(name)),
    [],
  );
});

test("the differences: each with what Python does, what heddle does, and a table of three columns", () => {
  const { head, rows } = tableUnder("## Where heddle differs on purpose");
  assert.deepEqual(head, ["Python", "heddle", "Why"]);
  assert.ok(rows.length > 10);
  for (const row of rows) assert.ok(row.length === 3 && row[0] !== "" && row[1] !== "", row.join(" | "));
});
