/** The meaning of the exit codes, for the program and its documentation. */

export const exitCodes = { done: 0, failed: 1, misused: 2 } as const;

export const exitMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [
    exitCodes.done,
    'Done, or stopped by a signal; `check` only warns of a missing scope for names and limits, or a state file that cannot be written.',
  ],
  [
    exitCodes.failed,
    'Failed while it ran: no port, an api that did not answer `check`, a `backfill` that stopped, nothing to answer `health`.',
  ],
  [
    exitCodes.misused,
    'The command line, a variable or a file cannot be used, or the memory limit is too small. Nothing was begun.',
  ],
];
