/** Reads one record, of any shape. Pure; nothing but counts, labels, time and id leaves it. */
import type { RawLabel } from '../openai/bucket-page.ts';
import { isObject, own, type PlainObject } from '../openai/json.ts';
import type { LiveLabel } from '../settings/live-labels.ts';
import type { Milliseconds } from '../units.ts';
import { type Counts, countAt, keepUncachedParts, NotACount } from './counts.ts';
import { type GivenLabels, givenLabels, labelAt, looksLikeKey } from './labels.ts';
import { valueAt } from './places.ts';
import { type Countable, type Format, kindOf, shapeOf } from './record-kind.ts';
import { itemField, toolShapes } from './shapes.ts';
import { isLiveApi, type LiveApi, type LiveField, liveField } from './vocabulary.ts';

/** A count of a record. */
export type Count = readonly [field: LiveField, value: number];

/** The usage that a record tells. */
export interface Usage {
  readonly counts: readonly Count[];
  /** Values in the order of the labels that were asked for. */
  readonly labels: readonly RawLabel[];
  /** The instant that the record names; undefined where it names none. */
  readonly at: Milliseconds | undefined;
  /** The name under which it counts once; undefined where it has none. */
  readonly id: string | undefined;
}

export type Reading =
  | { readonly format: Format; readonly usage: Usage }
  /** Nothing of it is usage of OpenAI. */
  | { readonly format: Format; readonly skipped: true }
  | { readonly format: Format; readonly reason: string };

/** Words of a request for all of its records, for where a record does not say otherwise. */
export interface Defaults {
  readonly api: LiveApi | undefined;
  readonly labels: GivenLabels;
}

/** Characters of an id. */
const longestId = 256;

/** Says what is wrong with a record as a whole, without what is in it. */
export class RecordRefused extends Error {
  override readonly name = 'RecordRefused';
}

/** A record, and the words of its envelope about it. */
interface Envelope {
  readonly record: PlainObject;
  readonly api: LiveApi | undefined;
  readonly labels: GivenLabels;
  readonly model: unknown;
  readonly id: unknown;
  readonly created: unknown;
}

/** Reads a record. It throws for nothing that JSON can hold. */
export function readRecord(value: unknown, labels: readonly LiveLabel[], defaults: Defaults): Reading {
  let format: Format = 'unknown';
  try {
    const envelope = openEnvelope(value);
    const kind = kindOf(envelope.record);
    format = kind.format;
    if ('skipped' in kind) return { format, skipped: true };
    if ('unknown' in kind) throw new RecordRefused('it holds no usage of a known shape; see docs/live.md');
    const counts = countsOf(kind, envelope.api ?? kind.api ?? defaults.api);
    const at = instantOf(kind.response) ?? instantIn(envelope.created);
    const id = idOf(own(kind.response, 'id')) ?? idOf(envelope.id);
    return { format, usage: { counts, labels: labelsOf(kind, envelope, labels, defaults), at, id } };
  } catch (error) {
    if (error instanceof RecordRefused || error instanceof NotACount) return { format, reason: error.message };
    throw error;
  }
}

const noLabels: GivenLabels = new Map();

/** Takes a record out of its envelope, if it is in one. */
function openEnvelope(value: unknown): Envelope {
  if (!isObject(value)) throw new RecordRefused('a record must be an object');
  const record = own(value, 'record');
  if (record === undefined) {
    return { record: value, api: undefined, labels: noLabels, model: undefined, id: undefined, created: undefined };
  }
  if (!isObject(record)) throw new RecordRefused('the record in the envelope must be an object');
  const labels = own(value, 'labels') ?? {};
  if (!isObject(labels)) throw new RecordRefused('the labels of the envelope must be an object');
  return {
    record,
    api: apiNamed(own(value, 'api')),
    labels: givenLabels(labels),
    model: own(value, 'model'),
    id: own(value, 'id'),
    created: own(value, 'created'),
  };
}

/** @throws {RecordRefused} for a name that is none */
export function apiNamed(name: unknown): LiveApi | undefined {
  if (name === undefined || name === null) return undefined;
  if (typeof name === 'string' && isLiveApi(name)) return name;
  throw new RecordRefused('the api that is named has no live usage; see docs/metrics.md for those that have');
}

