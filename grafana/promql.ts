/**
 * Queries of the boards. Every selector has the chosen organizations; ids become names in one place, so that a name that
 * changes neither loses nor doubles an amount.
 */
import { within } from '../deploy/prometheus/identity.ts';
import { liveFields } from '../src/live/vocabulary.ts';
import { endpoints } from '../src/openai/catalogue.ts';

export type Matchers = Readonly<Record<string, string>>;

/** Variables that narrow down, by the label that they narrow. What a series does not have matches "all". */
const narrowing = {
  project: 'project_id',
  key: 'api_key_id',
  user: 'user_id',
  model: 'model',
  tier: 'service_tier',
  batch: 'batch',
} as const;

export type Narrowing = keyof typeof narrowing;

const settledHour = ['bucket_width="1h"', 'state="settled"'];
const chosen = ['job=~"$job"', 'namespace=~"$namespace"', 'organization=~"$organization"'];

/** A selector of the chosen organizations, narrowed by variables, with matchers of its own written as `="value"`. */
export function of(metric: string, by: readonly Narrowing[] = [], more: Matchers = {}): string {
  const matchers = [
    ...chosen,
    ...by.map((name) => `${narrowing[name]}=~"$${name}"`),
    ...Object.entries(more).map(([label, matcher]) => `${label}${matcher}`),
  ];
  return `${metric}{${matchers.join(', ')}}`;
}

/** A selector of the chosen organizations and instances: the exporter's own metrics, which tell of one process. */
export function own(metric: string, more: Matchers = {}): string {
  return of(metric, [], { instance: '=~"$instance"', ...more });
}

/** Takes what one of the replicas says, of equal values: a metric that no rule has recorded. */
export function once(selector: string, labels: readonly string[]): string {
  return `max by (${within(...labels)}) (${selector})`;
}

export const currency: Matchers = { currency: '="$currency"' };

const names = {
  project_id: { name: 'project_name', recorded: 'job_project:openai_project_name:info', info: 'openai_project_info' },
  api_key_id: { name: 'api_key_name', recorded: 'job_key:openai_api_key_name:info', info: 'openai_api_key_info' },
  user_id: { name: 'user_name', recorded: 'job_user:openai_user_name:info', info: 'openai_user_info' },
} as const;

type Id = keyof typeof names;

/** The label with the name of an id. */
export const nameOf = (id: Id): string => names[id].name;

/** Puts the recorded name beside an id; every id has exactly one, and so have series without the label. */
export function named(expr: string, id: Id): string {
  const { name, recorded } = names[id];
  return `${expr}
* on (${within(id)}) group_left (${name})
topk by (${within(id)}) (1, ${of(recorded)})`;
}

/** Puts the name beside an id without the help of a rule. */
export function namedNow(expr: string, id: Id): string {
  const { name, info } = names[id];
  return `${expr}
* on (${within(id)}) group_left (${name})
(
  group by (${within(id, name)}) (topk by (${within(id)}) (1, count by (${within(id, name)}) (${of(info)})))
  or
  group by (${within()}) (${of('openai_exporter_build_info')})
)`;
}

/** A curve: how much a recorded counter rises in a minute, by labels or by the names of ids. */
export function perMinute(selector: string, by: readonly string[]): string {
  return summed(`rate(${selector}[$__rate_interval])`, by, '60 * ');
}

/** An amount: what a recorded counter rose by in the time shown, by labels or by the names of ids. */
export function inRange(selector: string, by: readonly string[]): string {
  return summed(`increase(${selector}[$__range])`, by);
}

/** Keeps only what rose in the time shown. */
export const risen = (expr: string): string => `${expr} > 0`;

/** Sums by labels; a label that is the name of an id is joined by the id. */
export function summed(expr: string, by: readonly string[], factor = ''): string {
  const ids = (Object.keys(names) as Id[]).filter((id) => by.includes(names[id].name));
  if (ids.length === 0) return `${factor}sum${byText(by)} (${expr})`;
  const labels = [...by.filter((label) => !ids.some((id) => names[id].name === label)), ...ids];
  const joined = ids.reduce(named, `sum by (${within(...labels)}) (${expr})`);
  return `${factor}sum${byText(by)} (
${indented(joined)}
)`;
}

const byText = (labels: readonly string[]) => (labels.length === 0 ? '' : ` by (${labels.join(', ')})`);

export function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

