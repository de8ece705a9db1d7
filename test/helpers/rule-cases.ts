/** The cases of test/deploy/rules as data: what promtool is told to expect of alerts. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const text = z.record(z.string(), z.string());
const expected = z.object({ exp_labels: text, exp_annotations: text });
const alertCase = z.object({ alertname: z.string(), exp_alerts: z.array(expected).optional() });
const file = z.object({ tests: z.array(z.object({ alert_rule_test: z.array(alertCase).optional() })) });

const directory = fileURLToPath(new URL('../deploy/rules/', import.meta.url));

export const alertCases: readonly z.infer<typeof alertCase>[] = readdirSync(directory).flatMap((name) =>
  file
    .parse(parse(readFileSync(`${directory}${name}`, 'utf8')))
    .tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test),
);

export interface Example {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The first of each alert that a case expects, with the texts that people get. */
export const examples: ReadonlyMap<string, Example> = new Map(
  alertCases
    .flatMap(({ alertname, exp_alerts = [] }) =>
      exp_alerts.map(({ exp_labels, exp_annotations }): readonly [string, Example] => [
        alertname,
        { labels: { ...exp_labels, alertname }, annotations: exp_annotations },
      ]),
    )
    .reverse(),
);
