/** The number of cases that are tried: FUZZ_FACTOR times as many as continuous integration has. */
const asked = Number(process.env['FUZZ_FACTOR'] ?? 1);
const factor = Number.isFinite(asked) && asked > 0 ? asked : 1;

export function fuzzRuns(usual: number): number {
  return Math.max(1, Math.round(usual * factor));
}

/** Milliseconds that a property may take, for vitest: with much room for busy machines. */
export const fuzzTimeout: number = 240_000 * Math.max(1, factor);
