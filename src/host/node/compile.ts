/**
 * Functions made from text, for the codec: see core/wire/compiled.ts.
 *
 * @module
 */

/** Node can be told to make no functions from text (`--disallow-code-generation-from-strings`). */
export function compile(parameter: string, body: string): Function | undefined {
  try {
    // All that is foreign in it are names of fields, quoted as JSON.
    return new Function(parameter, body);
  } catch {
    return undefined;
  }
}
