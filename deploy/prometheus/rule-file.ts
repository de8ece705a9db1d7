/** Files of rules as text: what a rule is for stands above it, and long texts are not folded. */

interface Common {
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Why the rule is there, for those who read the file. */
  readonly why?: string;
}

export interface Rule extends Common {
  readonly record: string;
}

export interface Alert extends Common {
  readonly alert: string;
  readonly for?: string;
  readonly keepFiringFor?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Group<Kind extends Rule | Alert = Rule | Alert> {
  readonly name: string;
  readonly interval?: string;
  readonly why?: string;
  readonly rules: readonly Kind[];
}

function comment(text: string | undefined, indent: string): string {
  if (text === undefined) return '';
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + 2 + last.length + 1 + word.length <= 120)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((each) => `${indent}# ${each}\n`).join('');
}

function mapText(name: string, map: Readonly<Record<string, string>> | undefined, folded: boolean): string {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return '';
  const lines = entries.map(([key, value]) => `          ${key}: ${folded ? `>-\n            ${value}` : value}\n`);
  return `        ${name}:\n${lines.join('')}`;
}

function ruleText(rule: Rule | Alert): string {
  const expr = rule.expr.split('\n').map((line) => `          ${line}\n`);
  const head = 'record' in rule ? `record: ${rule.record}` : `alert: ${rule.alert}`;
  const text = `${comment(rule.why, '      ')}      - ${head}\n        expr: |\n${expr.join('')}`;
  if ('record' in rule) return `${text}${mapText('labels', rule.labels, false)}`;
  const spans = [
    ...(rule.for === undefined ? [] : [`        for: ${rule.for}\n`]),
    ...(rule.keepFiringFor === undefined ? [] : [`        keep_firing_for: ${rule.keepFiringFor}\n`]),
  ];
  return `${text}${spans.join('')}${mapText('labels', rule.labels, false)}${mapText('annotations', rule.annotations, true)}`;
}

function groupText({ name, interval, why, rules }: Group): string {
  const spacing = interval === undefined ? '' : `    interval: ${interval}\n`;
  return `${comment(why, '  ')}  - name: ${name}\n${spacing}    rules:\n${rules.map(ruleText).join('')}`;
}

/** @param header what stands at the top of the file, line by line */
export function ruleFile(header: string, groups: readonly Group[]): string {
  const lines = header.split('\n').map((line) => (line === '' ? '#\n' : `# ${line}\n`));
  return `${lines.join('')}groups:\n${groups.map(groupText).join('')}`;
}
