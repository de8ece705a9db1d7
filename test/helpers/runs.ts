/** The number of cases that a property is tried with: 500, or as many as PROPERTY_RUNS says. */
const asked = Number(process.env['PROPERTY_RUNS'] ?? 500);

export const propertyRuns: number = Number.isSafeInteger(asked) && asked > 0 ? asked : 500;

/** Milliseconds that a property may take, for vitest: in proportion to the runs, with much room. */
export const propertyTimeout: number = Math.max(60_000, propertyRuns * 120);
