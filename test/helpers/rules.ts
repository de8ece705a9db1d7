/** The rules of deploy/prometheus as data. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const text = z.record(z.string(), z.string());
const rule = z.strictObject({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  for: z.string().optional(),
  keep_firing_for: z.string().optional(),
  labels: text.optional(),
  annotations: text.optional(),
});
const group = z.strictObject({ name: z.string(), interval: z.string().optional(), rules: z.array(rule) });
const file = z.strictObject({ groups: z.array(group) });

export type Rule = z.infer<typeof rule>;
export type RuleGroup = z.infer<typeof group>;

const directory = fileURLToPath(new URL('../../deploy/prometheus/rules/', import.meta.url));
export const ruleFiles: readonly string[] = readdirSync(directory).map((name) => `${directory}${name}`);

/** @param merge resolves `<<`, as Prometheus does */
export function parseRules(yaml: string): readonly RuleGroup[] {
  return file.parse(parse(yaml, { merge: true })).groups;
}

export const ruleGroups: readonly RuleGroup[] = ruleFiles.flatMap((path) => parseRules(readFileSync(path, 'utf8')));
export const rules: readonly Rule[] = ruleGroups.flatMap((each) => each.rules);
export const recorded: ReadonlySet<string> = new Set(rules.flatMap(({ record }) => record ?? []));
