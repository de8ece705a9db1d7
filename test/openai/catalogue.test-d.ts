/**
 * Holds the catalogue against the types of the official client: a field, dimension, filter, width or endpoint that
 * the client knows and the catalogue does not – or the other way round – is an error of the compiler.
 */
import type * as Official from 'openai/resources/admin/organization/usage';
import type { Catalogue } from '../../src/openai/catalogue.ts';

type Entry<Api extends string> = Extract<Catalogue[number], { readonly api: Api }>;

/** Describes what all reads of an api's path ask for: costs are read by project, and again by user. */
type Dimensions<Api extends string> = Extract<
  Catalogue[number],
  { readonly path: Entry<Api>['path'] }
>['dimensions'][number];
type Fields<Api extends string> = Entry<Api>['fields'][number];

/** Describes what the catalogue reads at the top of a row: fields, their units, dimensions. */
type UnitPath<F> = F extends { readonly unitLabel: { readonly path: readonly [infer First, ...unknown[]] } }
  ? First
  : never;
type Known<Api extends string> = Fields<Api>['path'][0] | UnitPath<Fields<Api>> | Dimensions<Api> | 'object';

/** Describes what a request can hold besides filters. */
type Frame = 'start_time' | 'end_time' | 'bucket_width' | 'group_by' | 'limit' | 'page';

interface Query {
  readonly group_by?: readonly string[] | null;
  readonly bucket_width?: string | null;
}

type Methods = Exclude<keyof Official.Usage, '_client'>;
/** The rows of every method's answer: those of decisions are in their own answers alone. */
type Row = Awaited<ReturnType<Official.Usage[Methods]>>['data'][number]['results'][number];
type RowOf<Object> = Extract<Row, { readonly object: Object }>;

/** The properties of every member of a union, where keyof alone gives those that all of them have. */
type Keys<T> = T extends unknown ? keyof T : never;

/** Describes what one knows and the other does not; never, if they agree. */
type Difference<A, B> = Exclude<A, B> | Exclude<B, A>;

interface Disagreement<Api extends string, Params extends Query> {
  readonly rows: Difference<Keys<RowOf<Entry<Api>['rowObject']>>, Known<Api>>;
  readonly dimensions: Difference<NonNullable<Params['group_by']>[number], Dimensions<Api>>;
  readonly filters: Difference<Exclude<keyof Params, Frame>, Entry<Api>['filters'][number]>;
  readonly widths: Difference<NonNullable<Params['bucket_width']>, keyof Entry<Api>['limits']>;
}

/** Every property must be never. Otherwise the compiler names what is amiss. */
interface Agreed {
  readonly rows: never;
  readonly dimensions: never;
  readonly filters: never;
  readonly widths: never;
}

/** Compiles only if `Found` is `Wanted`. */
type Same<Wanted, Found extends Wanted> = Found;

export type Checks = [
  Same<Agreed, Disagreement<'completions', Official.UsageCompletionsParams>>,
  Same<Agreed, Disagreement<'decisions', Official.UsageDecisionsParams>>,
  Same<Agreed, Disagreement<'embeddings', Official.UsageEmbeddingsParams>>,
  Same<Agreed, Disagreement<'moderations', Official.UsageModerationsParams>>,
  Same<Agreed, Disagreement<'images', Official.UsageImagesParams>>,
  Same<Agreed, Disagreement<'audio_speeches', Official.UsageAudioSpeechesParams>>,
  Same<Agreed, Disagreement<'audio_transcriptions', Official.UsageAudioTranscriptionsParams>>,
  Same<Agreed, Disagreement<'vector_stores', Official.UsageVectorStoresParams>>,
  Same<Agreed, Disagreement<'code_interpreter_sessions', Official.UsageCodeInterpreterSessionsParams>>,
  Same<Agreed, Disagreement<'file_search_calls', Official.UsageFileSearchCallsParams>>,
  Same<Agreed, Disagreement<'web_search_calls', Official.UsageWebSearchCallsParams>>,
  Same<Agreed, Disagreement<'costs', Official.UsageCostsParams>>,
  // Every kind of row, and every method of the client, has its entry; costs have two.
  Same<never, Difference<Row['object'], Catalogue[number]['rowObject']>>,
  Same<never, Difference<Methods, Camel<Exclude<Catalogue[number]['api'], 'user_costs'>>>>,
  // An amount has a value and a currency, and no third part.
  Same<never, Difference<keyof NonNullable<RowOf<'organization.costs.result'>['amount']>, 'value' | 'currency'>>,
];

type Camel<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Text;
