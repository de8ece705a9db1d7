/** Which parts of which documents are generated, and from what. */
import { adviceList } from './advice-list.ts';
import { chartValuesTable } from './chart-values.ts';
import { commandsList, exitList } from './commands-list.ts';
import { budgetsPart, estimatesPart, limitsPart, livePart, namesPart, ownPart, usagePart } from './metrics-page.ts';
import { settingsList } from './settings-page.ts';

export interface GeneratedPart {
  /** The path from the repository's top. */
  readonly file: string;
  readonly part: string;
  readonly text: () => string | Promise<string>;
}

export const generatedParts: readonly GeneratedPart[] = [
  { file: 'deploy/helm/openai-usage-exporter/README.md', part: 'values', text: chartValuesTable },
  { file: 'docs/troubleshooting.md', part: 'advice', text: adviceList },
  { file: 'docs/settings.md', part: 'commands', text: commandsList },
  { file: 'docs/settings.md', part: 'exit codes', text: exitList },
  { file: 'docs/settings.md', part: 'settings', text: settingsList },
  { file: 'docs/metrics.md', part: 'usage', text: usagePart },
  { file: 'docs/metrics.md', part: 'names', text: namesPart },
  { file: 'docs/metrics.md', part: 'limits', text: limitsPart },
  { file: 'docs/metrics.md', part: 'budgets', text: budgetsPart },
  { file: 'docs/metrics.md', part: 'estimates', text: estimatesPart },
  { file: 'docs/metrics.md', part: 'live', text: livePart },
  { file: 'docs/metrics.md', part: 'exporter', text: ownPart },
];
