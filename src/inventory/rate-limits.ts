/**
 * The rate limits of all projects as columns: 500 projects with 400 models each are 200,000 rows, of which hardly any
 * is shown, but any may be as soon as its model is used.
 */
import { type RateLimitItem, rateLimitFields } from '../openai/list-items.ts';
import { labelValue } from '../usage/labels.ts';

/** The number that the API sends for "no limit". */
const unlimited = 2_147_483_647;

/** Fields besides those that the API documents; more are left out. */
const mostUnknownFields = 64;

/** Different models, all projects together; limits of more are left out. */
const mostModels = 50_000;

/** Limits of one project; immutable. */
interface ProjectLimits {
  /** Indexes of the models, ascending. */
  readonly models: Uint32Array;
  /** Limits by field, as long as `models`; NaN where the model has no such limit. */
  readonly fields: readonly (Float64Array | undefined)[];
}

export class RateLimits {
  /** Rises with every change. */
  version = 0;
  /** Field names; a field's index never changes. */
  readonly fields: string[] = [...rateLimitFields];
  readonly #fieldIndexes = new Map<string, number>(this.fields.map((field, index) => [field, index]));
  readonly #modelIndexes = new Map<string, number>();
  readonly #models: string[] = [];
  readonly #projects = new Map<string, ProjectLimits>();

  /**
   * @param complete whether these are all of the project's limits
   * @returns how many of them there is no room for, or not for all that they say
   */
  take(projectId: string, items: readonly RateLimitItem[], complete: boolean): number {
    let leftOut = 0;
    const before = this.#projects.get(projectId);
    const rows = new Map<number, ReadonlyMap<number, number>>();
    if (!complete && before !== undefined) {
      for (const [slot, model] of before.models.entries()) rows.set(model, rowOf(before, slot));
    }
    for (const { model, limits } of items) {
      const index = this.#modelIndex(labelValue(model));
      if (index === undefined) {
        leftOut++;
        continue;
      }
      const row = new Map<number, number>();
      const fields = limits.map(([name, value]) => [this.#fieldIndex(name), value] as const);
      if (fields.some(([field]) => field === undefined)) leftOut++;
      for (const [field, value] of fields) {
        if (field !== undefined) row.set(field, value === unlimited ? Number.POSITIVE_INFINITY : value);
      }
      rows.set(index, row);
    }
    const after = columnsOf(rows, this.fields.length);
    if (before !== undefined && isSame(before, after)) return leftOut;
    this.#projects.set(projectId, after);
    this.version++;
    return leftOut;
  }

  drop(projectId: string): void {
    if (this.#projects.delete(projectId)) this.version++;
  }

  /** Projects whose limits are known. */
  projects(): readonly string[] {
    return [...this.#projects.keys()];
  }

  /** Models for which the project has a limit of its own. */
  models(projectId: string): readonly string[] {
    return Array.from(this.#projects.get(projectId)?.models ?? [], (model) => this.#models[model] ?? '');
  }

  has(projectId: string, model: string): boolean {
    return this.#slot(this.#projects.get(projectId), model) !== undefined;
  }

  /** The limit, Infinity for none at all; undefined where the API names none. */
  value(projectId: string, model: string, field: number): number | undefined {
    const limits = this.#projects.get(projectId);
    const slot = this.#slot(limits, model);
    const value = slot === undefined ? undefined : limits?.fields[field]?.[slot];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  #slot(limits: ProjectLimits | undefined, model: string): number | undefined {
    const wanted = this.#modelIndexes.get(model);
    if (limits === undefined || wanted === undefined) return undefined;
    let from = 0;
    let to = limits.models.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((limits.models[middle] ?? 0) < wanted) from = middle + 1;
      else to = middle;
    }
    return limits.models[from] === wanted ? from : undefined;
  }

  #modelIndex(model: string): number | undefined {
    const known = this.#modelIndexes.get(model);
    if (known !== undefined || this.#models.length >= mostModels) return known;
    const index = this.#models.push(model) - 1;
    this.#modelIndexes.set(model, index);
    return index;
  }

  #fieldIndex(name: string): number | undefined {
    const known = this.#fieldIndexes.get(name);
    if (known !== undefined || this.fields.length >= rateLimitFields.length + mostUnknownFields) return known;
    const index = this.fields.push(name) - 1;
    this.#fieldIndexes.set(name, index);
    return index;
  }
}

function rowOf(limits: ProjectLimits, slot: number): ReadonlyMap<number, number> {
  const row = new Map<number, number>();
  for (const [field, column] of limits.fields.entries()) {
    const value = column?.[slot] ?? Number.NaN;
    if (!Number.isNaN(value)) row.set(field, value);
  }
  return row;
}

function columnsOf(rows: ReadonlyMap<number, ReadonlyMap<number, number>>, fieldCount: number): ProjectLimits {
  const models = Uint32Array.from(rows.keys()).sort();
  const fields: (Float64Array | undefined)[] = Array.from({ length: fieldCount }, () => undefined);
  for (const [slot, model] of models.entries()) {
    for (const [field, value] of rows.get(model) ?? []) {
      const column = fields[field] ?? new Float64Array(models.length).fill(Number.NaN);
      column[slot] = value;
      fields[field] = column;
    }
  }
  return { models, fields };
}

function isSame(a: ProjectLimits, b: ProjectLimits): boolean {
  const equal = (x: Float64Array | undefined, y: Float64Array | undefined) =>
    x === y || (x?.length === y?.length && x?.every((value, slot) => Object.is(value, y?.[slot])) === true);
  return (
    a.models.length === b.models.length &&
    a.models.every((model, slot) => model === b.models[slot]) &&
    Array.from({ length: Math.max(a.fields.length, b.fields.length) }).every((_, field) =>
      equal(a.fields[field], b.fields[field]),
    )
  );
}

/**
 * The model itself if it has a limit of its own; else the alias that a dated snapshot belongs to
 * (`gpt-4o-2024-08-06`, `gpt-4-0613`); for a fine-tuned one (`ft:model:organization:suffix:id`) the same of the model
 * it was made from. Undefined if none of these has a limit.
 */
export function limitModelOf(model: string, hasLimit: (model: string) => boolean): string | undefined {
  return candidates(model).find(hasLimit);
}

function candidates(model: string): readonly string[] {
  const base = /^ft:([^:]+)/.exec(model)?.[1];
  return [model, ...aliasesOf(model), ...(base === undefined ? [] : [base, ...aliasesOf(base)])];
}

function aliasesOf(model: string): readonly string[] {
  const alias = /^(.+?)-(?:\d{4}-\d{2}-\d{2}|\d{4})$/.exec(model)?.[1];
  return alias === undefined || model.startsWith('ft:') ? [] : [alias];
}
