/** The committed dashboards are the generated ones, and keep the rules of Grafana's dashboard linter. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { identity } from '../../deploy/prometheus/identity.ts';
import { dashboardFiles } from '../../grafana/boards.ts';
import {
  committedDashboards,
  type Dashboard,
  dashboardDirectory,
  dashboards,
  fillIn,
  queriesOf,
  queryOf,
} from '../helpers/dashboards.ts';
import { knownMetrics } from '../helpers/known-metrics.ts';
import { selectorsIn } from '../helpers/promql.ts';
import { recorded } from '../helpers/rules.ts';
import { findTool } from '../helpers/tools.ts';

test('what is committed is what is generated; if not: npm run dashboards', () => {
  expect([...committedDashboards]).toEqual([...dashboardFiles()].sort(([a], [b]) => (a < b ? -1 : 1)));
});

test('there are these boards, each links to the others, and no two are taken for one', () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual([
    'openai-costs',
    'openai-exporter',
    'openai-limits',
    'openai-live',
    'openai-organizations',
    'openai-overview',
    'openai-usage',
  ]);
  const [tag] = dashboards[0]?.tags ?? [];
  for (const board of dashboards) {
    expect(board.tags).toEqual([tag]);
    expect(board.links).toEqual([{ type: 'dashboards', tags: [tag], includeVars: true, keepTime: true }]);
  }
});

interface Exclusions {
  readonly exclusions: Readonly<Record<string, { readonly entries: readonly { readonly dashboard: string }[] }>>;
}
const lint: Exclusions = parse(readFileSync(`${dashboardDirectory}.lint`, 'utf8'));

function holds(rule: string, board: Dashboard): boolean {
  return !(lint.exclusions[rule]?.entries ?? []).some(({ dashboard }) => dashboard === board.title);
}

/** Units that the linter knows, as far as they are used here. */
const units = new Set('short none percentunit bytes locale s dateTimeAsIso dateTimeFromNow bool_yes_no'.split(' '));

