/** The kinds of panels that the boards are made of, each with the one look it has everywhere. */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export type Panel = cog.Builder<dashboard.Panel>;

export interface About {
  readonly title: string;
  /** A sentence or two: what it shows, and what to mind. */
  readonly about: string;
  /** The unit as Grafana names it. */
  readonly unit: string;
  readonly decimals?: number;
  /** The words that stand there instead of a number; for panels of something that not everybody has. */
  readonly none?: string;
  /** The width in columns, of 24. */
  readonly width?: number;
  readonly height?: number;
  /** Words for a value, or for all values from one on. */
  readonly words?: readonly Words[];
  /** The value from which it is yellow, and that from which it is red; if the first is larger, below which. */
  readonly thresholds?: readonly [number, number];
  /** The ends of bars, where the largest and the smallest value would not say how much it is. */
  readonly min?: number;
  readonly max?: number;
  /** Pixels of a number's text; default: as large as it fits. */
  readonly textSize?: number;
}

export interface Words {
  readonly from: number;
  /** The last value that it is for; default: `from` alone. */
  readonly to?: number;
  readonly text: string;
  readonly color?: string;
}

export interface Query {
  readonly expr: string;
  /** Template of the series' name, or of a table the heading of the value's column. */
  readonly legend?: string;
  /** Draws its curve in grey: what it is compared with, not what is now. */
  readonly past?: boolean;
}

export const source = { type: 'prometheus', uid: '$datasource' };

/** Amounts of money to the cent. Only this unit keeps the last zero of 413.20. The currency is that of the variable. */
export const money = { unit: 'none', decimals: 2 } as const;
/** Amounts of a month, in whole units with separators of thousands. */
export const wholeMoney = { unit: 'locale', decimals: 0 } as const;

const letters = 'ABCDEFGHIJ';

function target({ expr, legend }: Query, index: number, step?: string): prometheus.DataqueryBuilder {
  const query = new prometheus.DataqueryBuilder()
    .datasource(source)
    .refId(letters.charAt(index))
    .expr(expr)
    .editorMode(prometheus.QueryEditorMode.Code);
  if (step !== undefined) query.interval(step);
  return legend === undefined ? query : query.legendFormat(legend);
}

/** The newest number, of one series. */
export function number(about: About, expr: string): Panel {
  const panel = new stat.PanelBuilder()
    .withTarget(target({ expr }, 0, everyMinute).instant())
    .colorMode(isColoured(about) ? common.BigValueColorMode.Value : common.BigValueColorMode.None)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  if (about.textSize !== undefined) panel.text(new common.VizTextDisplayOptionsBuilder().valueSize(about.textSize));
  return described(panel, { width: 4, height: 4, ...about });
}

const isColoured = ({ thresholds, words = [] }: About) =>
  thresholds !== undefined || words.some(({ color }) => color !== undefined);

