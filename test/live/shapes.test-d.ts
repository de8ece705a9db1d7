/**
 * Holds the shapes of usage against the types of the official client: a count that the client knows and the table does
 * not is an error of the compiler, and so is a place of which the client knows nothing.
 */

import type { Transcription, TranscriptionVerbose } from 'openai/resources/audio/transcriptions';
import type { CompletionUsage } from 'openai/resources/completions';
import type { Decision } from 'openai/resources/decisions';
import type { CreateEmbeddingResponse } from 'openai/resources/embeddings';
import type { ImageEditCompletedEvent, ImageGenCompletedEvent, ImagesResponse } from 'openai/resources/images';
import type { RealtimeResponseUsage } from 'openai/resources/realtime/realtime';
import type { Response, ResponseUsage } from 'openai/resources/responses/responses';
import type { toolShapes, UsageShapes } from '../../src/live/shapes.ts';

/** The places of all numbers in an object, as names joined by dots. */
type Numbers<T> = {
  [Name in keyof T & string]: NonNullable<T[Name]> extends number
    ? Name
    : NonNullable<T[Name]> extends object
      ? `${Name}.${Numbers<NonNullable<T[Name]>>}`
      : never;
}[keyof T & string];

type NumbersOfEach<T> = T extends unknown ? Numbers<T> : never;

/** The places that a shape reads. */
type Places<Name extends UsageShapes[number]['name']> = Values<
  Extract<UsageShapes[number], { readonly name: Name }>['counts']
>;
type Values<Counts> = Counts extends unknown
  ? Counts[keyof Counts] extends readonly (infer Place)[]
    ? Place
    : never
  : never;

/** Counts that the Usage API does not know, and the sum of the others. */
type Ignored =
  | 'total_tokens'
  | 'completion_tokens_details.accepted_prediction_tokens'
  | 'completion_tokens_details.rejected_prediction_tokens';

/** Places that gateways have, and the official client does not. */
type OfGateways =
  | 'requests'
  | 'prompt_tokens_details.cache_write_tokens_details.ttl_30m_tokens'
  | 'prompt_tokens_details.cache_write_tokens_details.ttl_12h_tokens'
  | 'completion_tokens_details.image_tokens'
  | 'input_tokens_details.audio_tokens'
  | 'output_tokens_details.audio_tokens';

type Difference<A, B> = Exclude<A, B> | Exclude<B, A>;

/** Compiles only if `Found` is `Wanted`. */
type Same<Wanted, Found extends Wanted> = Found;

type Chat = Numbers<CompletionUsage> | Numbers<CreateEmbeddingResponse.Usage>;

type ImageGen = NonNullable<Response['tool_usage']>['image_gen'];

type Responses =
  | Numbers<ResponseUsage>
  | Numbers<Decision.Usage>
  | Numbers<RealtimeResponseUsage>
  | Numbers<NonNullable<ImagesResponse['usage']>>
  | Numbers<ImageGenCompletedEvent['usage']>
  | Numbers<ImageEditCompletedEvent['usage']>
  | Numbers<ImageGen>
  | Numbers<Transcription.Tokens>;

type Durations = NumbersOfEach<Transcription.Duration | NonNullable<TranscriptionVerbose['usage']>>;

export type Checks = [
  Same<never, Difference<Exclude<Chat, Ignored>, Exclude<Places<'chat'>, OfGateways>>>,
  Same<never, Difference<Exclude<Responses, Ignored>, Exclude<Places<'responses'>, OfGateways>>>,
  Same<never, Exclude<Durations, Places<'duration'>>>,
  // Every tool whose usage a response tells has its entry.
  Same<never, Exclude<`tool_usage.${keyof NonNullable<Response['tool_usage']>}`, (typeof toolShapes)[number]['usage']>>,
];
