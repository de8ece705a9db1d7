/** Recognizes a record by what is in it: whose it is, of which api, and where its usage is. Pure. */
import { isObject, own, type PlainObject } from '../openai/json.ts';
import { valueAt } from './places.ts';
import {
  liteLlmCalls,
  openAiProvider,
  otherProviders,
  type ResponseShape,
  responseShapes,
  streamEvent,
  type UsageShape,
  usageShapes,
} from './shapes.ts';
import type { LiveApi } from './vocabulary.ts';

/** The kinds of records, as `openai_exporter_live_records_total` names them. */
export const formats = ['openai', 'usage', 'ai_sdk', 'agents_sdk', 'litellm', 'otlp', 'unknown'] as const;
export type Format = (typeof formats)[number];

/** A record whose usage counts. */
export interface Countable {
  readonly format: Format;
  /** The api that the record tells of; undefined where it could be any. */
  readonly api: LiveApi | undefined;
  /** The usage object; undefined where the response counts without one. */
  readonly usage: PlainObject | undefined;
  /** The object that has id, model, time and service tier. */
  readonly response: PlainObject;
  /** Images made; undefined where the record does not tell them. */
  readonly images: number | undefined;
  readonly isBatch: boolean;
}

export type RecordKind =
  | Countable
  /** Nothing of it is usage of OpenAI. */
  | { readonly format: Format; readonly skipped: true }
  /** Nothing that is known is in it. */
  | { readonly format: 'unknown'; readonly unknown: true };

export function kindOf(record: PlainObject): RecordKind {
  const { provider, call_type: call, custom_llm_provider: liteLlm, custom_id: batchId, response } = membersOf(record);
  if (call !== undefined || liteLlm !== undefined) return liteLlmKind(record);
  if (typeof provider === 'string' && !openAiProvider.test(provider)) return { format: 'unknown', skipped: true };
  if (batchId !== undefined && isObject(response)) return batchKind(response);
  const usage = own(record, 'usage');
  // A step of the Vercel AI SDK: its usage, and beside it what is known of the response.
  if (isObject(usage) && shapeOf(usage)?.name === 'ai_sdk' && isObject(response)) {
    return countable({ format: 'ai_sdk', usage, response });
  }
  const type = own(record, 'type');
  if (typeof type === 'string' && type.startsWith('response.') && isObject(response)) return responseKind(response);
  return responseKind(record);
}

/** Returns the members by which a record is told from others; undefined where they are missing or null. */
function membersOf(record: PlainObject) {
  const member = (name: string) => own(record, name) ?? undefined;
  return {
    provider: member('provider'),
    call_type: member('call_type'),
    custom_llm_provider: member('custom_llm_provider'),
    custom_id: member('custom_id'),
    response: member('response'),
  };
}

function countable(of: Pick<Countable, 'format' | 'usage' | 'response'> & Partial<Countable>): Countable {
  return { api: undefined, images: undefined, isBatch: false, ...of };
}

/** A whole response of OpenAI or an event of a stream, or a usage object alone. */
function responseKind(record: PlainObject): RecordKind {
  if (otherProviders.some((one) => fits(record, one))) return { format: 'unknown', skipped: true };
  const usage = own(record, 'usage');
  const hasUsage = isObject(usage) && shapeOf(usage) !== undefined;
  const shape = responseShapes.find((one) => fits(record, one));
  if (shape !== undefined) {
    if (!hasUsage && shape.countsWithoutUsage !== true) return { format: 'openai', skipped: true };
    const counted = { usage: hasUsage ? usage : undefined, response: record, images: imagesOf(record, shape) };
    return countable({ format: 'openai', api: shape.api, ...counted });
  }
  const type = own(record, 'type');
  if (typeof type === 'string' && streamEvent.test(type)) return { format: 'openai', skipped: true };
  if (hasUsage) return countable({ format: formatOf(usage), usage, response: record });
  if (shapeOf(record) !== undefined) return countable({ format: formatOf(record), usage: record, response: record });
  return isObject(own(record, 'error')) ? { format: 'openai', skipped: true } : { format: 'unknown', unknown: true };
}

/** A line of the output of a batch: the response is in it. */
function batchKind(response: PlainObject): RecordKind {
  const body = own(response, 'body');
  const kind = isObject(body) ? responseKind(body) : ({ format: 'openai', skipped: true } as const);
  return 'response' in kind ? { ...kind, isBatch: true } : kind;
}

/** A record of LiteLLM's callback. Answers from its own cache, failures and calls of other providers used nothing here. */
function liteLlmKind(record: PlainObject): RecordKind {
  const format = 'litellm';
  const provider = own(record, 'custom_llm_provider');
  const status = own(record, 'status') ?? 'success';
  const fromCache = [true, 'True', 'true'].some((yes) => yes === own(record, 'cache_hit'));
  const isOther = typeof provider === 'string' && !openAiProvider.test(provider);
  if (status !== 'success' || fromCache || isOther) return { format, skipped: true };
  const response = own(record, 'response');
  const call = own(record, 'call_type');
  const begin = typeof call === 'string' ? call.replace(/^litellm\./, '').replace(/^a(?!udio)/, '') : '';
  const api = liteLlmCalls.find(([name]) => begin.startsWith(name))?.[1] ?? 'completions';
  const inner = isObject(response) ? own(response, 'usage') : undefined;
  const usage = isObject(inner) && shapeOf(inner) !== undefined ? inner : record;
  const data = isObject(response) ? own(response, 'data') : undefined;
  const images = api === 'images' && Array.isArray(data) ? data.length : undefined;
  return countable({ format, api, usage, response: record, images });
}

/** Returns the shape of a usage object; undefined for what is none. */
export function shapeOf(usage: PlainObject): UsageShape | undefined {
  const shapes: readonly UsageShape[] = usageShapes;
  return shapes.find(({ marks }) => marks.some((mark) => own(usage, mark) !== undefined));
}

function formatOf(usage: PlainObject): Format {
  const name = shapeOf(usage)?.name;
  if (name === 'ai_sdk' || name === 'agents_sdk') return name;
  return typeof own(usage, 'requests') === 'number' ? 'agents_sdk' : 'usage';
}

function fits(
  record: PlainObject,
  { member, values, with: further }: Pick<ResponseShape, 'member' | 'values' | 'with'>,
): boolean {
  const value = valueAt(record, member) ?? undefined;
  if (value === undefined || (further !== undefined && (own(record, further) ?? undefined) === undefined)) return false;
  return values === undefined || values.some((each) => each === value);
}

function imagesOf(record: PlainObject, { images }: ResponseShape): number | undefined {
  if (images === undefined) return undefined;
  const made = own(record, images);
  return Array.isArray(made) ? made.length : made === undefined ? undefined : 1;
}
