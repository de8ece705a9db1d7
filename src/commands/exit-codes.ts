/** The meaning of the exit codes, for the program and its documentation. */

export const exitCodes = { done: 0, failed: 1, misused: 2 } as const;

export const exitMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.done, 'Done, or stopped by a signal; `check` only warns of names and limits, or of the state file.'],
  [exitCodes.failed, 'Failed while it ran: no port, an api that did not answer `check`, a `backfill` that stopped.'],
  [exitCodes.misused, 'The command line, a variable or a file cannot be used, or memory is too small.'],
];
