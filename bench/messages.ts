/** The messages that the processes of a run send each other. */

/** The figures of a process with the probe, since it was last asked. Times in milliseconds, sizes in bytes. */
export interface Reading {
  readonly longestDelay: number;
  /** The same without the time in which others on the machine had the processor. */
  readonly longestWork: number;
  /** The sum of all threads. */
  readonly cpu: number;
  readonly resident: number;
  /** The most that was ever resident. */
  readonly residentPeak: number;
}

/** The figures of the simulated API, since it started. */
export interface Served {
  /** The instants at which each answer had been handed over whole, in UTC milliseconds. */
  readonly answers: readonly number[];
}

/** The load of live usage that is asked for. */
export interface LoadAsked {
  /** Records in a request. */
  readonly batch: number;
  /** Requests. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Models that the records are of. */
  readonly groups: number;
}

export interface LoadDone {
  /** Records. */
  readonly counted: number;
  readonly seconds: number;
  /** Milliseconds from each request to its answer. */
  readonly took: readonly number[];
}
