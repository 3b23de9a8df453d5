"""multiprocessing.Queue of CPython: prints nanoseconds for each item.

    python3 mp_queue.py integers|objects ITEMS
"""

import multiprocessing as mp
import sys
import time


def consume(items, ready, done, n):
    ready.set()
    for _ in range(n):
        items.get()
    done.set()


if __name__ == "__main__":
    mp.set_start_method("spawn")
    item = 7 if sys.argv[1] == "integers" else {"id": 1, "name": "item", "ok": True}
    n = int(sys.argv[2])
    items, ready, done = mp.Queue(), mp.Event(), mp.Event()
    child = mp.Process(target=consume, args=(items, ready, done, n))
    child.start()
    ready.wait()
    start = time.perf_counter_ns()
    for _ in range(n):
        items.put(item)
    done.wait()
    print((time.perf_counter_ns() - start) / n)
    child.join()