/** @param given the api that somebody names, or that the record tells */
function countsOf(kind: Countable, given: LiveApi | undefined): readonly Count[] {
  const { usage, response, images } = kind;
  const shape = usage === undefined ? undefined : shapeOf(usage);
  const api = given ?? shape?.api ?? 'completions';
  const counts: Counts = new Map();
  if (usage !== undefined && shape !== undefined) {
    read(usage, shape.counts, api, counts);
    const parts = (shape.inputIsAtLeast ?? []).map((place) => countAt(usage, [place], false) ?? 0);
    const sum = parts.reduce((all, part) => all + part, 0);
    if (sum > (counts.get('input_tokens') ?? 0)) counts.set('input_tokens', sum);
    keepUncachedParts(counts);
  }
  if (images !== undefined) counts.set('images', images);
  if (!counts.has('num_model_requests')) counts.set('num_model_requests', 1);
  return [...ofApi(api, counts), ...toolCounts(response)];
}

type PlacesByField = Readonly<Record<string, readonly string[]>>;

/** The entries of a table of places, which is read for each record. */
const entries = new WeakMap<PlacesByField, readonly (readonly [name: string, places: readonly string[]])[]>();

function entriesOf(places: PlacesByField): readonly (readonly [name: string, places: readonly string[]])[] {
  const known = entries.get(places) ?? Object.entries(places);
  entries.set(places, known);
  return known;
}

/** Reads what the shape has of the api's fields. What the vocabulary of the api lacks is no usage of it. */
function read(usage: PlainObject, places: PlacesByField, api: LiveApi, into: Counts): void {
  for (const [name, at] of entriesOf(places)) {
    const count = countAt(usage, at, liveField(api, name)?.fraction === true);
    if (count !== undefined) into.set(name, count);
  }
}

function ofApi(api: LiveApi, counts: Counts): Count[] {
  const found: Count[] = [];
  for (const [name, value] of counts) {
    const field = liveField(api, name);
    if (field !== undefined) found.push([field, value]);
  }
  return found;
}

/** Returns the usage of a response's tools, as it says itself, or as its output shows. */
function toolCounts(response: PlainObject): readonly Count[] {
  const output = own(response, 'output');
  return toolShapes.flatMap(({ api, usage: place, counts: places, item }) => {
    const usage = valueAt(response, place);
    if (!isObject(usage) && !Array.isArray(output)) return [];
    const counts: Counts = new Map();
    if (isObject(usage)) read(usage, places, api, counts);
    const field = itemField[api];
    if (field !== undefined && !counts.has(field) && Array.isArray(output)) {
      const calls = output.filter((each) => isObject(each) && own(each, 'type') === item).length;
      if (calls > 0) counts.set(field, calls);
    }
    return ofApi(api, counts).filter(([, value]) => value > 0);
  });
}

function labelsOf(
  { response, isBatch }: Countable,
  { record, labels: given, model }: Envelope,
  labels: readonly LiveLabel[],
  defaults: Defaults,
): readonly RawLabel[] {
  return labels.map(({ name, path }) => {
    const value =
      filled(given.get(name)) ??
      (path === undefined ? undefined : filled(labelAt(record, path))) ??
      ownLabel(name, response, isBatch) ??
      (name === 'model' && typeof model === 'string' ? filled(model) : undefined) ??
      filled(defaults.labels.get(name)) ??
      null;
    if (looksLikeKey(value)) throw new RecordRefused(`the label ${name} holds a key; give its id or its name`);
    return value;
  });
}

/** Values that are as good as none give way to what is known elsewhere. */
function filled(value: RawLabel | undefined): RawLabel | undefined {
  return value === null || value === '' ? undefined : value;
}

/** Labels that a response has by itself. */
function ownLabel(name: string, response: PlainObject, isBatch: boolean): RawLabel | undefined {
  if (name === 'batch') return isBatch ? true : undefined;
  if (name === 'service_tier') return filled(labelAt(response, 'service_tier'));
  if (name !== 'model') return undefined;
  const model = ['response.model', 'model', 'modelId'].map((path) => valueAt(response, path));
  const found = model.find((each) => typeof each === 'string' && each !== '');
  // Gateways put the provider before the model.
  return typeof found === 'string' ? found.replace(/^openai\//, '') : undefined;
}

function idOf(id: unknown): string | undefined {
  if (typeof id !== 'string' || id === '') return undefined;
  if (id.length > longestId) throw new RecordRefused(`its id is longer than ${longestId} characters`);
  return id;
}

function instantOf(response: PlainObject): Milliseconds | undefined {
  for (const name of ['created', 'created_at', 'startTime', 'timestamp']) {
    const at = instantIn(own(response, name));
    if (at !== undefined) return at;
  }
  return undefined;
}

/** Numbers above this are milliseconds, below it seconds: it is the year 5138 in the one and 1973 in the other. */
const leastMilliseconds = 1e11;

/** An instant in seconds or milliseconds, or as ISO 8601. */
function instantIn(value: unknown): Milliseconds | undefined {
  if (typeof value === 'number' && value > 0) return value < leastMilliseconds ? value * 1_000 : value;
  if (typeof value !== 'string') return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}
