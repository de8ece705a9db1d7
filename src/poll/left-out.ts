/**
 * Keeps account of what answers said and could not be taken: counted, said in the log once a day, and told on the status page. One
 * place for all of it, so that nothing is left out in silence.
 */

import type { Logger } from '../log.ts';
import type { Loss } from '../openai/bucket-page.ts';
import type { ApiLabel } from '../openai/catalogue.ts';
import { presentable } from '../openai/errors.ts';
import { bucketAt } from '../usage/windows.ts';

/** Counts of what was left out of an api since the start. */
export interface LeftOutStatus {
  /** Rows and items, each once for every read that found it. */
  readonly count: number;
  /** The last few sentences, newest first, each once. */
  readonly messages: readonly string[];
  /** UTC milliseconds at which it was found the last time. */
  readonly at: number;
}

export interface LeftOutOptions {
  readonly log: Pick<Logger, 'warn'>;
  readonly clock: { now(): number };
  /** Notes so many rows or items more. */
  readonly count: (api: ApiLabel, rows: number) => void;
}

export interface LeftOut {
  /** Rows of a bucket that starts then, in seconds, that were refused or lack something. */
  rows(api: ApiLabel, start: number, rows: number, losses: readonly Loss[]): void;
  /** Whatever else was left out, in a sentence. */
  other(api: ApiLabel, rows: number, sentence: string): void;
  /** Rows that were folded, which have a counter of their own. */
  folded(api: ApiLabel, rows: number, sentence: string): void;
  /** Undefined where nothing was left out. */
  of(api: ApiLabel): LeftOutStatus | undefined;
}

/** Lines that are written in a day about one api. */
const mostLines = 50;
/** Sentences that the status page shows of one api. */
const mostMessages = 5;

/** A sentence, and what makes it another one: it is said once a day. */
interface Sentence {
  readonly key: string;
  readonly text: string;
}

/** Nothing left out so far. */
export function createLeftOut({ log, clock, count }: LeftOutOptions): LeftOut {
  const found = new Map<string, LeftOutStatus>();
  /** The day, in seconds, and what was said on it, by api. */
  const said = new Map<string, { readonly day: number; readonly keys: Set<string> }>();

  function say(api: ApiLabel, { key, text }: Sentence): void {
    const day = bucketAt(clock.now(), '1d');
    const before = said.get(api);
    const { keys } = before?.day === day ? before : { keys: new Set<string>() };
    said.set(api, { day, keys });
    if (keys.has(key) || keys.size > mostLines) return;
    keys.add(key);
    const rest = `More than ${mostLines} different rows and items were left out today; the others are only counted.`;
    log.warn(`${api}: ${keys.size > mostLines ? rest : text}`, { api });
  }

  function note(api: ApiLabel, rows: number, sentences: readonly Sentence[]): void {
    if (rows === 0) return;
    const before = found.get(api);
    const messages = [...new Set([...sentences.map(({ text }) => text), ...(before?.messages ?? [])])];
    found.set(api, {
      count: (before?.count ?? 0) + rows,
      messages: messages.slice(0, mostMessages),
      at: clock.now(),
    });
    for (const sentence of sentences) say(api, sentence);
  }

  return {
    rows(api, start, rows, losses) {
      const day = new Date(start * 1_000).toISOString().slice(0, 10);
      count(api, rows);
      note(
        api,
        rows,
        losses.map((loss) => sentenceOn(loss, day)),
      );
    },
    other(api, rows, sentence) {
      count(api, rows);
      note(api, rows, [{ key: sentence, text: sentence }]);
    },
    folded(api, rows, sentence) {
      note(api, rows, [{ key: sentence, text: sentence }]);
    },
    of: (api) => found.get(api),
  };
}

/** @param day of the bucket */
function sentenceOn({ kind, name, sent, lineItem }: Loss, day: string): Sentence {
  const where = `on ${day}${lineItem === undefined ? '' : `, line item ${shown(JSON.stringify(lineItem))}`}`;
  const texts: Readonly<Record<Loss['kind'], string>> = {
    row: `A row was refused ${where}: ${name === '' ? 'it' : name} cannot be read (${shown(sent)}).`,
    value: `A value of ${name} was refused ${where}: it cannot be read (${shown(sent)}). The rest of the row counts.`,
    field: `The field ${shown(name)} was passed over ${where}: it cannot become a metric. The rest of the row counts.`,
    label: `A value of the label ${name} was cut ${where}: it is too long (${shown(sent)}). The row counts.`,
  };
  return { key: `${kind} ${name} ${day} ${lineItem}`, text: texts[kind] };
}

function shown(text: string): string {
  return presentable(text, [], 100);
}
