/** The README's first screen is true: its excerpt is one of the demonstration, its commands are there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { documentAt } from '../helpers/documents.ts';
import { parseExposition, type Sample } from '../helpers/exposition-parser.ts';
import { type RunningExporter, runSimulated } from '../helpers/running-exporter.ts';

const start = '2026-11-20T09:40:00Z';
const historyDays = 62;
const readme = documentAt('README.md');
const excerpt = readme.fences.find(({ language }) => language === 'text')?.text ?? '';

let running: RunningExporter;
let served: string;

beforeAll(async () => {
  const createdAt = Date.parse('2026-11-20T00:00:00Z') / 1_000 - historyDays * 86_400;
  const organization = createOrganization({ seed: 1, createdAt, profile: 'demo' });
  running = runSimulated({ organization, start });
  await running.minutes(6);
  served = `${running.text()}${await running.exporter.self.text()}`;
}, 60_000);

afterAll(() => running.end());

/** The series of a text, without what reading names changes: here, they are not read. */
function seriesIn(text: string): readonly string[] {
  const named = /_name$|^status$/;
  const seriesOf = ({ name, labels }: Sample) =>
    JSON.stringify([
      name,
      Object.entries(labels).map(([label, value]) => (named.test(label) ? [label] : [label, value])),
    ]);
  return [...parseExposition(text).families.values()].flatMap(({ samples }) => samples.map(seriesOf));
}

test('the excerpt is of the page', () => {
  const shown = seriesIn(excerpt);
  expect(shown.length).toBeGreaterThanOrEqual(5);
  const there = new Set(seriesIn(served));
  expect(shown.filter((series) => !there.has(series))).toEqual([]);
});

test('its types are those of the page', () => {
  const types = excerpt.split('\n').filter((line) => line.startsWith('#'));
  expect(types.filter((line) => !served.includes(`${line}\n`))).toEqual([]);
});

test('the two commands are on the first screen, each by itself', () => {
  const [first, second] = readme.fences.map(({ text }) => text);
  expect([first, second]).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
  expect(readme.text.split('\n').indexOf('npm ci && npm test')).toBeLessThan(25);
});

test('it shows two boards, and has no more than 900 words', () => {
  expect(readme.text.match(/^!\[.+\]\(docs\/img\/board-\w+\.png\)$/gm)).toHaveLength(2);
  expect(readme.text.split(/\s+/).length).toBeLessThanOrEqual(900);
});