/** 0 instead of nothing, under a label that says so, where 0 is true: the api's last poll succeeded, and it has no usage. */
export function orNone(expr: string, api: string, label: string): string {
  const polled = `0 * max(${of('openai_up', [], { api: `="${api}"` })} == 1)`;
  return `${expr}\nor on ()\nlabel_replace(${polled}, "${label}", "no usage", "", "")`;
}

/**
 * A curve of what an exporter seldom counts, by labels: only what happened in the time shown, so that a legend names nothing else,
 * or a line at 0 called "none".
 * @param seconds what the rate is for: a minute or an hour
 * @param select `of` on a board without a choice of instances
 */
export function happened(
  metric: string,
  by: readonly string[],
  seconds: number,
  select: (metric: string) => string = own,
): string {
  const selector = select(metric);
  const [first = ''] = by;
  const labels = by.join(', ');
  return `${seconds} * sum by (${labels}) (rate(${selector}[$__rate_interval]))
and on (${labels})
sum by (${labels}) (increase(${selector}[$__range] @ end())) > 0
or on ()
label_replace(0 * max(${select('openai_exporter_build_info')}), "${first}", "none", "", "")`;
}

/** −1 instead of nothing where an exporter answers and does not have a thing: a mapping of the panel says so in words. */
export function orWithout(expr: string, thing: string): string {
  return `${expr}
or on ()
-1 * (max(${of('openai_exporter_build_info')}) unless on () max(${thing}))`;
}

/** The labels of an amount of money. */
export const costLabels = [
  'currency',
  ...endpoints.filter(({ api }) => api === 'costs').flatMap(({ dimensions }) => dimensions),
];

const usage = endpoints.filter((endpoint) => endpoint.kind === 'usage');
const having = (field: string) =>
  usage.filter(({ fields }) => fields.some(({ name }) => name === field)).map(({ api }) => api);
const pairs = (['input_tokens', 'output_tokens'] as const).flatMap((field) =>
  having(field).map((api) => `${api}_${field}`),
);
/** Requests to a model; calls of a tool are counted apart. */
const requests = having('num_model_requests')
  .filter((api) => !having('num_requests').includes(api))
  .map((api) => `${api}_num_model_requests`);

/** Input and output of all apis, or requests, without the help of a rule. @param labels that are left beside the organization */
export function raw(
  what: 'tokens' | 'requests',
  kind: 'this month' | 'newest settled hour',
  labels: readonly string[],
): string {
  const fields = (what === 'tokens' ? pairs : requests).join('|');
  const dimensions = [...new Set(usage.flatMap(({ dimensions }) => dimensions))];
  const matchers =
    kind === 'this month'
      ? [`__name__=~"openai_(${fields})_total"`, ...chosen]
      : [`__name__=~"openai_usage_(${fields})"`, ...chosen, ...settledHour];
  return `sum by (${within(...labels)}) (
  max by (${within('__name__', ...dimensions)}) ({${matchers.join(', ')}})
)`;
}

/** Tokens that both OpenAI and applications count. */
const liveTokens = pairs.filter((name) => liveFields.some((field) => `${field.api}_${field.name}` === name));

/** All of them; a rate has no name, so that two counters would be one series without a label that keeps them apart. */
function allLive(rise: (counter: string) => string, narrowed: readonly Narrowing[]): string {
  const each = liveTokens.map((name) => {
    const counter = of(`openai_live_${name}_total`, narrowed);
    return `label_replace(${rise(counter)}, "of", "${name}", "", "")`;
  });
  return `\n${indented(each.join('\nor\n'))}\n`;
}

/**
 * A curve of the tokens that applications report, by labels or by the names of ids. Replicas are added up: a record is
 * reported to one.
 * @param narrowed by the variables of the board
 */
export function livePerMinute(by: readonly string[], narrowed: readonly Narrowing[]): string {
  return summed(
    allLive((counter) => `rate(${counter}[$__rate_interval])`, narrowed),
    by,
    '60 * ',
  );
}

/** The amount of tokens that applications have reported in the time shown. */
export function liveInRange(by: readonly string[], narrowed: readonly Narrowing[]): string {
  return summed(
    allLive((counter) => `increase(${counter}[$__range])`, narrowed),
    by,
  );
}

/** Asks what the live usage of all replicas says of the newest settled hour, or what OpenAI says of it; without the help of a rule. */
export function settledHourTokens(of: 'reported' | 'used', labels: readonly string[]): string {
  if (of === 'used') return raw('tokens', 'newest settled hour', labels);
  const matchers = [`__name__=~"openai_live_(${liveTokens.join('|')})"`, ...chosen, ...settledHour];
  return `sum by (${within(...labels)}) ({${matchers.join(', ')}})`;
}
