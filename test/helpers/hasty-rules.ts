/** The rules and the queries of the boards with shorter spans and the same expressions, so that weeks fit in a test. */
import { stringify } from 'yaml';
import { type RuleGroup, ruleGroups } from './rules.ts';

/** The name of every span in use; a new one has to be given a short one here. */
const spans: Readonly<Record<string, string>> = {
  '3w': '36s',
  '2w': '24s',
  '1w': '12s',
  '7d': '20s',
  '6d': '16s',
  '3h': '60s',
  '2d': '60s',
  '2h': '60s',
  '1d': '20s',
  '-42h': '-2s',
  '1h': '8s',
  '30m': '20s',
  '15m': '5s',
  '10m': '5s',
  '5m': '4s',
};
/** The time for which something must have been so, or is kept: a few evaluations. */
const patience: Readonly<Record<string, string>> = {
  '5m': '2s',
  '10m': '4s',
  '15m': '9s',
  '30m': '9s',
  '1h': '9s',
  '65m': '9s',
};

function short(span: string, table: Readonly<Record<string, string>> = spans): string {
  const shorter = table[span];
  if (shorter === undefined) throw new Error(`no short span for ${span}`);
  return shorter;
}

/** Spans in brackets and after `offset`; and an hour without new data is 90 s, for a minute of it is the least. */
export function hasten(expr: string): string {
  return expr
    .replaceAll(/\[(\d+[a-z])\]/g, (_, span: string) => `[${short(span)}]`)
    .replaceAll(/offset (-?\d+[a-z])\b/g, (_, span: string) => `offset ${short(span)}`)
    .replaceAll('> 60 * 60', '> 90');
}

function hastenGroup({ name, rules }: RuleGroup): RuleGroup {
  return {
    name,
    rules: rules.map((rule) => ({
      ...rule,
      expr: hasten(rule.expr),
      ...(rule.for === undefined ? {} : { for: short(rule.for, patience) }),
      ...(rule.keep_firing_for === undefined ? {} : { keep_firing_for: short(rule.keep_firing_for, patience) }),
    })),
  };
}

/** All rules in one file. */
export function hastyRules(): string {
  return stringify({ groups: ruleGroups.map(hastenGroup) }, { lineWidth: 0, aliasDuplicateObjects: false });
}
