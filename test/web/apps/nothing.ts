/** A module that is no app. */
export const answer = 42;
