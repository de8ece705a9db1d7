/** The meaning of the exit codes, for the program and its documentation. */

export const exitCodes = { done: 0, failed: 1, misused: 2 } as const;

export const exitMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [
    exitCodes.done,
    'It is done, or was told to stop by SIGTERM or SIGINT. `check` only warns if the scope for names and limits is missing or the state file cannot be written.',
  ],
  [
    exitCodes.failed,
    'It failed while it ran: it could not listen, an api did not answer `check`, `backfill` stopped, nothing answered `health`.',
  ],
  [
    exitCodes.misused,
    'The command line, a variable or a file that they name cannot be used, or the memory limit is too small. Nothing was begun.',
  ],
];
