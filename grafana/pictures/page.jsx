/**
 * Draws a board as Grafana would: the real JSON, a real Prometheus, and Grafana's own components. Bundled by bundle.mjs
 * with packages that the project itself does not have.
 */
import {
  applyFieldOverrides,
  createFieldConfigRegistry,
  createTheme,
  dateTime,
  FieldColorModeId,
  FieldType,
  getDisplayProcessor,
  getFieldDisplayValues,
  rangeUtil,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  ThemeContext,
  toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, Table, TimeSeries } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';
import plotStyle from 'uplot/dist/uPlot.min.css';

/** What a panel can set for a field; Grafana registers the same when it starts. */
const properties = [
  'unit',
  'min',
  'max',
  'decimals',
  'displayName',
  'color',
  'noValue',
  'links',
  'mappings',
  'thresholds',
];
standardFieldConfigEditorRegistry.setInit(() =>
  properties.map((id) => ({
    id,
    path: id,
    name: id,
    editor: () => null,
    override: () => null,
    process: (value) => value,
    shouldApply: () => true,
    settings: {},
  })),
);
standardEditorsRegistry.setInit(() => []);
const used = [
  standardTransformers.mergeFieldsTransformer ?? standardTransformers.mergeTransformer,
  standardTransformers.organizeFieldsTransformer,
];
standardTransformersRegistry.setInit(() =>
  used.map((transformation) => ({
    id: transformation.id,
    name: transformation.id,
    transformation,
    editor: () => null,
  })),
);
const registry = createFieldConfigRegistry({}, 'board');

const query = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: query.get('theme') ?? 'dark' } });
const board = await (await fetch(`/boards/${query.get('board')}.json`)).json();
const width = 1_600;
const unit = { width: width / 24, height: 38, gap: 8 };

const span = query.get('from') ?? board.time.from;
const now = Date.now();
const seconds = rangeUtil.intervalToSeconds(span.replace('now-', ''));
const range = { from: dateTime(now - seconds * 1_000), to: dateTime(now), raw: { from: span, to: 'now' } };
const title = `${board.title}   ·   last ${span.replace('now-', '').replace('d', ' days').replace('h', ' hours').replace('m', ' minutes')}`;

const values = Object.fromEntries(
  board.templating.list.map(({ name, type, query, allValue, includeAll, current }) => [
    name,
    type === 'textbox' ? query : includeAll ? (allValue ?? '.*') : (current?.value ?? ''),
  ]),
);

/** Puts the variables in, and Grafana's own for a step. */
function filledIn(expr, step, least) {
  const own = {
    __interval: `${step}s`,
    __rate_interval: `${Math.max(step + least, 4 * least)}s`,
    __range: `${seconds}s`,
    __range_s: String(seconds),
  };
  return expr.replaceAll(/\$(\w+)/g, (whole, name) => own[name] ?? values[name] ?? whole);
}

/** A title with the values of variables. */
const worded = (text) => text.replaceAll(/\$(\w+)/g, (whole, name) => values[name] ?? whole);

/** A number as Prometheus writes it. */
const numberOf = (text) => Number(text.replace('Inf', 'Infinity'));

async function ask(path, parameters) {
  const response = await fetch(`/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const body = await response.json();
  if (body.status !== 'success') throw new Error(body.error);
  return body.data.result;
}

function nameOf(legend, metric) {
  if (legend !== undefined && legend !== '__auto')
    return worded(legend).replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
  const labels = Object.entries(metric).filter(([label]) => label !== '__name__');
  return labels.length === 0 ? 'Value' : `{${labels.map(([label, value]) => `${label}="${value}"`).join(', ')}}`;
}

function tableOf({ refId }, result, several) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))]
    .filter((label) => label !== '__name__')
    .sort();
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(({ value }) => value[0] * 1_000) },
      ...labels.map((name) => ({
        name,
        type: FieldType.string,
        values: result.map(({ metric }) => metric[name] ?? ''),
      })),
      {
        name: several ? `Value #${refId}` : 'Value',
        type: FieldType.number,
        values: result.map(({ value }) => numberOf(value[1])),
      },
    ],
  });
}

function seriesOf({ refId, legendFormat }, { metric, value, values: samples = [value] }, step) {
  // A gap is a gap: where a sample is missing between two steps, there is a null.
  const times = [];
  const numbers = [];
  for (const [time, text] of samples) {
    const before = times.at(-1);
    if (before !== undefined && time * 1_000 - before > step * 1_500) {
      times.push(before + step * 1_000);
      numbers.push(null);
    }
    times.push(time * 1_000);
    numbers.push(numberOf(text));
  }
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        config: { displayNameFromDS: nameOf(legendFormat, metric) },
        values: numbers,
      },
    ],
  });
}

/** The data of a panel, as the data source and the transformations would give it. */
async function framesOf(panel) {
  const points = Math.round(panel.gridPos.w * unit.width);
  const frames = [];
  for (const target of panel.targets ?? []) {
    const least = rangeUtil.intervalToSeconds(target.interval ?? panel.interval ?? '30s');
    const { intervalMs } = rangeUtil.calculateInterval(range, points, `${least}s`);
    const step = intervalMs / 1_000;
    const expr = filledIn(target.expr, step, least);
    if (target.instant) {
      const result = await ask('query', { query: expr, time: now / 1_000 });
      if (target.format === 'table') frames.push(tableOf(target, result, panel.targets.length > 1));
      else frames.push(...result.map((each) => seriesOf(target, each, step)));
    } else {
      const start = Math.floor((now / 1_000 - seconds) / step) * step;
      const end = Math.floor(now / 1_000 / step) * step;
      frames.push(
        ...(await ask('query_range', { query: expr, start, end, step })).map((each) => seriesOf(target, each, step)),
      );
    }
  }
  return await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames));
}

