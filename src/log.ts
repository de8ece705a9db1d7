/**
 * Log lines for people and machines, one line each. Nothing that could be a key gets through: neither a field that is
 * named like one nor a text that looks like one.
 */
import pino from 'pino';
import { type Clock, systemClock } from './clock.ts';

/** The least important first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: one object a line with time, level, msg and the fields. `text`: the same for the eye. */
  readonly format: 'json' | 'text';
  /** Takes each line, and makes nobody wait. */
  readonly destination: { write(line: string): void };
  readonly clock?: Clock;
  /** The look of a level in text; plain if not given. */
  readonly look?: (level: LogLevel, text: string) => string;
}

/** A logger of lines at `level` and above. */
export function createLogger(options: LogOptions): Logger {
  const { level, format, destination, clock = systemClock, look = (_, text) => text } = options;
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${timeOf(clock)}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    format === 'text' ? { write: (line: string) => destination.write(textLine(line, look)) } : destination,
  );
  const write = (at: LogLevel) => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(at)) return;
    logger[at](Object.fromEntries(fields === undefined ? [] : cleanEntries(fields, 0)), cleanText(message));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** The same logger, whose lines have these fields first. */
export function withFields(log: Logger, fields: LogFields): Logger {
  return {
    debug: (message, more) => log.debug(message, { ...fields, ...more }),
    info: (message, more) => log.info(message, { ...fields, ...more }),
    warn: (message, more) => log.warn(message, { ...fields, ...more }),
    error: (message, more) => log.error(message, { ...fields, ...more }),
  };
}

function timeOf(clock: Clock): string {
  const now = new Date(clock.now());
  return Number.isNaN(now.getTime()) ? '' : now.toISOString();
}

const secretName = /^(?:proxy)?authorization$|^(?:.*api|.*admin|.*secret)?key$|password$|secret$|cookie$/i;
const redacted = '[redacted]';
const deepest = 5;
const longestText = 2_000;
/** pino's own; a field of the same name would make a second key in the object. */
const taken: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

function cleanEntries(fields: object, depth: number): [string, unknown][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [
      depth === 0 && taken.has(name) ? `${name}_` : name,
      secretName.test(name.replaceAll(/[-_.]/g, '')) ? redacted : clean(value, depth + 1),
    ]);
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error) return cleanText(textOfError(value));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > deepest) return '[…]';
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    return [...value].map((item) => clean(item, depth + 1));
  }
  return Object.fromEntries(cleanEntries(value, depth));
}

/** Keys, and whatever follows the word that announces one. */
function cleanText(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  return short
    .replaceAll(/\bsk-[\w-]{4,}/g, redacted)
    .replaceAll(/\b(Bearer|Basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${redacted}`)
    .replaceAll(/(\/\/)[^\s/@]+@/g, `$1${redacted}@`);
}

/** The messages of an error and of what caused it. */
function textOfError(error: Error): string {
  const messages: string[] = [];
  for (let one: unknown = error; one instanceof Error && messages.length < deepest; one = one.cause) {
    messages.push(one.message || one.name);
  }
  return messages.join(': ');
}

/** `2026-01-31T23:59:00.000Z INFO  polled completions  rows=12` */
function textLine(json: string, look: NonNullable<LogOptions['look']>): string {
  const { time, level, msg, ...fields }: Record<string, unknown> = JSON.parse(json);
  const pairs = Object.entries(fields).map(([name, value]) => `  ${oneLine(name)}=${textOf(value)}`);
  const name = String(level).toUpperCase().padEnd(5);
  return `${time} ${isLevel(level) ? look(level, name) : name} ${oneLine(String(msg))}${pairs.join('')}\n`;
}

function isLevel(level: unknown): level is LogLevel {
  return logLevels.some((name) => name === level);
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value);
}

/** No line feed, no escape sequence for the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
