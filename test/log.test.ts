import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLogger, type LogFields, type LogLevel } from '../src/log.ts';

const clock = { now: () => Date.UTC(2026, 0, 31, 23, 59), monotonic: () => 0, sleep: async () => {} };

function written(format: 'json' | 'text', message: string, fields?: LogFields, level: LogLevel = 'info'): string {
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', format, destination: { write: (line) => lines.push(line) }, clock });
  logger[level](message, fields);
  return lines.join('');
}

test('json has the time of the clock, the name of the level and the fields', () => {
  expect(written('json', 'polled completions', { api: 'completions', rows: 12, none: undefined })).toBe(
    '{"level":"info","time":"2026-01-31T23:59:00.000Z","api":"completions","rows":12,"msg":"polled completions"}\n',
  );
});

test('text is one line for the eye', () => {
  expect(written('text', 'polled completions', { api: 'completions', rows: 12, text: 'two words' }, 'warn')).toBe(
    '2026-01-31T23:59:00.000Z WARN  polled completions  api=completions  rows=12  text="two words"\n',
  );
});

test('in text the level can have a look; json never has', () => {
  for (const [format, shown] of [
    ['text', '<warn:WARN > careful'],
    ['json', '"level":"warn"'],
  ] as const) {
    const lines: string[] = [];
    const look = (level: LogLevel, text: string) => `<${level}:${text}>`;
    createLogger({ level: 'info', format, destination: { write: (line) => lines.push(line) }, clock, look }).warn(
      'careful',
    );
    expect(lines.join('')).toContain(shown);
  }
});

test('below the level nothing is written', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'warn',
    format: 'json',
    destination: { write: (line) => lines.push(line) },
    clock,
  });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd']);
});

test('what is named like a secret is not written, what only sounds like one is', () => {
  const fields = {
    authorization: 'x1',
    headers: { Authorization: 'x2', 'proxy-authorization': 'x3', 'x-api-key': 'x4' },
    key: 'x5',
    admin_key: 'x6',
    OPENAI_ADMIN_KEY: 'x7',
    apiKey: 'x8',
    password: 'x9',
    api_key_id: 'key_abc',
    input_tokens: 5,
  };
  const line = written('json', 'm', fields);
  expect(line).not.toMatch(/x\d/);
  expect(line).toContain('"api_key_id":"key_abc","input_tokens":5');
});

test.each([
  'sk-admin-abcDEF_123',
  'Authorization: Bearer abcdefghijkl',
  'https://user:abcdefghijkl@api.example/v1',
  new Error('refused', { cause: new Error('the key sk-abcdefghijkl is wrong') }),
  { deep: { list: ['sk-abcdefghijkl'] } },
  new Map([['a', 'sk-abcdefghijkl']]),
])('what looks like a secret is not written: %o', (value) => {
  for (const format of ['json', 'text'] as const) {
    expect(written(format, `m ${String(value)}`, { value })).not.toMatch(/abcDEF|abcdefghijkl/);
  }
});

test('an error is its messages', () => {
  const error = new Error('poll failed', { cause: new Error('connection reset') });
  expect(JSON.parse(written('json', 'm', { error })).error).toBe('poll failed: connection reset');
});

test('whatever is logged, a line is one line, and json is json', () => {
  const circle: Record<string, unknown> = { level: 'x', msg: 'y', time: 1n };
  circle['self'] = circle;
  expect(JSON.parse(written('json', 'm', circle))).toMatchObject({ level: 'info', msg: 'm', level_: 'x', time_: '1' });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), fc.anything()), (message, fields) => {
      for (const format of ['json', 'text'] as const) {
        const line = written(format, message, fields);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        if (format === 'json') expect(JSON.parse(line).level).toBe('info');
      }
    }),
  );
});
