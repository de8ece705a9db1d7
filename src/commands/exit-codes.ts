/** The meaning of the exit codes, for the program and its documentation. */

export const exitCodes = { done: 0, failed: 1, misused: 2 } as const;

export const exitMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [
    exitCodes.done,
    'Done: told to stop by SIGTERM or SIGINT, every api answered `check`, the exporter that `health` asked serves. Without the scope for names and limits, or where the state file cannot be written, `check` warns and ends with 0.',
  ],
  [
    exitCodes.failed,
    'It failed while it ran: the address cannot be listened on, an api did not answer `check`, `backfill` stopped, nothing answered `health`.',
  ],
  [
    exitCodes.misused,
    'The command line, a variable or a file that they name cannot be used, or the memory limit is too small. Every mistake is on a line of its own on stderr, and nothing was begun.',
  ],
];
