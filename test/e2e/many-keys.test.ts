/** An organization with 5,000 keys: its sums are whole, boards show the largest, and no alert takes them for news. */
import { createServer } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { dashboards, fillIn, queriesOf } from '../helpers/dashboards.ts';
import { portOf } from '../helpers/http-server.ts';
import { startPrometheus } from '../helpers/prometheus.ts';
import { ruleGroups } from '../helpers/rules.ts';
import { findTool } from '../helpers/tools.ts';

const path = findTool('prometheus', 'prometheus');
const keys = Array.from({ length: 5_000 }, (_, index) => index + 1);
const sum = (keys.length * (keys.length + 1)) / 2;

/** The number of keys that a panel with keys shows. */
const shown = new Map([
  ['Top keys by tokens this month', 10],
  ['Top keys by tokens', 10],
  ['By key, the ten largest', 10],
  ['Month to date, by key', 15],
]);

/** The page at a scrape: from one to the next, the key with the number i uses i tokens, and as many dollars at all. */
function page(scrape: number): string {
  const lines = keys.flatMap((key) => {
    const labels = `project_id="p${key % 50}",api_key_id="k${key}"`;
    return [
      `openai_completions_input_tokens_total{${labels},model="m"} ${key * scrape}`,
      `openai_costs_month_to_date_amount_value{${labels},currency="usd",line_item="l"} ${key}`,
      `openai_api_key_info{${labels},api_key_name="Key ${key}"} 1`,
    ];
  });
  for (let project = 0; project < 50; project++) {
    lines.push(`openai_project_info{project_id="p${project}",project_name="Project ${project}"} 1`);
  }
  return `openai_exporter_build_info 1\n${lines.join('\n')}\n`;
}

test.skipIf(path === undefined)(
  '5,000 keys are summed whole, shown by the largest, and fire no alert',
  async () => {
    let scrapes = 0;
    const exporter = createServer((_request, response) => response.end(page(scrapes++)));
    await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      exporter.closeAllConnections();
      exporter.close();
    });
    const prometheus = await startPrometheus({
      path: path ?? '',
      scrapeInterval: '4s',
      jobs: { e: [`127.0.0.1:${portOf(exporter.address())}`] },
      rules: ruleGroups.map((group) => ({ ...group, interval: '4s' })),
    });
    onTestFinished(prometheus.stop);
    const variables = new Proxy<Record<string, string>>(
      { currency: 'usd', job: '.+' },
      { get: (known, name) => (typeof name === 'string' ? (known[name] ?? '.*') : undefined) },
    );
    const panels = dashboards
      .flatMap(queriesOf)
      .filter(({ panel, target }) => shown.has(panel.title) || /sum by \(.*api_key_name/.test(target.expr));
    expect(new Set(panels.map(({ panel }) => panel.title))).toEqual(new Set(shown.keys()));
    await vi.waitFor(
      async () => {
        for (const { panel, target } of panels) {
          const found = await prometheus.vector(fillIn(target.expr, variables, { range: 300, step: 4 }));
          expect([panel.title, found.length]).toEqual([panel.title, shown.get(panel.title)]);
        }
      },
      { timeout: 90_000, interval: 2_000 },
    );
    const [recorded] = await prometheus.vector('sum(job_project:openai_tokens_total:sum)');
    expect([recorded?.value, (recorded?.value ?? 0) % sum]).toEqual([expect.toSatisfy((value) => value > 0), 0]);
    expect(await prometheus.vector('ALERTS')).toEqual([]);
  },
  120_000,
);
