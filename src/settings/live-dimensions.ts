/** The labels that live usage always has: apart from the parser of settings, which the thread of live usage does not need. */

/** The dimensions of the Usage API that every series of live usage has. */
export const liveDimensions = ['project_id', 'user_id', 'api_key_id', 'model', 'service_tier', 'batch'] as const;
