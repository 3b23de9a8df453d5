/** What the tests run in threads. */
import { request } from "heddle/web";

/** The message of the error, or the path. */
export function readRequestInThread(): string {
  try {
    return request.path;
  } catch (error) {
    return (error as Error).message;
  }
}