function prepared(panel, frames) {
  const mode = panel.type === 'timeseries' ? FieldColorModeId.PaletteClassic : FieldColorModeId.Thresholds;
  const { defaults, overrides } = panel.fieldConfig;
  const data = applyFieldOverrides({
    data: frames,
    fieldConfig: { defaults: { color: { mode }, ...defaults }, overrides },
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
    fieldConfigRegistry: registry,
  });
  /** What overrides say of a field's look, which the registry above does not know. */
  const own = ({ config, name }) =>
    overrides
      .filter(({ matcher }) => matcher.id === 'byName' && matcher.options === (config.displayName ?? name))
      .flatMap(({ properties }) => properties.filter(({ id }) => id.startsWith('custom.')))
      .map(({ id, value }) => [id.replace('custom.', ''), value]);
  for (const { fields } of data) {
    for (const field of fields) {
      const looks = Object.fromEntries(own(field));
      field.config.custom = { axisPlacement: 'auto', spanNulls: false, ...defaults.custom, ...looks };
      if (field.type === FieldType.time) field.display ??= getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
  }
  return data;
}

function Content({ panel, frames, width, height }) {
  const { options, fieldConfig } = panel;
  if (frames.every(({ length }) => length === 0)) {
    const text = fieldConfig.defaults.noValue;
    const style = {
      display: 'grid',
      placeItems: 'center',
      width,
      height,
      fontSize: text ? 24 : 14,
      color: theme.colors.text.secondary,
    };
    return <div style={style}>{text ?? 'No data'}</div>;
  }
  const data = prepared(panel, frames);
  if (panel.type === 'timeseries') {
    return (
      <TimeSeries
        width={width}
        height={height}
        frames={data}
        timeRange={range}
        timeZone="utc"
        structureRev={1}
        legend={options.legend}
        options={options}
      />
    );
  }
  if (panel.type === 'table')
    return <Table width={width} height={height} data={data[0]} initialSortBy={options.sortBy ?? []} />;
  const shown = getFieldDisplayValues({
    fieldConfig,
    reduceOptions: options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data,
    timeZone: 'utc',
  });
  if (panel.type === 'stat') {
    return (
      <div style={{ display: 'flex' }}>
        {shown.map(({ display }, index) => (
          <BigValue
            key={index}
            width={width / shown.length}
            height={height}
            value={display}
            theme={theme}
            colorMode={options.colorMode}
            graphMode={options.graphMode}
            text={options.text}
            textMode={shown.length === 1 ? 'value' : options.textMode}
          />
        ))}
      </div>
    );
  }
  const numbers = shown.map(({ display }) => display.numeric);
  const longest = Math.max(...shown.map(({ display }) => display.title?.length ?? 0));
  const each = Math.min(height / shown.length, 40);
  return (
    <div>
      {shown.map(({ display, field }, index) => (
        <BarGauge
          key={index}
          width={width}
          height={each - 6}
          value={display}
          field={{ ...field, min: field.min ?? Math.min(0, ...numbers), max: field.max ?? Math.max(...numbers) }}
          theme={theme}
          display={(value) => getDisplayProcessor({ field: { type: FieldType.number, config: field }, theme })(value)}
          orientation="horizontal"
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          text={{ titleSize: 13, valueSize: 14 }}
          alignmentFactors={{ title: 'm'.repeat(Math.min(longest, 34)), text: '000,000.00' }}
          itemSpacing={6}
          showUnfilled
        />
      ))}
    </div>
  );
}

/** A panel that cannot be drawn says why, and fails the picture. */
class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(error) {
    console.error(error);
    return { error };
  }
  render() {
    return this.state.error ? <pre>{String(this.state.error)}</pre> : this.props.children;
  }
}

function Drawn({ panel, frames }) {
  const { x, y, w, h } = panel.gridPos;
  const size = { width: w * unit.width - unit.gap, height: h * unit.height - unit.gap };
  const style = { position: 'absolute', left: x * unit.width + unit.gap / 2, top: (y + 1.2) * unit.height, ...size };
  if (panel.type === 'row') return <h4 style={{ ...style, margin: 0, paddingTop: 8 }}>{worded(panel.title)}</h4>;
  return (
    <div style={style}>
      <PanelChrome {...size} title={worded(panel.title)} description={panel.description}>
        {(width, height) => (
          <Guard>
            <Content panel={panel} frames={frames} width={width} height={height} />
          </Guard>
        )}
      </PanelChrome>
    </div>
  );
}

const panels = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const loaded = await Promise.all(
  panels.map(async (panel) => ({
    panel,
    frames: await framesOf(panel).catch((error) => {
      console.error(`${panel.title}: ${error}`);
      return [];
    }),
  })),
);
const height = (Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) + 1.4) * unit.height;
createRoot(document.getElementById('board')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <style>{plotStyle}</style>
    <div style={{ position: 'relative', width, height, background: theme.colors.background.canvas }}>
      <h3 style={{ position: 'absolute', left: 8, top: 12, margin: 0, whiteSpace: 'pre' }}>{title}</h3>
      {loaded.map(({ panel, frames }) => (
        <Drawn key={panel.id} panel={panel} frames={frames} />
      ))}
    </div>
  </ThemeContext.Provider>,
);
setTimeout(() => document.body.setAttribute('data-drawn', ''), 3_000);
