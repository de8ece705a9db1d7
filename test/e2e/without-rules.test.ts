/**
 * The boards where nobody has loaded the recording rules: one panel of a board says so, the Overview answers its main
 * questions all the same, and what is empty states no fact. And how long a budget lasts, in a real Prometheus.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { lasts, lastsWords } from '../../grafana/boards/overview.ts';
import { type Dashboard, dashboards, fillIn, queriesOf } from '../helpers/dashboards.ts';
import { type Exporter, startExporter } from '../helpers/process.ts';
import { type Prometheus, startPrometheus } from '../helpers/prometheus.ts';
import { seconds } from '../helpers/rows.ts';
import { shiftedClock } from '../helpers/test-clock.ts';
import { findTool } from '../helpers/tools.ts';

const path = findTool('prometheus', 'prometheus');
let exporter: Exporter | undefined;
let prometheus: Prometheus | undefined;

beforeAll(async () => {
  if (path === undefined) return;
  // At noon in the middle of a month, so that there is spend of today.
  const noon = shiftedClock(Date.parse('2026-05-14T12:05:00Z'));
  exporter = await startExporter(['demo', '--budget.monthly=8000'], { clock: noon });
  const jobs = { openai: [`127.0.0.1:${exporter.port}`] };
  prometheus = await startPrometheus({ path, scrapeInterval: '1s', jobs });
});

afterAll(async () => {
  await prometheus?.stop();
  await exporter?.stop('SIGKILL');
});

const variables = new Proxy<Record<string, string>>(
  { currency: 'usd', job: '.+', label: 'api_key_id' },
  { get: (known, name) => (typeof name === 'string' ? (known[name] ?? '.*') : undefined) },
);

/** Returns what a board's panels show, by their titles: the values of all queries. */
async function shownOn(board: Dashboard): Promise<ReadonlyMap<string, readonly number[]>> {
  const shown = new Map<string, readonly number[]>();
  for (const { panel, target } of queriesOf(board)) {
    const query = fillIn(target.expr, variables, { range: 60, step: 1 });
    const found = (await prometheus?.vector(query)) ?? [];
    shown.set(panel.title, [...(shown.get(panel.title) ?? []), ...found.map(({ value }) => value)]);
  }
  return shown;
}

const boardOf = (uid: string) => dashboards.filter((board) => board.uid === uid);

/** Holds what the Overview says of now and of this month. */
const answered = [
  ...['Spend today', 'Spend today, by usage', 'Month to date', 'Budget used', 'Top projects by spend'],
  ...['Tokens of an hour', 'Requests of an hour', 'Tokens this month', 'Requests this month'],
  ...['Top models by tokens this month', 'Top keys by tokens this month'],
  ...['Tokens a minute just now', 'Reported of the newest hour'],
  ...['Exporters up', 'Apis that fail', 'Age of usage', 'API requests per minute', 'Series'],
];

describe.skipIf(path === undefined)('without the recording rules', () => {
  test('the Overview answers what is so now and this month, and nothing else', async () => {
    for (const board of boardOf('openai-overview')) {
      await vi.waitFor(
        async () => {
          const shown = await shownOn(board);
          const withData = [...shown].flatMap(([title, values]) => (values.length > 0 ? [title] : []));
          expect(withData.sort()).toEqual([...answered, 'Recording rules'].sort());
          expect(shown.get('Recording rules')).toEqual([0]);
          expect(shown.get('Budget used')).toEqual([expect.toSatisfy((share: number) => share > 0 && share < 2)]);
        },
        { timeout: 60_000, interval: 1_000 },
      );
    }
  });

  test('every board that needs them says so, and no panel says that there is no budget', async () => {
    for (const board of dashboards.filter(({ panels }) => panels.some(({ title }) => title === 'Recording rules'))) {
      const shown = await shownOn(board);
      expect([board.title, shown.get('Recording rules')]).toEqual([board.title, [0]]);
      for (const title of ['Budget used', 'Budget lasts', 'Budget forecast', 'Alerts firing']) {
        expect([board.title, title, shown.get(title) ?? []]).not.toEqual([board.title, title, [-1]]);
      }
    }
  });

  test('the Exporter board needs none', async () => {
    for (const board of boardOf('openai-exporter')) {
      await vi.waitFor(
        async () => {
          const shown = await shownOn(board);
          expect([...shown].flatMap(([title, values]) => (values.length > 0 ? [] : [title]))).toEqual([]);
        },
        { timeout: 60_000, interval: 1_000 },
      );
    }
  });
});

describe.skipIf(path === undefined)('a budget', () => {
  const words = ({ value }: { readonly value: number }) =>
    lastsWords.find(({ from }) => from === value)?.text ?? new Date(value).toISOString();

  test.each([
    ['2026-05-10T00:00Z', 3, 5, '2026-05-13T00:00:00.000Z'],
    // In ten days there is a new one.
    ['2026-05-29T00:00Z', 10, 5, 'all month'],
    ['2026-05-10T00:00Z', 3, 0, 'used up'],
  ])('on %s, which at this pace ends in %i days', async (at, days, left, expected) => {
    const query = lasts(`vector(time() + ${days * 86_400})`, `vector(${left})`);
    // Nothing is known of when it ends where nothing is left.
    const asked = left > 0 ? query : lasts('vector(1) < 0', `vector(${left})`);
    expect((await prometheus?.vector(asked, seconds(at)))?.map(words)).toEqual([expected]);
  });
});
