/**
 * The shapes in which a response tells its usage, as data: each is recognized by what is in it, and says where the
 * counts of our vocabulary are. A new shape is one new entry. Source: the types of the official client 7.59, of the
 * Vercel AI SDK 6 and of the Agents SDK; test/live/shapes.test-d.ts holds the official ones against the table.
 */

import type { LiveApi } from './vocabulary.ts';

/** The places of a count: names joined by dots. The first that is there holds; several objects in an array are added up. */
type Places = readonly string[];

export interface UsageShape {
  readonly name: string;
  /** The usage has this shape if it has one of these members. */
  readonly marks: readonly string[];
  /** Places by field of the vocabulary. */
  readonly counts: Readonly<Record<string, Places>>;
  /** The parts that make up the input, for shapes whose input can lack what was read from the cache or written to it. */
  readonly inputIsAtLeast?: Places;
  /** The api where nothing else tells it. */
  readonly api?: LiveApi;
}

/** The shapes of usage objects. The first whose marks are there holds. */
export const usageShapes = [
  {
    name: 'chat',
    marks: ['prompt_tokens', 'completion_tokens'],
    counts: {
      input_tokens: ['prompt_tokens'],
      input_cached_tokens: ['prompt_tokens_details.cached_tokens'],
      input_cache_write_tokens: ['prompt_tokens_details.cache_write_tokens'],
      input_cache_write_30m_tokens: ['prompt_tokens_details.cache_write_tokens_details.ttl_30m_tokens'],
      input_cache_write_12h_tokens: ['prompt_tokens_details.cache_write_tokens_details.ttl_12h_tokens'],
      input_text_tokens: ['prompt_tokens_details.text_tokens'],
      input_audio_tokens: ['prompt_tokens_details.audio_tokens'],
      input_image_tokens: ['prompt_tokens_details.image_tokens'],
      output_tokens: ['completion_tokens'],
      output_reasoning_tokens: ['completion_tokens_details.reasoning_tokens'],
      output_text_tokens: ['completion_tokens_details.text_tokens'],
      output_audio_tokens: ['completion_tokens_details.audio_tokens'],
      output_image_tokens: ['completion_tokens_details.image_tokens'],
    },
  },
  {
    name: 'messages',
    marks: ['cache_read_input_tokens', 'cache_creation_input_tokens'],
    counts: {
      input_tokens: ['input_tokens'],
      input_cached_tokens: ['cache_read_input_tokens'],
      input_cache_write_tokens: ['cache_creation_input_tokens'],
      output_tokens: ['output_tokens'],
    },
    inputIsAtLeast: ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'],
  },
  {
    name: 'responses',
    marks: ['input_tokens', 'output_tokens'],
    counts: {
      num_model_requests: ['requests'],
      input_tokens: ['input_tokens'],
      input_cached_tokens: ['input_tokens_details.cached_tokens', 'input_token_details.cached_tokens', 'cached_tokens'],
      input_cache_write_tokens: ['input_tokens_details.cache_write_tokens'],
      input_cache_write_30m_tokens: ['input_tokens_details.cache_write_tokens_details.ttl_30m_tokens'],
      input_cache_write_12h_tokens: ['input_tokens_details.cache_write_tokens_details.ttl_12h_tokens'],
      input_text_tokens: ['input_tokens_details.text_tokens', 'input_token_details.text_tokens'],
      input_audio_tokens: ['input_tokens_details.audio_tokens', 'input_token_details.audio_tokens'],
      input_image_tokens: ['input_tokens_details.image_tokens', 'input_token_details.image_tokens'],
      input_cached_text_tokens: [
        'input_token_details.cached_tokens_details.text_tokens',
        'cached_tokens_details.cached_text_tokens',
      ],
      input_cached_audio_tokens: ['input_token_details.cached_tokens_details.audio_tokens'],
      input_cached_image_tokens: [
        'input_token_details.cached_tokens_details.image_tokens',
        'cached_tokens_details.cached_image_tokens',
      ],
      output_tokens: ['output_tokens'],
      output_reasoning_tokens: ['output_tokens_details.reasoning_tokens'],
      output_text_tokens: ['output_tokens_details.text_tokens', 'output_token_details.text_tokens'],
      output_audio_tokens: ['output_tokens_details.audio_tokens', 'output_token_details.audio_tokens'],
      output_image_tokens: ['output_tokens_details.image_tokens'],
    },
  },
  {
    name: 'duration',
    marks: ['seconds'],
    counts: { num_model_requests: ['requests'], seconds: ['seconds'] },
    api: 'audio_transcriptions',
  },
  {
    name: 'characters',
    marks: ['characters'],
    counts: { num_model_requests: ['requests'], characters: ['characters'] },
    api: 'audio_speeches',
  },
  {
    name: 'images',
    marks: ['images'],
    counts: { num_model_requests: ['requests'], images: ['images'] },
    api: 'images',
  },
  {
    name: 'calls',
    marks: ['num_requests', 'num_sessions'],
    counts: {
      num_model_requests: ['requests'],
      num_requests: ['num_requests'],
      num_sessions: ['num_sessions'],
    },
  },
  {
    name: 'agents_sdk',
    marks: ['inputTokensDetails', 'outputTokensDetails', 'requestUsageEntries', 'requests'],
    counts: {
      num_model_requests: ['requests'],
      input_tokens: ['inputTokens'],
      input_cached_tokens: ['inputTokensDetails.cached_tokens', 'inputTokensDetails.cachedTokens'],
      input_cache_write_tokens: ['inputTokensDetails.cache_write_tokens', 'inputTokensDetails.cacheWriteTokens'],
      output_tokens: ['outputTokens'],
      output_reasoning_tokens: ['outputTokensDetails.reasoning_tokens', 'outputTokensDetails.reasoningTokens'],
    },
  },
  {
    name: 'ai_sdk',
    marks: ['inputTokens', 'outputTokens'],
    counts: {
      input_tokens: ['inputTokens'],
      input_cached_tokens: ['inputTokenDetails.cacheReadTokens', 'cachedInputTokens'],
      input_cache_write_tokens: ['inputTokenDetails.cacheWriteTokens'],
      output_tokens: ['outputTokens'],
      output_text_tokens: ['outputTokenDetails.textTokens'],
      output_reasoning_tokens: ['outputTokenDetails.reasoningTokens', 'reasoningTokens'],
    },
    inputIsAtLeast: [
      'inputTokenDetails.noCacheTokens',
      'inputTokenDetails.cacheReadTokens',
      'inputTokenDetails.cacheWriteTokens',
    ],
  },
] as const satisfies readonly UsageShape[];

