/** What is known about the exporter's health, as data: the status page and /api/status show the same. Times are ISO 8601, UTC. */

export interface Status {
  readonly version: string;
  readonly revision: string;
  /** The numbers are made up by the demonstration. */
  readonly simulated: boolean;
  readonly startedAt: string;
  readonly now: string;
  readonly apis: readonly ApiStatus[];
  readonly counters: CountersStatus;
}

export interface ApiStatus {
  readonly api: string;
  /** Did the last poll succeed; null until it was tried. */
  readonly up: boolean | null;
  readonly lastSuccess: string | null;
  readonly lastPoll: string | null;
  readonly nextPoll: string | null;
  /** Why the last poll failed: the word of the metrics, the message, and what to do. Null while up. */
  readonly reason: string | null;
  readonly message: string | null;
  readonly whatToDo: string | null;
  /** By bucket width: the end of the newest settled bucket that was read. */
  readonly dataThrough: Readonly<Record<string, string>>;
  readonly series: number;
}

export interface CountersStatus {
  /** Since when they count; null before that is known. */
  readonly anchor: string | null;
  readonly state: 'replaying' | 'shown' | 'rollover' | 'unavailable';
  /** A sentence for people, where there is something to say. */
  readonly message: string | null;
}
