/** A module that only workers load by themselves. @module */

export class OnlyThere {
  n: number;

  constructor(n: number) {
    this.n = n;
  }
}
