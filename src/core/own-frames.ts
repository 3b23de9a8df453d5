/**
 * Which lines of a stack are heddle's own, so that messages can quote the user's.
 *
 * @module
 */

const PLACE = /\(?((?:file:\/\/|[/\\]|[A-Za-z]:[/\\]|webpack:|https?:)[^()]*:\d+:\d+)\)?$/;

/** The place that a line of a stack names: `file:line:column`. */
export function placeIn(line: string): string | undefined {
  return PLACE.exec(line.trim())?.[1];
}

/** True for places in heddle's own files. */
export function isOwnPlace(place: string): boolean {
  ownFolder ??= findOwnFolder();
  return ownFolder !== "" && withoutScheme(place).startsWith(ownFolder);
}

let ownFolder: string | undefined;

/**
 * Asked of a stack, since source maps may have changed what stacks show: the folder of the sources, or of the package's
 * built files. Empty in a program's bundle without a source map: heddle's lines are in the program's own file there.
 */
function findOwnFolder(): string {
  const here = new Error("here").stack
    ?.split("\n")
    .map(placeIn)
    .find((place) => place !== undefined);
  return (
    /^(.*[/\\])(?:core[/\\]own-frames\.|(?<=[/\\]dist[/\\]lib[/\\])[\w-]+\.js)/.exec(withoutScheme(here ?? ""))?.[1] ??
    ""
  );
}

function withoutScheme(place: string): string {
  return place.replace(/^file:\/\//, "");
}
