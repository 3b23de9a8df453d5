"""CPython's ThreadPoolExecutor: prints nanoseconds of one task among many in flight, and of one round trip, per round."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor


def noop():
    pass


def main(rounds, tasks, trips):
    with ThreadPoolExecutor(max_workers=2) as pool:
        pool.submit(noop).result()
        for _ in range(rounds):
            start = time.perf_counter_ns()
            for future in [pool.submit(noop) for _ in range(tasks)]:
                future.result()
            middle = time.perf_counter_ns()
            for _ in range(trips):
                pool.submit(noop).result()
            end = time.perf_counter_ns()
            print((middle - start) / tasks, (end - middle) / trips, flush=True)


main(*map(int, sys.argv[1:4]))
