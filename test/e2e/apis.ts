/**
 * Lists what the API offers, written down once more from its documentation: what the program's own catalogue is held
 * against from outside.
 */

export interface DocumentedApi {
  readonly api: string;
  /** Always in a row. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly dimensions: readonly string[];
  /** Adds up over time. */
  readonly flow: boolean;
}

const byModel = ['project_id', 'user_id', 'api_key_id', 'model'];

function api(name: string, required: string, dimensions: readonly string[], optional = ''): DocumentedApi {
  const words = (text: string) => text.split(' ').filter((word) => word !== '');
  return {
    api: name,
    required: words(required),
    optional: words(optional),
    dimensions,
    flow: name !== 'vector_stores',
  };
}

const completions = [
  'input_tokens output_tokens num_model_requests',
  [...byModel, 'batch', 'service_tier', 'api_source'],
  'input_cached_tokens input_cache_write_tokens input_cache_write_30m_tokens input_cache_write_12h_tokens ' +
    'input_uncached_tokens input_text_tokens output_text_tokens input_cached_text_tokens input_audio_tokens ' +
    'input_cached_audio_tokens output_audio_tokens input_image_tokens input_cached_image_tokens output_image_tokens',
] as const;

/** All but costs. */
export const usageApis: readonly DocumentedApi[] = [
  api('completions', ...completions),
  api('decisions', ...completions),
  api('embeddings', 'input_tokens num_model_requests', byModel),
  api('moderations', 'input_tokens num_model_requests', byModel),
  api('images', 'images num_model_requests', [...byModel, 'size', 'source']),
  api('audio_speeches', 'characters num_model_requests', byModel),
  api('audio_transcriptions', 'seconds num_model_requests', byModel),
  api('vector_stores', 'usage_bytes', ['project_id']),
  api('code_interpreter_sessions', 'num_sessions', ['project_id']),
  api('file_search_calls', 'num_requests', ['project_id', 'user_id', 'api_key_id', 'vector_store_id']),
  api('web_search_calls', 'num_model_requests num_requests', [...byModel, 'context_level', 'api_source']),
];

export const apiNames: readonly string[] = [...usageApis.map(({ api }) => api), 'costs'];

/** Everything that is polled by default: costs are read a second time, by user. */
export const polledNames: readonly string[] = [...apiNames, 'user_costs'];
