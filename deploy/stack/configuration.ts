/** The configurations beside this folder with other addresses in them, so that no second version of them exists. */

export interface PrometheusAddresses {
  /** Each `host:port`. */
  readonly exporter: string;
  readonly prometheus: string;
  readonly alertmanager: string;
  /** Folder with the rules. */
  readonly rules: string;
}

/** @throws if the configuration has no place for one of them */
export function prometheusConfiguration(text: string, addresses: PrometheusAddresses): string {
  return replaceAll(text, [
    ["'exporter:9185'", `'${addresses.exporter}'`],
    ["'localhost:9090'", `'${addresses.prometheus}'`],
    ["'alertmanager:9093'", `'${addresses.alertmanager}'`],
    ['rules/*.yml', `${addresses.rules}/*.yml`],
  ]);
}

export interface AlertmanagerFiles {
  /** Folder with the files that hold the receivers' addresses. */
  readonly secrets: string;
  readonly templates: string;
}

/** @throws if the configuration has no place for one of them */
export function alertmanagerConfiguration(text: string, { secrets, templates }: AlertmanagerFiles): string {
  return replaceAll(text, [
    ['/run/secrets/', `${secrets}/`],
    ['templates/*.tmpl', `${templates}/*.tmpl`],
  ]);
}

/** The files in `secrets`. */
export const receiverFiles = ['page_url', 'notify_url', 'record_url'] as const;

/** More often than one would for good, so that there is something to see at once. @throws as replaceAll does */
export function hurriedConfiguration(text: string): string {
  return replaceAll(text, [
    ['scrape_interval: 30s', 'scrape_interval: 5s'],
    ['evaluation_interval: 1m', 'evaluation_interval: 15s'],
  ]);
}

/** The rules for it: recorded as often, and alerts on budgets that soon fire. */
export function hurriedRules(rules: string): string {
  return quickBudgets(rules).replaceAll(/interval: \d+m/g, 'interval: 15s');
}

/**
 * Lets the alerts on budgets fire after half a minute, so that whoever tries them does not wait: on a spent budget, and
 * in the first days of a month, in which none is spent yet, on the forecast.
 */
export function quickBudgets(rules: string): string {
  return rules.replaceAll(
    /(- alert: OpenAI(?:ForecastAbove)?Budget\w*(?:\n(?!\s+- alert:).*)*?\n\s+for: )\w+/g,
    (_, before: string) => `${before}30s`,
  );
}

export function replaceAll(text: string, replacements: readonly (readonly [from: string, to: string])[]): string {
  let replaced = text;
  for (const [from, to] of replacements) {
    if (!replaced.includes(from)) throw new Error(`the configuration has no ${from}`);
    replaced = replaced.replaceAll(from, to);
  }
  return replaced;
}
