/**
 * The past of the demonstration, so that a first look shows weeks and not minutes: the month before, as OpenMetrics for
 * promtool. Counters and money are the truth of the simulated organization. The series that the recording rules would
 * have recorded of them are written, too: `promtool tsdb create-blocks-from rules` makes blocks for every single rule,
 * which takes minutes. A test holds some hours of them against the rules, sample by sample.
 */
import { endpoints, type UsageEndpoint } from '../../src/openai/catalogue.ts';
import { amountToDecimal } from '../../src/simulation/costs.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import { escapeLabelValue, labelText, labelValue } from '../../src/usage/labels.ts';
import { anchorAt, day, monthly } from '../../src/usage/windows.ts';
import { limitsPast } from './limits-past.ts';

export interface PastOptions {
  readonly organization: Organization;
  /** The metrics page of the running demonstration, for names. */
  readonly page: string;
  readonly job: string;
  readonly instance: string;
  /** Milliseconds: the past ends here, and is what is known here. */
  readonly now: number;
  /** Default 30. */
  readonly days?: number;
  /** Seconds between the samples of the API's own counters; default an hour, as `backfill` writes them. */
  readonly rawStep?: number;
}

const daySeconds = day / 1_000;
const hourSeconds = 3_600;
/** Seconds that usage takes to settle. */
const settle = 900;
const pastDays = 30;

/** Yields the text in pieces, instant by instant. */
export function* pastOf(options: PastOptions): Generator<string> {
  const end = Math.floor(options.now / 1_000);
  const tellers = [
    ...endpoints.flatMap((endpoint) => (endpoint.kind === 'usage' ? [usagePast(options, endpoint)] : [])),
    moneyPast(options),
    limitsPast(options, settle),
    namesPast(options),
  ];
  for (const instant of instantsTo(end, options.days ?? pastDays)) {
    const lines: string[] = [];
    for (const tell of tellers) tell(instant, lines);
    yield lines.map((line) => `${line} ${instant}\n`).join('');
  }
  yield '# EOF\n';
}

/**
 * The instants of the past, as close as boards look: every 10 minutes of the month, every 4 of the last week, every 2 of
 * the last day and of the same day a week before.
 */
function* instantsTo(end: number, days: number): Generator<number> {
  const stepAt = (age: number) => {
    if (age <= 1.1 * daySeconds || (age >= 6.9 * daySeconds && age <= 8.1 * daySeconds)) return 120;
    return age <= 8.1 * daySeconds ? 240 : 600;
  };
  for (let instant = Math.ceil((end - days * daySeconds) / 120) * 120; instant <= end; instant += 120) {
    if (instant % stepAt(end - instant) === 0) yield instant;
  }
}

/** Adds lines of an instant, without the instant. */
export type Tell = (instant: number, lines: string[]) => void;

const every = 'job_project_key_user_model:openai';
const special: Readonly<Record<string, string>> = {
  input_audio_tokens: 'audio input',
  output_audio_tokens: 'audio output',
  input_image_tokens: 'image input',
  output_image_tokens: 'image output',
  input_cache_write_tokens: 'cache writes',
};

/** A recorded counter that a field adds to. Labels with a value are fixed, the others are the row's. */
interface Recorded {
  readonly name: string;
  readonly fixed: string;
  readonly dimensions: readonly string[];
}

/** The records that the rules make of a field. */
function recordedOf({ api, fields, dimensions }: UsageEndpoint, field: string): readonly Recorded[] {
  const fixed = `api="${api}"`;
  const all = (name: string, more = '') => ({ name: `${every}_${name}_total:max4m`, fixed: fixed + more, dimensions });
  const few = (level: string, name: string, ids: readonly string[]) => ({
    name: `${level}:openai_${name}_total:sum`,
    fixed,
    dimensions: ids.filter((id) => dimensions.includes(id)),
  });
  const isTool = fields.some(({ name }) => name === 'num_requests');
  if (field === 'input_tokens' || field === 'output_tokens') {
    return [
      all('tokens', `,direction="${field.replace('_tokens', '')}"`),
      ...(api === 'completions' ? [all('completions_tokens')] : []),
      few('job_project', 'tokens', ['project_id']),
      few('job_model', 'tokens', ['model']),
      few('job_project_key', 'tokens', ['project_id', 'api_key_id']),
      few('job_user', 'tokens', ['user_id']),
    ];
  }
  if (field === 'num_model_requests') {
    return isTool ? [] : [all('requests'), few('job_project', 'requests', ['project_id'])];
  }
  if (field === 'input_cached_tokens') return [all('cached_tokens')];
  const kind = special[field];
  if (kind !== undefined) return [all('special_tokens', `,kind="${kind}"`)];
  const unit = fields.find(({ kind, required }) => kind === 'flow' && required)?.name;
  const isUnit =
    !/tokens|num_model_requests/.test(field) && fields.some((each) => each.name === field && each.required);
  return isUnit && unit !== undefined ? [all('units')] : [];
}

