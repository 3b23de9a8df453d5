"""multiprocessing.Queue of CPython: nanoseconds for each item, integers and small objects."""
import multiprocessing as mp
import sys
import time


def consume(items, done, n):
    for _ in range(n):
        items.get()
    done.put(True)


if __name__ == "__main__":
    mp.set_start_method("spawn")
    n = int(sys.argv[1])
    for item in (7, {"id": 1, "name": "item", "ok": True}):
        items, done = mp.Queue(), mp.Queue()
        child = mp.Process(target=consume, args=(items, done, n))
        child.start()
        time.sleep(0.5)
        start = time.perf_counter_ns()
        for _ in range(n):
            items.put(item)
        done.get()
        print((time.perf_counter_ns() - start) / n)
        child.join()
