// Imports nothing: what it is given, it knows only as a type.
export function plain(object: { toString(): string }): string {
  return String(object);
}
