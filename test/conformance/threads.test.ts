import { isMain } from "heddle";
import * as threading from "heddle/threading";
import { Deaf, Doubler } from "./subclasses.ts";
import { threadSuite } from "./thread-suite.ts";
import { threads } from "./thread-backend.ts";

if (isMain(import.meta)) threadSuite(threads, { ...threading, Deaf, Doubler });
