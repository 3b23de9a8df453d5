"""CPython's executors: prints nanoseconds of one task among many in flight, and of one round trip, per round.

    python3 executors.py threads|processes ROUNDS TASKS TRIPS
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor


def noop():
    pass


def main(executor, rounds, tasks, trips):
    with executor(max_workers=2) as pool:
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


if __name__ == "__main__":
    kinds = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}
    main(kinds[sys.argv[1]], *map(int, sys.argv[2:5]))