/** Lines over time, from 0 on: a part of an axis makes small changes look large. */
export function lines(
  about: About,
  queries: readonly Query[],
  { step = everyMinute, stacked = false, bars = false, softMax }: Look = {},
): Panel {
  const panel = new timeseries.PanelBuilder()
    .targets(queries.map((query, index) => target(query, index, step).range()))
    .drawStyle(bars ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(stacked || bars ? 40 : 8)
    .showPoints(common.VisibilityMode.Never)
    .axisSoftMin(0)
    .stacking(
      new common.StackingConfigBuilder()
        .mode(stacked ? common.StackingMode.Normal : common.StackingMode.None)
        .group('A'),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    );
  panel.interval(step);
  if (softMax !== undefined) panel.axisSoftMax(softMax);
  for (const { legend, past } of queries) {
    if (past === true && legend !== undefined) {
      panel.overrideByName(legend, [{ id: 'color', value: { mode: 'fixed', fixedColor: '#8e8e8e' } }]);
    }
  }
  return described(panel, { width: 12, height: 8, ...about });
}

export interface Look {
  /** The least time between two points: how often the series is recorded. Default: a minute. */
  readonly step?: string;
  readonly stacked?: boolean;
  readonly bars?: boolean;
  /** The value that the axis reaches at least, so that 0 is not in the middle of nothing. */
  readonly softMax?: number;
}

/**
 * How often counters with few labels are recorded. As the least time between two points it makes $__rate_interval 4 minutes,
 * which has two samples of whatever is scraped every 2 minutes or more often, whether Grafana knows how often or not.
 */
export const everyMinute = '1m';
/** The interval at which money is recorded, and counters with all labels for curves. */
export const everyFourMinutes = '4m';
/** The distance between the points of a share: the few requests of four minutes say little of it. */
export const everyTenMinutes = '10m';

/** The newest values, largest first. */
export function ranking(about: About, { expr, legend }: Query): Panel {
  const panel = new bargauge.PanelBuilder()
    .withTarget(target({ expr, ...(legend === undefined ? {} : { legend }) }, 0).instant())
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  return described(panel, { width: 8, height: 8, ...about });
}

export interface Column {
  readonly heading: string;
  readonly unit?: string;
  /** Words for a value of the column. */
  readonly words?: readonly Words[];
}

export interface Arrangement {
  /** The heading of the column that rows are sorted by. */
  readonly by?: string;
  readonly descending?: boolean;
  /** Pixels of columns that need less than others, by their headings. */
  readonly widths?: Readonly<Record<string, number>>;
}

/** The newest values of several queries, as columns beside the labels that they share, in the order in which both are given. */
export function columns(
  about: About,
  labels: Readonly<Record<string, string>>,
  values: readonly (Column & { readonly expr: string })[],
  { by, descending = false, widths = {} }: Arrangement = {},
): Panel {
  const fieldOf = (index: number) => (values.length === 1 ? 'Value' : `Value #${letters.charAt(index)}`);
  const order = [...Object.keys(labels), ...values.map((_, index) => fieldOf(index))];
  const panel = new table.PanelBuilder()
    .targets(
      values.map(({ expr }, index) => target({ expr }, index).instant().format(prometheus.PromQueryFormat.Table)),
    )
    .cellHeight(common.TableCellHeight.Sm)
    .minWidth(80)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
        renameByName: {
          ...labels,
          ...Object.fromEntries(values.map(({ heading }, index) => [fieldOf(index), heading])),
        },
      },
    });
  if (by !== undefined) {
    panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(by).desc(descending)]);
  }
  for (const [heading, width] of Object.entries(widths)) {
    panel.overrideByName(heading, [{ id: 'custom.width', value: width }]);
  }
  for (const { heading, unit, words } of values) {
    const properties = [
      ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
      ...(words === undefined ? [] : [{ id: 'mappings', value: mappingsOf(words) }]),
    ];
    if (properties.length > 0) panel.overrideByName(heading, properties);
  }
  return described(panel, { width: 12, height: 9, ...about });
}

function mappingsOf(words: readonly Words[]): dashboard.ValueMapping[] {
  return words.map(({ from, to = from, text, color }) => ({
    type: dashboard.MappingType.RangeToText,
    options: { from, to, result: { text, ...(color === undefined ? {} : { color }) } },
  }));
}

interface Described {
  title(title: string): unknown;
  description(text: string): unknown;
  unit(unit: string): unknown;
  datasource(source: { readonly type: string; readonly uid: string }): unknown;
  decimals(decimals: number): unknown;
  min(min: number): unknown;
  max(max: number): unknown;
  noValue(text: string): unknown;
  mappings(mappings: dashboard.ValueMapping[]): unknown;
  span(width: number): unknown;
  height(height: number): unknown;
  thresholds(thresholds: cog.Builder<dashboard.ThresholdsConfig>): unknown;
}

function described<T extends Panel & Described>(
  panel: T,
  about: About & { readonly width: number; readonly height: number },
): T {
  panel.title(about.title);
  panel.description(about.about);
  panel.unit(about.unit);
  panel.datasource(source);
  panel.span(about.width);
  panel.height(about.height);
  if (about.decimals !== undefined) panel.decimals(about.decimals);
  if (about.min !== undefined) panel.min(about.min);
  if (about.max !== undefined) panel.max(about.max);
  if (about.none !== undefined) panel.noValue(about.none);
  if (about.words !== undefined) {
    panel.mappings(mappingsOf(about.words));
  }
  const [from, worst] = about.thresholds ?? [];
  const plain = about.thresholds === undefined && isColoured(about);
  const steps: dashboard.Threshold[] = [{ value: null, color: plain ? 'text' : 'green' }];
  if (from !== undefined && worst !== undefined) {
    if (from === worst) steps.push({ value: worst, color: 'red' });
    else if (from < worst) steps.push({ value: from, color: 'yellow' }, { value: worst, color: 'red' });
    else {
      const rising = [
        { value: null, color: 'red' },
        { value: worst, color: 'yellow' },
        { value: from, color: 'green' },
      ];
      steps.splice(0, 1, ...rising);
    }
  }
  panel.thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps));
  return panel;
}
