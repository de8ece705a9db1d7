/** Tests what is logged of clients that were refused: something, soon, and never much. */
import { expect, test } from 'vitest';
import type { LogFields } from '../../src/log.ts';
import { createRefusals } from '../../src/web/refused-clients.ts';
import { recordingLog } from '../helpers/recording-log.ts';

/** Minutes that pass when the test says so. */
function recorded() {
  const lines: (LogFields | undefined)[] = [];
  const sleeps: { readonly ms: number; readonly signal: AbortSignal | undefined; readonly wake: () => void }[] = [];
  const clock = {
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        sleeps.push({ ms, signal, wake: resolve });
      }),
  };
  const log = {
    ...recordingLog(),
    warn: (message: string, fields?: LogFields) => {
      expect(message).toBe('clients were refused');
      lines.push(fields);
    },
  };
  const minute = async () => {
    const sleep = sleeps.shift();
    expect(sleep?.ms).toBe(60_000);
    sleep?.wake();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ...createRefusals({ clock, log }), lines, sleeps, minute };
}

test('the first is told at once, the others by the minute, with how many there were of each kind', async () => {
  const { add, lines, minute } = recorded();
  add('unauthorized', '192.0.2.1');
  expect(lines).toEqual([{ unauthorized: 1, last_address: '192.0.2.1' }]);
  for (let count = 0; count < 1_000; count++) add('unauthorized', '192.0.2.2');
  add('busy', '192.0.2.3');
  add('tls_failed', undefined);
  expect(lines).toHaveLength(1);
  await minute();
  expect(lines.slice(1)).toEqual([{ unauthorized: 1_000, busy: 1, tls_failed: 1, last_address: '192.0.2.3' }]);
});

test('after a quiet minute the next one is told at once again, and nothing waits in between', async () => {
  const { add, lines, sleeps, minute } = recorded();
  add('rate_limited', '192.0.2.1');
  await minute();
  expect([lines.length, sleeps.length]).toEqual([1, 0]);
  add('tls_failed', undefined);
  expect(lines[1]).toEqual({ tls_failed: 1, last_address: 'unknown' });
});

test('scrapes that are too many at once are told of, too', async () => {
  const { add, lines } = recorded();
  add('scrapes_at_once', '192.0.2.1');
  expect(lines).toEqual([{ scrapes_at_once: 1, last_address: '192.0.2.1' }]);
});

test('at the end it tells what is left, and waits for nothing', async () => {
  const { add, end, lines, sleeps } = recorded();
  add('busy', '192.0.2.1');
  add('busy', '192.0.2.2');
  end();
  expect(lines.slice(1)).toEqual([{ busy: 1, last_address: '192.0.2.2' }]);
  expect(sleeps[0]?.signal?.aborted).toBe(true);
  add('busy', '192.0.2.3');
  expect(lines).toHaveLength(2);
});

test('without any, it says nothing', () => {
  const { end, lines, sleeps } = recorded();
  end();
  expect([lines, sleeps]).toEqual([[], []]);
});
