/** @module */

import { ContextVar } from "heddle/contextvars";

export const late: ContextVar<string> = new ContextVar<string>("late");
