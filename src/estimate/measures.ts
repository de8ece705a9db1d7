/**
 * The measures of usage, for all apis together: each kind of token, and images, characters, seconds and calls. What one
 * group used is a column of numbers, one for each measure.
 */
import { type Endpoint, endpoints, type Field } from '../openai/catalogue.ts';

/** The field that is counted, but never billed. */
const requests = 'num_model_requests';

/** Returns the name of what a field measures: of tools, that is their api; undefined where it bills nothing. */
function measureName({ api }: Endpoint, { name, kind }: Field): string | undefined {
  if (kind !== 'flow' || name === requests) return undefined;
  return name.startsWith('num_') ? api : name;
}

const named = endpoints.flatMap((endpoint) =>
  endpoint.fields.flatMap((field) => {
    const name = measureName(endpoint, field);
    return name === undefined ? [] : [{ name, isTool: name === endpoint.api, isToken: field.unit === 'tokens' }];
  }),
);
const byName = new Map(named.map((measure) => [measure.name, measure]));

/** All measures, by name; elsewhere they go by their place here. */
export const measures: readonly string[] = [...byName.keys()];

const places = new Map(measures.map((name, place) => [name, place]));

/** Returns the place of a measure. @throws for one that no field measures */
export function measure(name: string): number {
  const place = places.get(name);
  if (place === undefined) throw new Error(`Nothing is measured in ${name}.`);
  return place;
}

/** Returns the place of what a field of an api measures; undefined where it bills nothing. */
export function measureNamed(api: string, field: string): number | undefined {
  return placeByField.get(`${api}.${field}`);
}

const placeByField: ReadonlyMap<string, number> = new Map(
  endpoints.flatMap((endpoint) =>
    endpoint.fields.flatMap((field) => {
      const place = places.get(measureName(endpoint, field) ?? '');
      return place === undefined ? [] : [[`${endpoint.api}.${field.name}`, place] as const];
    }),
  ),
);

/** The measure of each field that the catalogue knows; -1 where it bills nothing. */
export function measuresOf(endpoint: Endpoint): readonly number[] {
  return endpoint.fields.map((field) => places.get(measureName(endpoint, field) ?? '') ?? -1);
}

/** The names of the measures that are tokens. */
export const tokenMeasures: readonly string[] = [...byName.values()].flatMap(({ name, isToken }) =>
  isToken ? [name] : [],
);

/** The measures of tools, which are billed by the call, whatever the model. */
export const toolMeasures: readonly number[] = [...byName.values()].flatMap(({ name, isTool }) =>
  isTool ? [measure(name)] : [],
);

/** The input and output of a model: all of its tokens, each once. */
export const allTokens: readonly number[] = [measure('input_tokens'), measure('output_tokens')];

/** The measures that a model as a whole can be priced by: those of the first of these in which it was used. */
export const wholes: readonly (readonly number[])[] = [
  allTokens,
  [measure('images')],
  [measure('characters')],
  [measure('seconds')],
];

/** A kind of token, and the kind of which it is a part: tokens overlap. */
const parents = new Map(
  (
    [
      ['input_uncached_tokens', 'input_tokens'],
      ['input_cached_tokens', 'input_tokens'],
      ['input_cache_write_tokens', 'input_tokens'],
      ['input_cache_write_30m_tokens', 'input_cache_write_tokens'],
      ['input_cache_write_12h_tokens', 'input_cache_write_tokens'],
      ['input_text_tokens', 'input_uncached_tokens'],
      ['input_audio_tokens', 'input_uncached_tokens'],
      ['input_image_tokens', 'input_uncached_tokens'],
      ['input_cached_text_tokens', 'input_cached_tokens'],
      ['input_cached_audio_tokens', 'input_cached_tokens'],
      ['input_cached_image_tokens', 'input_cached_tokens'],
      ['output_text_tokens', 'output_tokens'],
      ['output_audio_tokens', 'output_tokens'],
      ['output_image_tokens', 'output_tokens'],
    ] as const
  ).map(([part, whole]) => [measure(part), measure(whole)]),
);

/** Returns the parts of a measure that are billed apart, so that they are not billed twice: each with all of its own parts. */
export function partsBilledApart(of: number, billed: ReadonlySet<number>): readonly number[] {
  return [...billed].filter((part) => {
    for (let at = parents.get(part); at !== undefined; at = parents.get(at)) {
      if (at === of) return true;
      if (billed.has(at)) return false;
    }
    return false;
  });
}

/** The usage by measure. */
export type Amounts = Float64Array;

export function noAmounts(): Amounts {
  return new Float64Array(measures.length);
}

/** Adds amounts to others. */
export function addAmounts(into: Amounts, amounts: Amounts): void {
  for (let place = 0; place < into.length; place++) into[place] = (into[place] ?? 0) + (amounts[place] ?? 0);
}

/** Returns the sum of some measures less that of others; what the numbers contradict counts as nothing. */
export function unitsOf(used: Amounts, plus: readonly number[], minus: readonly number[]): number {
  let sum = 0;
  for (const place of plus) sum += used[place] ?? 0;
  for (const place of minus) sum -= used[place] ?? 0;
  return Math.max(0, sum);
}

export function isUsed(used: Amounts): boolean {
  return used.some((amount) => amount > 0);
}
