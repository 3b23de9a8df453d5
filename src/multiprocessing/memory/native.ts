/**
 * What the operating system must do itself: map memory, wait on a word of it, make a pipe. Through koffi, which calls the
 * C library.
 *
 * @module
 */

import type koffi from "koffi";
import { OSError, RuntimeError } from "../../errors.ts";

type Koffi = typeof koffi;

/** Where memory is mapped in this process. */
export interface Region {
  readonly base: number;
  readonly bytes: number;
}

export interface Native {
  /** A file without a name, which exists for as long as some process has it open or mapped. */
  createAnonymousFile(label: string): number;
  map(descriptor: number, bytes: number): Region;
  /**
   * The first bytes of mapped memory as a buffer. V8 counts them as memory that it could win back: at some tens of
   * megabytes it collects garbage, and makes its caches small.
   */
  view(region: Region, bytes: number): ArrayBuffer;
  unmap(region: Region): void;
  /** Lets the memory go, while views of it may still be in use: they show private zeros until they are collected. */
  blank(region: Region): void;
  /** Gives a file without a name one. False: something of that name exists. */
  link(descriptor: number, path: string): boolean;
  /** Makes sure that so much of the file has room: touching a page that has none would kill the process. */
  reserve(descriptor: number, offset: number, bytes: number): void;
  /** Blocks while the word is `expected`, for at most that long. May wake for no reason. */
  wait(address: number, expected: number, milliseconds: number): void;
  wake(address: number, count: number): void;
  /** Has the calling process sent the signal when the thread that started it ends, however that ends. */
  dieWithParent(signal: "SIGKILL" | "SIGTERM"): void;
  /** The descriptors of a new pipe that does not block: what is read, what is written. */
  pipe(): readonly [read: number, write: number];
}

let found: Native | undefined;

/** Loaded when it is first needed. Errors: `RuntimeError` where processes cannot share memory. */
export function native(): Native {
  return (found ??= load());
}

function load(): Native {
  if (process.platform !== "linux" || !(process.arch in FUTEX)) {
    throw new RuntimeError(
      `heddle/multiprocessing shares memory between processes on Linux (x64, arm64); this is ${process.platform} ` +
        `${process.arch}. Use threads instead: heddle/threading has the same names.`,
    );
  }
  return linux(loadKoffi());
}

function loadKoffi(): Koffi {
  try {
    return process.getBuiltinModule("node:module").createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    throw new RuntimeError(
      "heddle/multiprocessing needs the package koffi, version 3, to call the operating system: npm install koffi.",
      { cause },
    );
  }
}

/** Number of the system call. */
const FUTEX = { x64: 202, arm64: 98 } as const;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_BLANK = 2 | 0x10 | 0x20 | 0x4000; // PRIVATE, FIXED, ANONYMOUS, NORESERVE
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const EINTR = 4;
const EEXIST = 17;
const MFD_CLOEXEC = 1;
const PR_SET_PDEATHSIG = 1;
const SIGNALS = { SIGKILL: 9, SIGTERM: 15 } as const;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

// Not imported: for an import, Node loads everything such a module could export.
const { getSystemErrorMap } = process.getBuiltinModule("node:util");

function linux(koffi: Koffi): Native {
  const library = koffi.load("libc.so.6");
  const memfdCreate = library.func("int memfd_create(const char *name, unsigned int flags)");
  const mmap = library.func(
    "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
  );
  const mmapAt = library.func(
    "intptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)",
  );
  const linkat = library.func("int linkat(int from, const char *old, int to, const char *path, int flags)");
  const munmap = library.func("int munmap(uintptr_t address, size_t length)");
  const fallocate = library.func("int posix_fallocate(int fd, int64_t offset, int64_t length)");
  const prctl = library.func(
    "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  );
  const makePipe = library.func("int pipe2(_Out_ int *fds, int flags)");
  const futex = library.func(
    "long syscall(long number, uintptr_t word, int operation, int value, const void *timeout)",
  );
  const number = FUTEX[process.arch as keyof typeof FUTEX];
  // struct timespec: seconds, nanoseconds.
  const timeout = new BigInt64Array(2);

  const failed = (what: string, errno: number): OSError => {
    const [code, text] = getSystemErrorMap().get(-errno) ?? [`error ${errno}`, "the system gave no reason"];
    const advice =
      code === "ENOSPC" || code === "ENOMEM"
        ? "There is no room left: free memory, raise the limit of the container or of /dev/shm, or share less."
        : "Check the limits of this process (ulimit -a).";
    return new OSError(`${what} failed with ${code}: ${text}. ${advice}`);
  };

  return {
    createAnonymousFile(label) {
      const descriptor = memfdCreate(label, MFD_CLOEXEC) as number;
      if (descriptor < 0) throw failed("Making shared memory", koffi.errno());
      return descriptor;
    },
    map(descriptor, bytes) {
      const base = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, descriptor, 0) as bigint;
      // MAP_FAILED is (void *) -1.
      if (BigInt.asIntN(64, base) === -1n) throw failed("Mapping shared memory", koffi.errno());
      return { base: Number(base), bytes };
    },
    view({ base }, bytes) {
      return koffi.view(BigInt(base), bytes) as ArrayBuffer;
    },
    unmap({ base, bytes }) {
      munmap(base, bytes);
    },
    blank({ base, bytes }) {
      mmapAt(base, bytes, PROT_READ_WRITE, MAP_BLANK, -1, 0);
    },
    link(descriptor, path) {
      if (linkat(AT_FDCWD, `/proc/self/fd/${descriptor}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW) === 0) return true;
      const errno = koffi.errno();
      if (errno === EEXIST) return false;
      throw failed(`Making ${path}`, errno);
    },
    reserve(descriptor, offset, bytes) {
      let errno: number;
      // A signal interrupts it, which then has done nothing.
      do errno = fallocate(descriptor, offset, bytes) as number;
      while (errno === EINTR);
      if (errno !== 0) throw failed(`Reserving ${bytes} bytes of shared memory`, errno);
    },
    wait(address, expected, milliseconds) {
      const seconds = Math.floor(milliseconds / 1000);
      timeout[0] = BigInt(seconds);
      timeout[1] = BigInt(Math.ceil((milliseconds - seconds * 1000) * 1e6));
      // Whatever it returns: a value that differs, a signal and the timeout all mean that the caller looks again.
      futex(number, address, FUTEX_WAIT, expected, timeout);
    },
    wake(address, count) {
      futex(number, address, FUTEX_WAKE, count, null);
    },
    dieWithParent(signal) {
      prctl(PR_SET_PDEATHSIG, SIGNALS[signal], 0, 0, 0);
    },
    pipe() {
      const descriptors = [0, 0];
      if (makePipe(descriptors, O_NONBLOCK | O_CLOEXEC) !== 0) throw failed("Making a pipe", koffi.errno());
      return descriptors as [number, number];
    },
  };
}
