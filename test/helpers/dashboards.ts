/** The committed dashboards as data: as much of Grafana's model as the tests look at. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const dataSource = z.object({ type: z.string(), uid: z.string() });

const target = z.object({
  refId: z.string(),
  expr: z.string(),
  datasource: dataSource,
  instant: z.boolean(),
  format: z.string().optional(),
  legendFormat: z.string().optional(),
  interval: z.string().optional(),
});

const panel = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string().optional(),
  datasource: dataSource.optional(),
  interval: z.string().optional(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(target).optional(),
  fieldConfig: z
    .object({
      defaults: z.object({
        unit: z.string().optional(),
        thresholds: z
          .object({ steps: z.array(z.object({ value: z.number().nullable(), color: z.string() })) })
          .optional(),
      }),
    })
    .optional(),
});

const variable = z.object({
  name: z.string(),
  type: z.string(),
  label: z.string().optional(),
  query: z.union([z.string(), z.object({ query: z.string() })]),
  /** Takes a text and a value from what the query returns. */
  regex: z.string().optional(),
  datasource: dataSource.optional(),
  refresh: z.number().optional(),
  multi: z.boolean(),
  allValue: z.string().optional(),
});

const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  description: z.string(),
  editable: z.boolean(),
  tags: z.array(z.string()),
  time: z.object({ from: z.string(), to: z.string() }),
  links: z.array(
    z.object({ type: z.string(), tags: z.array(z.string()), includeVars: z.boolean(), keepTime: z.boolean() }),
  ),
  templating: z.object({ list: z.array(variable) }),
  panels: z.array(panel),
});

export type Dashboard = z.infer<typeof dashboard>;
export type Panel = z.infer<typeof panel>;
export type Variable = z.infer<typeof variable>;
export type Target = z.infer<typeof target>;

export const dashboardDirectory: string = fileURLToPath(new URL('../../grafana/dashboards/', import.meta.url));

export const committedDashboards: ReadonlyMap<string, string> = new Map(
  readdirSync(dashboardDirectory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name, readFileSync(`${dashboardDirectory}${name}`, 'utf8')]),
);

export const dashboards: readonly Dashboard[] = [...committedDashboards.values()].map((json) =>
  dashboard.parse(JSON.parse(json)),
);

/** The panels of a board that show something, with their queries. */
export function queriesOf(board: Dashboard): readonly { readonly panel: Panel; readonly target: Target }[] {
  return board.panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));
}

/** The query of a variable as Grafana sends it. */
export function queryOf({ query }: Variable): string {
  return typeof query === 'string' ? query : query.query;
}

export type Values = Readonly<Record<string, string>>;

/** Puts the variables' values in, and for Grafana's own those of a range and a step in seconds. */
export function fillIn(
  expr: string,
  values: Values,
  { range, step }: { readonly range: number; readonly step: number },
): string {
  const own: Values = {
    __interval: `${step}s`,
    __rate_interval: `${Math.max(step + 30, 120)}s`,
    __range: `${range}s`,
    __range_s: String(range),
  };
  return expr.replaceAll(/\$(\w+)/g, (whole, name: string) => {
    const value = own[name] ?? values[name];
    if (value === undefined) throw new Error(`no value for ${whole} in ${expr}`);
    return value;
  });
}
