/** The text of OpenMetrics 1.0, as far as it differs from the text format that is served. */
import { valueText } from '../metrics/exposition.ts';
import type { Family } from '../metrics/families.ts';
import { escapeLabelValue } from '../usage/labels.ts';

/** The last line of a file. */
export const endOfFile = '# EOF\n';

/** TYPE and HELP. The family of a counter has the name without `_total`. */
export function openMetricsHeader({ name, type, help }: Family): string {
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
  return `# TYPE ${family} ${type}\n# HELP ${family} ${text}\n`;
}

/** Label texts without braces, joined; any can be empty. */
export function joinLabels(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(',');
}

/** `job="openai",instance="a:1"` */
export function labelsText(labels: readonly (readonly [name: string, value: string])[]): string {
  return labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',');
}

/** A sample as a line. @param labels without braces; can be empty @param at milliseconds */
export function timedLine(name: string, labels: string, value: number, at: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${valueText(value)} ${at / 1_000}\n`;
}
