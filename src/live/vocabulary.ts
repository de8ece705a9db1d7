/**
 * The fields in which live usage is counted: the flows of the catalogue, so that it compares with the Usage API's own numbers, and
 * the few counts that a single response has and the Usage API lacks.
 */
import { type Endpoint, endpoints, type Field, type UsageApi } from '../openai/catalogue.ts';

/** An api whose usage a single response can tell: all of them but those of levels. */
export type LiveApi = Exclude<UsageApi, 'vector_stores'>;

/** A field of live usage: one counter, and one gauge for each hour on show. */
export interface LiveField {
  /** The place in `liveFields`. */
  readonly index: number;
  readonly api: LiveApi;
  readonly name: string;
  readonly unit: string;
  /** Values can be fractions. All other counts are whole, and one that is not is refused. */
  readonly fraction: boolean;
  readonly note: string | undefined;
}

const tokens = (name: string, note?: string) => ({ name, unit: 'tokens', note });

/** Counts that a response has and the Usage API lacks. */
const further: Partial<Record<LiveApi, readonly Pick<LiveField, 'name' | 'unit' | 'note'>[]>> = {
  completions: [tokens('output_reasoning_tokens', 'Part of output_tokens that the model used for reasoning.')],
  decisions: [tokens('output_reasoning_tokens', 'Part of output_tokens that the model used for reasoning.')],
  images: [
    tokens('input_tokens', 'All input.'),
    tokens('input_text_tokens', 'Text input.'),
    tokens('input_image_tokens', 'Image input.'),
    tokens('output_tokens', 'All output.'),
    tokens('output_text_tokens', 'Part of output_tokens that is text.'),
    tokens('output_image_tokens', 'Part of output_tokens that is images.'),
  ],
  audio_speeches: [tokens('input_tokens', 'All input.'), tokens('output_tokens', 'All output.')],
  audio_transcriptions: [
    tokens('input_tokens', 'All input.'),
    tokens('input_text_tokens', 'Text input.'),
    tokens('input_audio_tokens', 'Audio input.'),
    tokens('output_tokens', 'All output.'),
  ],
};

/** Every api of live usage, in the order of the catalogue. */
export const liveApis: readonly LiveApi[] = endpoints.flatMap(({ api }) => (isLiveApi(api) ? [api] : []));

/** Every field of every api, in the order of the page. */
export const liveFields: readonly LiveField[] = endpoints
  .flatMap(fieldsOf)
  .map((field, index) => ({ ...field, index }));

const byName: ReadonlyMap<LiveApi, ReadonlyMap<string, LiveField>> = new Map(
  liveApis.map((api) => [
    api,
    new Map(liveFields.filter((field) => field.api === api).map((field) => [field.name, field])),
  ]),
);

/** The field of this name; undefined where the api has none. */
export function liveField(api: LiveApi, name: string): LiveField | undefined {
  return byName.get(api)?.get(name);
}

/** Reports whether live usage of this api is counted. */
export function isLiveApi(api: string): api is LiveApi {
  return endpoints.some((endpoint) => endpoint.api === api && endpoint.fields.some(({ kind }) => kind === 'flow'));
}

function fieldsOf({ api, fields }: Endpoint): Omit<LiveField, 'index'>[] {
  if (!isLiveApi(api)) return [];
  const known = fields.map(({ name, unit, note, fraction }: Field) => ({
    ...{ api, name, unit, note },
    fraction: fraction === true,
  }));
  return [...known, ...(further[api] ?? []).map((field) => ({ ...field, api, fraction: false }))];
}
