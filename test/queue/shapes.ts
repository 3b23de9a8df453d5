/** Things to send. @module */

export class Point {
  readonly x: number;
  readonly y: number;

  constructor(x: number, y: number) {
    this.x = x;
    this.y = y;
  }

  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}

export class OddError extends Error {
  readonly detail: number;

  constructor(message: string, detail: number) {
    super(message);
    this.name = "OddError";
    this.detail = detail;
  }
}

export function double(n: number): number {
  return 2 * n;
}
