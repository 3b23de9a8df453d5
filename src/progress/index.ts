/**
 * heddle/progress: how far work has come, told by the work itself and drawn in the terminal.
 *
 * @module
 */

export { reportProgress } from "../futures/progress.ts";
export { track, type Tracked, type TrackOptions, type TrackStream } from "./track.ts";
