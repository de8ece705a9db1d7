/**
 * The indivisible numbers behind an endpoint's fields. Tokens overlap (`input_tokens` holds the cached ones, too),
 * so usage is made as leaves and every field is a sum of some of them: the parts always fit their parents.
 */
import type { Endpoint } from '../openai/catalogue.ts';

export interface Leaves {
  /** The first counts what happened (requests, sessions, calls): it is at least 1 in every event. */
  readonly names: readonly string[];
  /** The leaves that each field of the catalogue sums, in its order. */
  readonly ofField: readonly (readonly number[])[];
}

const completionLeaves = [
  'requests',
  'text',
  'audio',
  'image',
  'cached_text',
  'cached_audio',
  'cached_image',
  'cache_write_30m',
  'text_out',
  'audio_out',
  'image_out',
  'cache_write_12h',
];

const completionFields: ReadonlyMap<string, readonly number[]> = new Map([
  ['num_model_requests', [0]],
  ['input_tokens', [1, 2, 3, 4, 5, 6, 7, 11]],
  ['input_uncached_tokens', [1, 2, 3]],
  ['input_cached_tokens', [4, 5, 6]],
  ['input_cache_write_tokens', [7, 11]],
  ['input_cache_write_30m_tokens', [7]],
  ['input_cache_write_12h_tokens', [11]],
  ['input_text_tokens', [1]],
  ['input_audio_tokens', [2]],
  ['input_image_tokens', [3]],
  ['input_cached_text_tokens', [4]],
  ['input_cached_audio_tokens', [5]],
  ['input_cached_image_tokens', [6]],
  ['output_tokens', [8, 9, 10]],
  ['output_text_tokens', [8]],
  ['output_audio_tokens', [9]],
  ['output_image_tokens', [10]],
]);

/** The leaves of a usage endpoint. */
export function leavesOf(endpoint: Endpoint): Leaves {
  const fields = endpoint.fields.map((field) => field.name);
  if (fields.includes('input_cache_write_tokens')) {
    return {
      names: completionLeaves,
      ofField: fields.map((name) => {
        const leaves = completionFields.get(name);
        if (!leaves) throw new Error(`The simulated organization does not know how ${endpoint.api}.${name} is made.`);
        return leaves;
      }),
    };
  }
  const first = fields.includes('num_model_requests') ? 'num_model_requests' : (fields[0] ?? '');
  const names = [first, ...fields.filter((name) => name !== first)];
  return { names, ofField: fields.map((name) => [names.indexOf(name)]) };
}
