/** An app that cannot be imported. */
throw new Error("no database");
