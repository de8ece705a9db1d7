/** The groups of files of rules, merged keys resolved: what every other form of the rules is made of. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Returns the groups in the order of the files. @throws if a file has none */
export function ruleGroupsOf(files: readonly string[]): readonly unknown[] {
  return files.flatMap((file) => ruleGroupsIn(readFileSync(file, 'utf8')));
}

/** Returns the groups of a file's text. @throws if it has none */
export function ruleGroupsIn(text: string): readonly unknown[] {
  const document: unknown = parse(text, { merge: true });
  const groups = typeof document === 'object' && document !== null ? Object.entries(document) : [];
  const found = groups.find(([key]) => key === 'groups')?.[1];
  if (!Array.isArray(found)) throw new Error('a file of rules without groups');
  return found;
}
