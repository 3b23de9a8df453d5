// Imports nothing: what it is given, it knows only as a type.
export function plain(object: object): string {
  return String(object);
}