/** The counters of an api, and what is recorded of them at every instant. */
function usagePast(
  { organization, job, instance, now, rawStep = hourSeconds }: PastOptions,
  endpoint: UsageEndpoint,
): Tell {
  const { api, dimensions, fields } = endpoint;
  const truth = (from: number, to: number) =>
    organization.truth.usage(api, { from, to }, { groupBy: dimensions, at: now });
  if (fields.some(({ kind }) => kind === 'level')) {
    return (instant, lines) => {
      const hour = Math.floor((instant - settle) / hourSeconds) * hourSeconds;
      for (const { labels, fields: values } of truth(hour - hourSeconds, hour)) {
        const text = `job="${job}",${labelText(dimensions, labels.map(labelValue))}`;
        for (const [field, value] of values) lines.push(`job_project:openai_${api}_${field}:max{${text}} ${value}`);
      }
    };
  }
  const recorded = new Map(fields.map(({ name }) => [name, recordedOf(endpoint, name)]));
  /** Totals by series, of the API's counters and of the recorded ones. */
  let raw = new Map<string, number>();
  let sums = new Map<string, number>();
  let anchor = 0;
  let counted = 0;
  return (instant, lines) => {
    const settled = Math.floor((instant - settle) / 60) * 60;
    const began = anchorAt(settled * 1_000, monthly);
    if (began !== anchor) {
      raw = new Map();
      sums = new Map();
      anchor = began;
      counted = began;
    }
    /** A new series shows 0 first, so that its first usage is a rise. */
    const fresh = new Set<string>();
    const add = (totals: Map<string, number>, key: string, value: number) => {
      const before = totals.get(key);
      totals.set(key, (before ?? 0) + value);
      if (before === undefined && counted > began) fresh.add(key);
    };
    for (const { labels, fields: values } of truth(counted, settled)) {
      const texts = labels.map(labelValue);
      const textOf = (name: string) => escapeLabelValue(texts[dimensions.indexOf(name)] ?? '');
      const whole = labelText(dimensions, texts);
      for (const [field, value] of values) {
        if (value === 0) continue;
        add(raw, `openai_${api}_${field}_total{job="${job}",instance="${instance}",${whole}}`, value);
        for (const { name, fixed, dimensions: own } of recorded.get(field) ?? []) {
          const text = own.map((label) => `,${label}="${textOf(label)}"`).join('');
          add(sums, `${name}{job="${job}",${fixed}${text}}`, value);
        }
      }
    }
    counted = settled;
    const show = (totals: ReadonlyMap<string, number>) => {
      for (const [key, total] of totals) lines.push(`${key} ${fresh.has(key) ? 0 : total}`);
    };
    show(sums);
    if (instant % rawStep === 0) show(raw);
  };
}

/** Today's costs, those of the newest settled day, of the month and of the one before, as they were known. */
function moneyPast({ organization, job }: PastOptions): Tell {
  type Sums = ReadonlyMap<string, number>;
  const settledDays = new Map<number, Sums>();
  /** Sums of a day by label text, as known at an instant; two days after its end it no longer changes much. */
  const sumsOf = (start: number, at: number): Sums => {
    const last = start + 3 * daySeconds;
    const kept = at >= last ? settledDays.get(start) : undefined;
    if (kept !== undefined) return kept;
    const span = { from: start, to: start + daySeconds };
    const known = { groupBy: ['project_id'], at: Math.min(at, last) * 1_000 };
    const sums = new Map(
      organization.truth.costs(span, known).flatMap(({ labels: [project = null], amount, currency }) => {
        const text = labelText(['currency', 'project_id'], [currency, labelValue(project)]);
        return amount === null ? [] : [[text, Number(amountToDecimal(amount))] as const];
      }),
    );
    if (at >= last) settledDays.set(start, sums);
    return sums;
  };
  const linesOf = (name: string, from: number, to: number, at: number): readonly string[] => {
    const projects = new Map<string, number>();
    const all = new Map<string, number>();
    for (let start = from; start < to; start += daySeconds) {
      for (const [text, amount] of sumsOf(start, at)) {
        const [currency = ''] = text.split(',');
        projects.set(text, (projects.get(text) ?? 0) + amount);
        all.set(currency, (all.get(currency) ?? 0) + amount);
      }
    }
    const line = (level: string) => (entry: readonly [string, number]) =>
      `${level}:openai_costs_${name}_amount:sum{job="${job}",${entry[0]}} ${entry[1]}`;
    return [...[...projects].map(line('job_project')), ...[...all].map(line('job'))];
  };
  let known: readonly string[] = [];
  let knownAt = 0;
  return (instant, lines) => {
    // OpenAI is asked for costs every 10 minutes.
    const asked = Math.floor(instant / 600) * 600;
    if (asked !== knownAt) {
      const today = Math.floor(asked / daySeconds) * daySeconds;
      const month = anchorAt(asked * 1_000, monthly);
      const before = anchorAt((month - 1) * 1_000, monthly);
      known = [
        ...linesOf('today', today, today + daySeconds, asked),
        ...linesOf('settled_day', today - 2 * daySeconds, today - daySeconds, asked),
        ...linesOf('month_to_date', month, today + daySeconds, asked),
        ...linesOf('previous_month', before, month, asked),
      ];
      knownAt = asked;
    }
    for (const line of known) lines.push(line);
  };
}

const named = [
  ['openai_project_info', 'job_project:openai_project_name:info', /project_id="[^"]*",project_name="[^"]*"/],
  ['openai_api_key_info', 'job_key:openai_api_key_name:info', /api_key_id="[^"]*",api_key_name="[^"]*"/],
  ['openai_user_info', 'job_user:openai_user_name:info', /user_id="[^"]*",user_name="[^"]*"/],
] as const;

/** The names that the running demonstration knows, by which curves are called. */
function namesPast({ page, job }: PastOptions): Tell {
  const all = named.flatMap(([family, record, labels]) => [
    ...page
      .split('\n')
      .filter((line) => line.startsWith(`${family}{`))
      .map((line) => `${record}{job="${job}",${labels.exec(line)?.[0] ?? ''}} 1`),
    `${record}{job="${job}"} 1`,
  ]);
  return (_, lines) => {
    for (const line of all) lines.push(line);
  };
}
