/** The labels that tell one organization from another in Prometheus, in the one place that rules and boards take it from. */

/**
 * The target labels that identify an organization. Series that agree in all of them are replicas of one exporter; a
 * label that a target does not have is no difference.
 */
export const identity = ['cluster', 'namespace', 'job', 'organization'] as const;

/** The labels of `by (…)` and `on (…)`: those that identify the organization, and others. */
export function within(...labels: readonly string[]): string {
  return [...identity, ...labels].join(', ');
}