export type UsageShapes = typeof usageShapes;

/** A whole response, recognized by one of its members, whose value is one of these where values are given. */
export interface ResponseShape {
  readonly api: LiveApi;
  /** Its place: names joined by dots. */
  readonly member: string;
  readonly values?: readonly string[];
  /** A further member that it has to have. */
  readonly with?: string;
  /** The array whose elements are the images made. A response that is one image has the name of the image's own member. */
  readonly images?: string;
  /** It counts as a request even where it tells no usage. Others without usage are pieces of a stream, or not done yet. */
  readonly countsWithoutUsage?: true;
}

/** The responses of OpenAI, and the events of its streams that tell the usage. The first that fits holds. */
export const responseShapes: readonly ResponseShape[] = [
  { api: 'completions', member: 'object', values: ['chat.completion', 'chat.completion.chunk', 'text_completion'] },
  { api: 'completions', member: 'object', values: ['response', 'realtime.response'] },
  { api: 'decisions', member: 'object', values: ['decision'] },
  { api: 'decisions', member: 'answers', with: 'usage' },
  { api: 'embeddings', member: 'object', values: ['list'], with: 'usage' },
  {
    api: 'images',
    member: 'type',
    values: ['image_generation.completed', 'image_edit.completed'],
    images: 'b64_json',
    countsWithoutUsage: true,
  },
  {
    api: 'audio_transcriptions',
    member: 'type',
    values: ['transcript.text.done', 'conversation.item.input_audio_transcription.completed'],
  },
  { api: 'audio_speeches', member: 'type', values: ['speech.audio.done'] },
  { api: 'completions', member: 'choices' },
  { api: 'moderations', member: 'results', with: 'id', countsWithoutUsage: true },
  { api: 'images', member: 'data', with: 'created', images: 'data', countsWithoutUsage: true },
  { api: 'audio_transcriptions', member: 'usage.type', values: ['tokens', 'duration'] },
];

/** Events of streams of which only the last one tells the usage; they hold the response in `response`. */
export const streamEvent =
  /^(?:response|transcript|speech|image_generation|image_edit|conversation|session|rate_limits|input_audio_buffer|output_audio_buffer|error|mcp_list_tools)(?:\.|$)/;

/** Usage of tools beside that of the model, in a whole response. */
export const toolShapes = [
  {
    api: 'web_search_calls',
    usage: 'tool_usage.web_search',
    counts: { num_requests: ['num_requests'] },
    /** The type of the output items that stand for a call each, where the usage is not told. */
    item: 'web_search_call',
  },
  { api: 'file_search_calls', usage: 'tool_usage.file_search', counts: {}, item: 'file_search_call' },
  {
    api: 'images',
    usage: 'tool_usage.image_gen',
    counts: {
      input_tokens: ['input_tokens'],
      input_text_tokens: ['input_tokens_details.text_tokens'],
      input_image_tokens: ['input_tokens_details.image_tokens'],
      output_tokens: ['output_tokens'],
      output_text_tokens: ['output_tokens_details.text_tokens'],
      output_image_tokens: ['output_tokens_details.image_tokens'],
    },
    item: 'image_generation_call',
  },
] as const satisfies readonly ToolShape[];

interface ToolShape {
  readonly api: LiveApi;
  /** The place of the usage in the response. */
  readonly usage: string;
  readonly counts: Readonly<Record<string, Places>>;
  readonly item: string;
}

/** The field that counts the output items of a tool. */
export const itemField: Readonly<Partial<Record<LiveApi, string>>> = {
  web_search_calls: 'num_requests',
  file_search_calls: 'num_requests',
  images: 'images',
};

/** The api of a call of LiteLLM, by what `call_type` begins with once an `a` for asynchronous is gone; others are completions. */
export const liteLlmCalls: readonly (readonly [begin: string, api: LiveApi])[] = [
  ['embedding', 'embeddings'],
  ['image', 'images'],
  ['transcription', 'audio_transcriptions'],
  ['speech', 'audio_speeches'],
  ['moderation', 'moderations'],
];

/** The names by which gateways and libraries call OpenAI as a provider. */
export const openAiProvider = /^(?:text-completion-)?openai(?:[._].*)?$/i;

/** Members by which the whole response of another provider is known, with the values that they have there. */
export const otherProviders: readonly { readonly member: string; readonly values?: readonly string[] }[] = [
  { member: 'type', values: ['message'] },
  { member: 'usageMetadata' },
  { member: 'stopReason' },
];
