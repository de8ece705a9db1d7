/** Holds the list of what can be left out to the facts: metrics, alerts that watch them, and every bound in the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { documentAt } from '../helpers/documents.ts';
import { knownMetrics } from '../helpers/known-metrics.ts';
import { metricsIn } from '../helpers/promql.ts';
import { recorded, rules } from '../helpers/rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const [, section = ''] = documentAt('docs/reliability.md').prose.split('\n## What can be left out\n');
const [list = ''] = section.split('\n## ');
/** Entries that do not end with what counts them, and their alert, have both above their list. */
const rows = list.split(/\n(?=[^-\n].*:\n)/).flatMap((part) => {
  const [, metricAbove = '', alertAbove = ''] = /^In `(\w+)`, with the alert (\w+)/.exec(part) ?? [];
  return [...part.matchAll(/^- \*\*(.*?)\*\*: (.*)$/gm)].map(([, what = '', rest = '']) => {
    const [, lost = rest, metric = metricAbove, alert = alertAbove] = /^(.*) \(`(\w+)`, (\w+)\)$/.exec(rest) ?? [];
    return { what, lost, metric, alert };
  });
});

test('there are entries, and each is understood', () => {
  expect(rows.length).toBeGreaterThan(10);
  expect(rows).toHaveLength([...list.matchAll(/^- /gm)].length);
});

test.each(rows.map((row) => [row.what, row] as const))('%s: counted, and watched by an alert', (_, row) => {
  expect(row.lost).toMatch(/\w/);
  expect(knownMetrics.has(row.metric)).toBe(true);
  const exprs = rules.filter(({ alert }) => alert === row.alert).map(({ expr }) => expr);
  expect(exprs).toHaveLength(1);
  const read = exprs.flatMap((expr) => metricsIn(expr));
  const behind = rules.filter(({ record }) => record !== undefined && read.includes(record) && recorded.has(record));
  // Polls that fail are seen by what they leave behind as well.
  const watched = new Set([...read, ...behind.flatMap(({ expr }) => metricsIn(expr))]);
  expect([...watched].some((name) => name === row.metric || name === 'openai_up')).toBe(true);
});

/** The entry that says what a bound takes from what OpenAI sends, by its first words. */
const rowOfBound: Readonly<Record<string, string>> = {
  mostDigits: 'An amount or quantity of costs',
  largestExponent: 'An amount or quantity of costs',
  mostUnknownFields: 'An unknown numeric field',
  longestLabel: 'A label or name',
  mostUnits: 'More groups than',
  mostModels: 'Rate limits of too many models',
  mostPairs: 'Rate limits of too many models',
  longestBody: 'An answer too long',
  mostValuesInRow: 'An answer too long',
  longestRow: 'An answer too long',
  longestString: 'An answer too long',
  mostValuesAround: 'An answer too long',
  longestAround: 'An answer too long',
  deepest: 'An answer too long',
  mostBuckets: 'An answer too long',
  mostRows: 'An answer too long',
  mostPages: 'An answer too long',
  mostRestarts: 'An answer too long',
  mostItems: 'A list with too many',
  longestCursor: 'A list with too many',
};

/** Bounds that take nothing from what OpenAI sends: what each is for. */
const otherBounds: Readonly<Record<string, string>> = {
  mostBytes: 'a piece of a page that is parsed at a stretch',
  mostLosses: 'losses told of a bucket; all are counted',
  mostLines: 'lines of the log in a day; all are counted, and the last line says so',
  mostMessages: 'sentences on the status page',
  longestSent: 'what is shown of a value in a message',
  longestErrorBody: 'a refusal is a refusal, whatever else its body says',
  mostInSpan: 'requests while nothing answers',
  longestConnectMs: 'time',
  longestRetryAfterMs: 'time',
  longestBackoffMs: 'time',
  longestBackoff: 'time',
  longestRound: 'time',
  longestKey: 'the key file, which is the user’s own',
  mostKept: 'names of what is gone; without one, the name reads like the id',
  mostOfIt: 'a share of the request budget',
  mostRegroupings: 'changes of grouping in one turn; the next turn goes on',
  longestTrial: 'time',
  mostTries: 'tries to read days that only estimates need',
  most: 'numbers of label values before they begin anew, which loses nothing',
  mostPasses: 'reads of history in one turn; the next turn goes on',
  mostFailuresOfPage: 'tries before a list begins anew',
  mostRemembered: 'as many names as can be shown, at least',
};

test('every bound on what OpenAI sends is in the list', () => {
  const folders = ['openai', 'usage', 'names', 'poll', 'inventory'];
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && folders.includes(name.split('/')[0] ?? ''),
  );
  const found = files.flatMap((name) =>
    [
      ...readFileSync(`${root}src/${name}`, 'utf8').matchAll(
        /^(?:export )?const ((?:most|longest|largest|deepest)\w*) =/gm,
      ),
    ].map(([, bound = '']) => bound),
  );
  expect([...new Set(found)].filter((bound) => !(bound in rowOfBound) && !(bound in otherBounds))).toEqual([]);
  expect(Object.keys(rowOfBound).filter((bound) => !found.includes(bound))).toEqual([]);
  const whats = rows.map(({ what }) => what);
  const rowless = Object.values(rowOfBound).filter(
    (words) => whats.filter((what) => what.startsWith(words)).length !== 1,
  );
  expect(rowless).toEqual([]);
});