describe.each(dashboards.map((board) => [board.title, board] as const))('%s', (_, board) => {
  const variables = board.templating.list;
  const queries = queriesOf(board);
  const shown = board.panels.filter(({ type }) => type !== 'row');

  test('cannot be edited, and chooses its data source, job and, where it matters, instance', () => {
    expect(board.editable).toBe(false);
    const [first, ...rest] = variables;
    expect(first).toMatchObject({ type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus' });
    const required = ['job', ...(holds('template-instance-rule', board) ? ['instance'] : [])];
    for (const name of required) {
      const label = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      expect(rest.find((each) => each.name === name)).toMatchObject({ label, multi: true, allValue: '.+' });
    }
  });

  test('has variables that chain, ask for what exists, and are renewed with the time', () => {
    const before = new Set<string>();
    for (const variable of variables) {
      if (variable.type === 'query') {
        expect(variable).toMatchObject({ datasource: { type: 'prometheus', uid: '$datasource' }, refresh: 2 });
        const [, labelled, info] =
          /^(?:label_values\((.*), \w+\)|query_result\(group by \(\w+, \w+\) \((.*)\)\))$/.exec(queryOf(variable)) ??
          [];
        const selector = labelled ?? info ?? '';
        const [asked] = selectorsIn(selector);
        expect(recorded.has(asked?.name ?? '') || knownMetrics.has(asked?.name ?? '')).toBe(true);
        for (const [, name = ''] of selector.matchAll(/\$(\w+)/g)) expect(before).toContain(name);
      }
      before.add(variable.name);
    }
    const used = [...board.panels, ...variables].map((each) => JSON.stringify(each)).join('\n');
    for (const name of before) expect(used).toContain(`$${name}`);
    // Grafana leaves the name of a variable that a board does not have as it is, and nothing matches that.
    for (const [, name = ''] of used.matchAll(/\$\{?([a-z]\w*)/g)) expect(before).toContain(name);
  });

  test('has on every panel a title, a description, a unit, the chosen data source and queries', () => {
    const titles = new Set<string>();
    for (const panel of shown) {
      expect(panel.title).toMatch(/\S/);
      titles.add(panel.title);
      expect(panel.description).toMatch(/\S.*\.$/);
      expect(units).toContain(panel.fieldConfig?.defaults.unit);
      expect(panel.datasource).toEqual({ type: 'prometheus', uid: '$datasource' });
      expect(panel.targets?.length).toBeGreaterThan(0);
      for (const target of panel.targets ?? []) expect(target.datasource.uid).toBe('$datasource');
    }
    expect(titles.size).toBe(shown.length);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  });

  test('is red at 0 only where less is worse', () => {
    const red = shown.filter(({ fieldConfig }) => fieldConfig?.defaults.thresholds?.steps[0]?.color === 'red');
    for (const { title } of red) expect(title).toMatch(/^(?:Exporters up|Reported of|Least headroom|Headroom now)/);
  });

  test('has panels that do not overlap', () => {
    for (const [index, { gridPos: a, title }] of board.panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b, title: other } of board.panels.slice(index + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect([title, other, apart]).toEqual([title, other, true]);
      }
    }
  });

  test('asks for what exists, of the chosen jobs, with rates over $__rate_interval', () => {
    for (const { target } of queries) {
      for (const { name, matchers, range, within } of selectorsIn(target.expr)) {
        expect([name, recorded.has(name) || knownMetrics.has(name)]).toEqual([name, true]);
        expect(matchers).toContain('job=~"$job"');
        if (holds('target-instance-rule', board)) expect(matchers).toContain('instance=~"$instance"');
        if (within === 'rate' || within === 'irate') expect(range).toBe('$__rate_interval');
        if (name.endsWith('_total')) expect(within).toMatch(/^(?:rate|irate|increase)$/);
      }
    }
  });

  test('multiplies no average by the length of the time shown, which counts samples that are missing', () => {
    for (const { target } of queries) expect(target.expr).not.toMatch(/\$__range_s|avg_over_time/);
  });

  test('has two samples in every rate, though scrapes be 2 minutes apart', () => {
    for (const { panel, target } of queries.filter(({ target: { expr } }) => expr.includes('$__rate_interval'))) {
      const [, minutes] = /^(\d+)m$/.exec(target.interval ?? panel.interval ?? '') ?? [];
      expect([panel.title, 4 * Number(minutes)]).toEqual([panel.title, expect.toSatisfy((span: number) => span >= 4)]);
    }
  });

  test('sums no gauge over several widths or states, and no replicas', () => {
    for (const { target } of queries) {
      for (const { name, matchers } of selectorsIn(target.expr)) {
        if (name.startsWith('openai_usage_')) expect(matchers).toMatch(/bucket_width="\w+".*state="\w+"/);
        const twice =
          // A live record is reported to one replica, so replicas of live usage are added up; of names one is taken.
          /^openai_(?!exporter_|live_|up$|\w+_info$)/.test(name) &&
          !target.expr.includes(`max by (${identity.join(', ')}`) &&
          !matchers.includes('instance');
        expect([target.expr, twice]).toEqual([target.expr, false]);
      }
    }
  });
});

const promtool = findTool('promtool', 'prometheus');

test.skipIf(promtool === undefined)('promtool can read every query', () => {
  // What a text box holds is a label; the others are patterns of its values.
  const values = new Proxy<Record<string, string>>({}, { get: (_, name) => (name === 'label' ? 'model' : '.*') });
  const rules = dashboards.flatMap((board) =>
    queriesOf(board).map(({ panel, target }) => ({
      record: `panel:${board.uid.replaceAll('-', '_')}_${panel.id}:${target.refId}`,
      expr: fillIn(target.expr, values, { range: 86_400, step: 240 }),
    })),
  );
  const directory = mkdtempSync(join(tmpdir(), 'dashboards-'));
  writeFileSync(join(directory, 'panels.yml'), stringify({ groups: [{ name: 'panels', rules }] }));
  const { status, stderr, stdout } = spawnSync(promtool ?? '', ['check', 'rules', join(directory, 'panels.yml')], {
    encoding: 'utf8',
  });
  rmSync(directory, { recursive: true });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`${rules.length} rules found`);
});
