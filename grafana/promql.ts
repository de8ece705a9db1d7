/**
 * Selectors for the boards. Every one of them has the job; names, replicas and rates are the business of the recording
 * rules, so most panels only add up what those left.
 */

export type Matchers = Readonly<Record<string, string>>;

/** Variables that narrow down, by the label that they narrow. What a series does not have matches "all". */
const narrowing = {
  project: 'project_name',
  key: 'api_key_name',
  user: 'user_name',
  model: 'model',
  tier: 'service_tier',
  batch: 'batch',
} as const;

export type Narrowing = keyof typeof narrowing;

/** A selector of the chosen jobs, narrowed by variables, with matchers of its own written as `="value"`. */
export function of(metric: string, by: readonly Narrowing[] = [], more: Matchers = {}): string {
  const matchers = [
    'job=~"$job"',
    ...by.map((name) => `${narrowing[name]}=~"$${name}"`),
    ...Object.entries(more).map(([label, matcher]) => `${label}${matcher}`),
  ];
  return `${metric}{${matchers.join(', ')}}`;
}

/** A selector of the chosen jobs and instances: the exporter's own metrics, which are not aggregated over replicas. */
export function own(metric: string, more: Matchers = {}): string {
  return of(metric, [], { instance: '=~"$instance"', ...more });
}

/** A metric of the API that no rule records: one of the replicas' equal values. */
export function deduplicated(selector: string, labels: readonly string[]): string {
  return `max by (${['job', ...labels].join(', ')}) (${selector})`;
}

export const currency: Matchers = { currency: '="$currency"' };

/** A recorded rate in a minute, averaged over each step, so that no sample is left out at any zoom. */
export function perMinute(selector: string, by: readonly string[]): string {
  return `60 * sum by (${by.join(', ')}) (avg_over_time(${selector}[$__interval]))`;
}

/** What a recorded rate added up to in the time shown. */
export function inRange(selector: string, by: readonly string[]): string {
  return `$__range_s * sum by (${by.join(', ')}) (avg_over_time(${selector}[$__range]))`;
}

/** 0 instead of nothing, under a label that says so, where 0 is true: the api's last poll succeeded, and it has no usage. */
export function orNone(expr: string, api: string, label: string): string {
  const polled = `0 * max(${of('job_api:openai_up:max', [], { api: `="${api}"` })} == 1)`;
  return `${expr}\nor on ()\nlabel_replace(${polled}, "${label}", "no usage", "", "")`;
}
