// Twelve images in a queue, two workers. Each takes the next image until the queue is empty, then stops.
// Python: while not queue.empty(): image = queue.get_nowait()
import { isMain } from "heddle";
import { Empty, Queue } from "heddle/queue";
import { currentThread, spawn } from "heddle/threading";

/** A grey image: one byte per pixel, 0 is black and 255 white. */
export interface Image {
  name: string;
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** A white disc on black, with specks of dust everywhere. */
export function dustyDisc(name: string, radius: number): Image {
  const [width, height] = [640, 480];
  const pixels = new Uint8Array(width * height);
  let random = radius;
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const dust = random >>> 16 < 0xffff * 0.02;
    const inside = Math.hypot(x - width / 2, y - height / 2) <= radius;
    pixels[i] = inside !== dust ? 255 : 0;
  }
  return { name, width, height, pixels };
}

/** Gives each pixel the mean of the 9 × 9 pixels around it. */
export function blur({ name, width, height, pixels }: Image): Image {
  const blurred = new Uint8Array(pixels.length);
  for (let y = 4; y < height - 4; y++) {
    for (let x = 4; x < width - 4; x++) {
      let sum = 0;
      for (let dy = -4; dy <= 4; dy++) {
        for (let dx = -4; dx <= 4; dx++) sum += pixels[(y + dy) * width + x + dx]!;
      }
      blurred[y * width + x] = sum / 81;
    }
  }
  return { name, width, height, pixels: blurred };
}

export function countBright(image: Image): number {
  return image.pixels.reduce((count, grey) => count + (grey > 127 ? 1 : 0), 0);
}

export function worker(images: Queue<Image>): number {
  let processed = 0;
  for (;;) {
    let image: Image;
    try {
      image = images.getNowait();
    } catch (error) {
      // Nothing is put any more once the workers run, so an empty queue means that the work is done.
      if (error instanceof Empty) return processed;
      throw error;
    }
    const area = countBright(blur(image));
    console.log(`${currentThread().name}: ${image.name}: the disc has ${area} pixels`);
    processed += 1;
  }
}

export async function main(count = 12): Promise<void> {
  const images = new Queue<Image>();
  for (let i = 1; i <= count; i++) images.putNowait(dustyDisc(`image ${i}`, 40 + 15 * i));

  const workers = [spawn(worker, images), spawn(worker, images)];
  const processed = [];
  for (const thread of workers) processed.push(await thread.join());
  console.log(`processed: ${processed.join(" + ")} = ${processed[0]! + processed[1]!}, queue empty: ${images.empty}`);
}

if (isMain(import.meta)) await main();
