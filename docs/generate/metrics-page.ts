/** The lists and tables of docs/metrics.md. */
import { type LiveField, liveApis, liveFields } from '../../src/live/vocabulary.ts';
import { estimated } from '../../src/metrics/families.ts';
import { everyId } from '../../src/metrics/names-section.ts';
import { type Endpoint, endpoints, type Field, userCosts } from '../../src/openai/catalogue.ts';
import { markdownTable } from './markers.ts';
import {
  budgetFamilies,
  estimateFamilies,
  limitFamilies,
  liveFamilies,
  liveLabels,
  moneyFamilies,
  nameFamilies,
  ownFamilies,
  type ServedFamily,
} from './served-families.ts';

/** Every api with its dimensions and fields, what the fields count, and sums of money. */
export function usagePart(): string {
  const delays = new Map(endpoints.map(({ kind, delay }) => [kind, delay]));
  const late = [...delays].map(([kind, delay]) => `${capitalized(kind)}: ${delay}`).join(' ');
  return `${late}

${apiTable()}
${fieldList()}
A second read of costs, ${code(userCosts.api)}, is by ${codes(userCosts.dimensions)} alone, because OpenAI does not grant user and project together to every organization. It is made where users are grouped by.

${moneyList()}`;
}

/** A row for all apis that differ in nothing but their names. */
function apiTable(): string {
  const alike = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    const { fields, dimensions } = endpoint;
    const key = JSON.stringify([fields.map(({ name }) => name), dimensions]);
    alike.set(key, [...(alike.get(key) ?? []), endpoint]);
  }
  const rows = [...alike.values()].map((group) => {
    const [{ fields, dimensions } = userCosts] = group;
    return [codes(group.map(({ api }) => api)), codes(dimensions), fieldsInWords(fields)];
  });
  return markdownTable(['Api', 'Dimensions', 'Fields'], rows);
}

/** The fields; of many, which stand together in the next list, the first and the last. */
function fieldsInWords(fields: readonly Field[]): string {
  const names = fields.map(({ name }) => name);
  const [first = '', last = ''] = [names[0], names.at(-1)];
  return names.length > 5 ? `${code(first)} to ${code(last)} below` : codes(names);
}

/** What each field counts, where its name does not say so. */
function fieldList(): string {
  const fields = endpoints.flatMap((endpoint) => endpoint.fields);
  const first = fields.filter(({ name }, index) => fields.findIndex((field) => field.name === name) === index);
  return first
    .filter(({ name, unit, note }) => note !== undefined || !name.endsWith(unit))
    .map((field) => `- ${code(field.name)}: ${meaningOf(field)}\n`)
    .join('');
}

function meaningOf({ unitLabel, ...field }: Field): string {
  const unit = unitLabel === undefined ? field.unit : `${field.unit} (label ${code(unitLabel.name)})`;
  return `${counted({ ...field, unit })}${field.required ? '' : ' Optional.'}${field.kind === 'flow' ? '' : ' No counter.'}`;
}

/** What a value counts, and its unit where the name does not end with it. */
function counted({
  name,
  unit,
  note,
}: Pick<LiveField, 'name' | 'unit'> & { readonly note?: string | undefined }): string {
  const inUnit = `${capitalized(unit)}.`;
  if (note === undefined) return inUnit;
  return name.endsWith(`_${unit}`) ? note : `${inUnit} ${note}`;
}

function moneyList(): string {
  const said = userCosts.fields.flatMap(({ note }) => note ?? []);
  return familyList(moneyFamilies, [...said, userCosts.delay]);
}

export function namesPart(): string {
  return `${everyId}\n\n${familyList(nameFamilies, [everyId])}`;
}

export function limitsPart(): string {
  return familyList(limitFamilies);
}

export function estimatesPart(): string {
  return `${estimated}\n\n${familyList(estimateFamilies, [estimated])}`;
}

export function budgetsPart(): string {
  return familyList(budgetFamilies);
}

export async function ownPart(): Promise<string> {
  return familyList(await ownFamilies());
}

/** The fields that OpenAI does not report, then what became of the records. */
export function livePart(): string {
  const further = liveFields.filter((field) => !isReported(field));
  const alike = new Map<string, string[]>();
  for (const field of further) {
    const key = `${code(field.name)} ${counted(field)}`;
    alike.set(key, [...(alike.get(key) ?? []), field.api]);
  }
  const rows = [...alike].map(([key, apis]) => {
    const [name = '', ...words] = key.split(' ');
    return [name, words.join(' '), codes(apis)];
  });
  const without = endpoints.map(({ api }) => api).filter((api) => !liveApis.some((live) => live === api));
  return `Labels: ${codes(liveLabels)}, and those of ${code('--live.labels')}. All apis but ${codes(without)} have it, with the counters' fields and:

${markdownTable(['Field', 'Value', 'Apis'], rows)}
${familyList(liveFamilies)}`;
}

/** Reports whether the Usage API has the field as well. */
function isReported({ api, name }: LiveField): boolean {
  return endpoints.some((endpoint) => endpoint.api === api && endpoint.fields.some((field) => field.name === name));
}

/** Words of HELP that the head of the page says once for all. */
const saidAbove = [', in units of the currency', '; always 1'];

/**
 * A list of families with their labels: an item for all that differ in nothing but their names and the place in the API.
 * @param saidElsewhere sentences of their HELP that the page has in another place
 */
function familyList(families: readonly ServedFamily[], saidElsewhere: readonly string[] = []): string {
  const alike = new Map<string, { readonly text: string; readonly names: string[] }>();
  for (const { name, type, help, labels } of families) {
    const rest = [...saidElsewhere, ...saidAbove].reduce((text, words) => text.replace(words, ''), help);
    const meaning = capitalized(rest.replace(/^\S+ of \/v1\/\S+[:.] +/, '').trim());
    const text = type === 'histogram' ? `Histogram. ${meaning}` : meaning;
    const inBraces = labels.length === 0 ? '' : `{${labels.join(',')}}`;
    const key = `${inBraces} ${text}`;
    const row = alike.get(key) ?? { text, names: [] };
    row.names.push(`${name}${inBraces}`);
    alike.set(key, row);
  }
  return [...alike.values()].map(({ names, text }) => `- ${codes(names)}: ${text}\n`).join('');
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function codes(names: readonly string[]): string {
  return names.map(code).join(', ');
}

function code(text: string): string {
  return `\`${text}\``;
}
