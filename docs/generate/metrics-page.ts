/** The lists and tables of docs/metrics.md. */
import { type LiveField, liveApis, liveFields } from '../../src/live/vocabulary.ts';
import { estimated } from '../../src/metrics/families.ts';
import { everyId } from '../../src/metrics/names-section.ts';
import { endpoints, type Field, userCosts } from '../../src/openai/catalogue.ts';
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
  return `${late} Each api, with its fields in brackets:

${apiList()}
What they count:

${fieldList()}
Optional parts of input and output:

${partList()}
${code(userCosts.api)} is a second read of costs, by ${codes(userCosts.dimensions)} alone, made where users are grouped by: OpenAI does not grant user and project together to every organization.

${moneyList()}`;
}

/** The apis by their dimensions; those that differ in nothing but their names have their fields once. */
function apiList(): string {
  const byDimensions = grouped(endpoints, ({ dimensions }) => codes(dimensions));
  return [...byDimensions]
    .map(([dimensions, some]) => {
      const byFields = grouped(some, ({ fields }) => fieldsInWords(fields));
      const apis = [...byFields].map(([fields, alike]) => `${codes(alike.map(({ api }) => api))} (${fields})`);
      return `- By ${dimensions}: ${apis.join('; ')}\n`;
    })
    .join('');
}

function fieldsInWords(fields: readonly Field[]): string {
  const whole = fields.filter((field) => !isPart(field));
  return `${codes(whole.map(({ name }) => name))}${whole.length < fields.length ? ', and parts' : ''}`;
}

/** Reports whether the field divides input or output, where the API says how. */
function isPart({ kind, required }: Field): boolean {
  return kind === 'flow' && !required;
}

/** All fields, those of one name once. */
const allFields = [
  ...grouped(
    endpoints.flatMap(({ fields }) => fields),
    ({ name }) => name,
  ).values(),
].flatMap(([field]) => field ?? []);

/** What each field counts, where its name does not say so. */
function fieldList(): string {
  return allFields
    .filter((field) => !isPart(field) && (field.note !== undefined || !field.name.endsWith(field.unit)))
    .map((field) => `- ${code(field.name)}: ${meaningOf(field)}\n`)
    .join('');
}

/** What each part is, without the words that it is a part, which stand above. */
function partList(): string {
  const parts = allFields.filter(isPart).map(({ name, note = '' }): [string, string] => {
    return [code(name), note.replace(/^Part of \S+ that (?:is|was) /, '')];
  });
  return listOf(parts);
}

/** What a value counts, and its unit where the name does not end with it. */
function meaningOf({ name, kind, unit, unitLabel, required, note }: Field): string {
  const ofLabel = unitLabel === undefined ? '' : ` (label ${code(unitLabel.name)})`;
  const inUnit = name.endsWith(`_${unit}`) ? undefined : `${capitalized(unit)}${ofLabel}.`;
  const marks = [required ? undefined : 'Optional.', kind === 'flow' ? undefined : 'No counter.'];
  return [inUnit, note, ...marks].filter((text) => text !== undefined).join(' ');
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
  const further = grouped(
    liveFields.filter((field) => !isReported(field)),
    ({ api }) => api,
  );
  const lists = [...further].map(([api, fields]): [string, string] => [
    code(api),
    codes(fields.map(({ name }) => name)),
  ]);
  const without = endpoints.map(({ api }) => api).filter((api) => !liveApis.some((live) => live === api));
  return `Labels: ${codes(liveLabels)}, and those of ${code('--live.labels')}. All apis but ${codes(without)} have it, with the counters' fields and:

${listOf(lists)}
Besides:

${familyList(liveFamilies)}`;
}

/** Reports whether the Usage API has the field as well. */
function isReported({ api, name }: LiveField): boolean {
  return endpoints.some((endpoint) => endpoint.api === api && endpoint.fields.some((field) => field.name === name));
}

/** Words of HELP that the head of the page says once for all. */
const saidAbove = [', in units of the currency', '; always 1'];

/**
 * A list of families with their labels, without the place in the API.
 * @param saidElsewhere sentences of their HELP that the page has in another place
 */
function familyList(families: readonly ServedFamily[], saidElsewhere: readonly string[] = []): string {
  return listOf(
    families.map(({ name, type, help, labels }): [string, string] => {
      const rest = [...saidElsewhere, ...saidAbove].reduce((text, words) => text.replace(words, ''), help);
      const meaning = rest.replace(/^\S+ of \/v1\/\S+[:.] +/, '').trim();
      const inBraces = labels.length === 0 ? '' : `{${labels.join(',')}}`;
      const text = type === 'histogram' ? `Histogram. ${meaning}` : meaning;
      return [code(`${name}${inBraces}`), text];
    }),
  );
}

/** Words in which the texts of fields of one kind differ. */
const alternatives = /\b(?:text|audio|images?|30 minutes|12 hours)\b/;

/** A list of names and what they are; names of one kind stand together. */
function listOf(items: readonly (readonly [name: string, text: string])[]): string {
  const kinds = grouped(items, ([name, text]) => (text === '' ? name : text.replace(alternatives, '…')));
  return [...kinds]
    .map(([kind, alike]) => {
      const names = alike.map(([name]) => name).join(', ');
      const words = new Set(alike.flatMap(([, text]) => alternatives.exec(text)?.[0] ?? []));
      const text = kind.replace('…', [...words].join(', ').replace(/, ([^,]*)$/, ' or $1'));
      return text === names ? `- ${names}\n` : `- ${names}: ${capitalized(text)}\n`;
    })
    .join('');
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
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
