// As many processes as cores share out the square numbers among themselves.
// Python: for _ in range(cpu_count()): Process(target=work, args=(jobs, results)).start()
import { isMain } from "heddle";
import { cpuCount, Process, Queue } from "heddle/multiprocessing";

async function work(jobs: Queue<number>, results: Queue<{ n: number; square: number; pid: number }>): Promise<void> {
  // Ends when the queue was shut down and is empty.
  for await (const n of jobs) results.putNowait({ n, square: n * n, pid: process.pid });
}

export async function main(count = 20): Promise<void> {
  const [jobs, results] = [new Queue<number>(), new Queue<{ n: number; square: number; pid: number }>()];
  const workers = Array.from({ length: cpuCount() }, () =>
    new Process({ target: work, args: [jobs, results] }).start(),
  );
  for (let n = 0; n < count; n++) jobs.putNowait(n);
  jobs.shutdown();
  for (const worker of workers) await worker.join();

  const squares: number[] = [];
  while (!results.empty) {
    const { n, square } = results.getNowait();
    squares[n] = square;
  }
  console.log(`${workers.length} processes: ${squares.join(" ")}`);
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 20));
