/** The files that the mixin imports: boards, alerts and recording rules as JSON, made of the same sources as everything else. */
import { dashboardFiles } from '../../grafana/boards.ts';
import { ruleGroupsOf } from '../prometheus/rule-groups.ts';

/** Returns the files of `generated/` by name. @param files of rules; those named `…-alerts.yml` have the alerts */
export function mixinFiles(files: readonly string[]): ReadonlyMap<string, string> {
  const json = (groups: readonly unknown[]) => `${JSON.stringify({ groups }, null, 2)}\n`;
  const isAlerts = (file: string) => file.endsWith('-alerts.yml');
  return new Map([
    ...dashboardFiles(),
    ['alerts.json', json(ruleGroupsOf(files.filter(isAlerts)))],
    ['rules.json', json(ruleGroupsOf(files.filter((file) => !isAlerts(file))))],
  ]);
}
