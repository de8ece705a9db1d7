/**
 * The buckets that a backfill has read of an api, on disk: one line for each, in the order of time. So memory does not grow
 * with the span, and a run that was broken off goes on behind the last line that is whole.
 */
import { appendFileSync, closeSync, existsSync, openSync, readSync, truncateSync } from 'node:fs';
import * as z from 'zod';
import type { Endpoint } from '../openai/catalogue.ts';
import type { Bucket } from '../usage/bucket.ts';
import type { FieldTable } from '../usage/fields.ts';
import { GroupTable } from '../usage/groups.ts';

/** The long lists are taken as they are: to look at each number would take longer than all the rest. */
const line = z.object({
  /** Index of the step that read it. */
  step: z.number(),
  start: z.number(),
  /**
   * Groups that this period had not had before, in the order of their ids: the text of the labels, the values, and the
   * same group without its unit.
   */
  news: z.array(z.object({ text: z.string(), values: z.array(z.string()), base: z.number() })),
  groups: z.custom<readonly number[]>(Array.isArray),
  /** Values by the field's index in the catalogue; null where a group does not have it. Money is decimal text. */
  fields: z.array(z.tuple([z.number(), z.custom<readonly (number | string | null)[]>(Array.isArray)])),
});

export type Line = z.output<typeof line>;

/** The lines of a journal; nothing where there is none. A last line that was broken off is left out. */
export function* linesOf(path: string): Generator<Line> {
  for (const { text } of textLines(path)) yield line.parse(JSON.parse(text));
}

/** Whole lines, and the byte behind each. */
function* textLines(path: string): Generator<{ readonly text: string; readonly end: number }> {
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(2 ** 20);
    let parts: Buffer[] = [];
    let position = 0;
    for (;;) {
      const read = readSync(file, chunk, 0, chunk.length, position);
      if (read === 0) return;
      let from = 0;
      for (;;) {
        const feed = chunk.subarray(0, read).indexOf(10, from);
        if (feed < 0) break;
        parts.push(Buffer.from(chunk.subarray(from, feed)));
        yield { text: Buffer.concat(parts).toString(), end: position + feed + 1 };
        parts = [];
        from = feed + 1;
      }
      parts.push(Buffer.from(chunk.subarray(from, read)));
      position += read;
    }
  } finally {
    closeSync(file);
  }
}

export interface JournalOptions {
  readonly path: string;
  readonly endpoint: Endpoint;
  readonly dimensions: readonly string[];
  readonly maxGroups: number;
  readonly fields: FieldTable;
  /** Start of the period that a step's buckets count in: with it, groups begin anew. */
  readonly anchorOf: (step: number) => number | undefined;
}

/** The point at which reading goes on. */
export interface Position {
  readonly step: number;
  /** Start of the last bucket that is known. */
  readonly start: number;
}

export class Journal {
  readonly #options: JournalOptions;
  #groups: GroupTable;
  #anchor: number | undefined;
  /** Groups of the period that are in the journal. */
  #journaled = 0;
  #last: Position | undefined;

  /** Reads what there is already. Not of costs: their groups have units, which are not told from the labels. */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#groups = this.#newGroups();
    if (!existsSync(options.path)) return;
    let whole = 0;
    for (const { text, end } of textLines(options.path)) {
      const { step, start, news } = line.parse(JSON.parse(text));
      this.#enter(step);
      for (const { values } of news) this.#groups.intern(values);
      this.#journaled = this.#groups.size;
      this.#last = { step, start };
      whole = end;
    }
    truncateSync(options.path, whole);
  }

  get last(): Position | undefined {
    return this.#last;
  }

  /** The groups of the period that this step is in. */
  groups(step: number): GroupTable {
    this.#enter(step);
    return this.#groups;
  }

  /** Adds buckets that were collected with the groups of the step. */
  append(step: number, buckets: readonly Bucket[]): void {
    if (buckets.length === 0) return;
    this.#enter(step);
    const { path, fields } = this.#options;
    const groups = this.#groups;
    for (const bucket of buckets) {
      const news: Line['news'] = [];
      // In a loop: there can be more groups than a call takes arguments.
      for (
        const highest = bucket.groups.reduce((most, id) => Math.max(most, id), -1);
        this.#journaled <= highest;
        this.#journaled++
      ) {
        const [text, values, base] = [
          groups.text(this.#journaled),
          groups.values(this.#journaled),
          groups.base(this.#journaled),
        ];
        news.push({ text, values: [...values], base });
      }
      this.#last = { step, start: bucket.start };
      const written: Line = {
        step,
        start: bucket.start,
        news,
        groups: [...bucket.groups],
        fields: [
          ...[...bucket.numbers].map(([field, values]): Line['fields'][number] => [
            field,
            Array.from(values, (value) => (Number.isNaN(value) ? null : value)),
          ]),
          ...[...bucket.decimals].map(([field, values]): Line['fields'][number] => [field, [...values]]),
        ].filter(([field]) => field < fields.known),
      };
      // One by one: the lines of a whole page would be as large as the page once more.
      appendFileSync(path, `${JSON.stringify(written)}\n`);
    }
  }

  #enter(step: number): void {
    const anchor = this.#options.anchorOf(step);
    if (anchor === this.#anchor) return;
    this.#anchor = anchor;
    this.#groups = this.#newGroups();
    this.#journaled = 0;
  }

  #newGroups(): GroupTable {
    return new GroupTable(this.#options.dimensions, this.#options.maxGroups);
  }
}
