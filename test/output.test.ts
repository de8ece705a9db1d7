/** The log's way out: nobody waits for it, what it cannot take is counted, and its order holds. */
import { describe, expect, test } from 'vitest';
import { createLogger } from '../src/log.ts';
import { createLineOutput, type Sink } from '../src/output.ts';

/** A sink that takes a text when the test says so. */
function heldSink() {
  const taken: string[] = [];
  let pending: { readonly text: string; readonly done: (error?: Error | null) => void } | undefined;
  const sink: Sink = {
    threaded: true,
    write(text, done) {
      if (pending !== undefined) throw new Error('two writes at a time');
      pending = { text, done };
    },
  };
  const settle = (error?: Error) => {
    const write = pending;
    pending = undefined;
    if (error === undefined && write !== undefined) taken.push(write.text);
    write?.done(error);
  };
  return { sink, taken, settle };
}

const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

describe('lines', () => {
  test('are written in their order, one write at a time', () => {
    const { sink, taken, settle } = heldSink();
    const output = createLineOutput({ sink });
    for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
    settle();
    settle();
    expect(taken).toEqual(['a\n', 'b\nc\n']);
    expect(output.holdsThread()).toBe(false);
    expect(output.dropped()).toBe(0);
  });

  test('wait up to a bound while nobody takes any; the others are counted, and said when it works again', () => {
    const { sink, taken, settle } = heldSink();
    const recovered: number[] = [];
    const output = createLineOutput({ sink, mostWaiting: 6, recovered: (lines) => recovered.push(lines) });
    for (let line = 0; line < 10; line++) output.write(`${line}\n`);
    expect(output.holdsThread()).toBe(true);
    // One is being written, three wait.
    expect(output.dropped()).toBe(6);
    expect(recovered).toEqual([]);
    settle();
    expect(recovered).toEqual([]);
    settle();
    expect(taken.join('')).toBe('0\n1\n2\n3\n');
    expect(recovered).toEqual([6]);
  });

  test('that fail are counted, and the next one begins on a line of its own', () => {
    const { sink, taken, settle } = heldSink();
    const recovered: number[] = [];
    const output = createLineOutput({ sink, recovered: (lines) => recovered.push(lines) });
    output.write('lost\n');
    output.write('lost too\n');
    settle(full);
    settle(full);
    expect(output.dropped()).toBe(2);
    output.write('taken\n');
    settle();
    expect(taken).toEqual(['\ntaken\n']);
    expect(recovered).toEqual([2]);
    output.write('and on\n');
    settle();
    expect(taken[1]).toBe('and on\n');
    expect(recovered).toEqual([2]);
  });

  test('can be waited for, but not for longer than was said', async () => {
    const { sink, taken, settle } = heldSink();
    const output = createLineOutput({ sink });
    await output.flush(60_000);
    output.write('a\n');
    output.write('b\n');
    const flushed = output.flush(60_000);
    settle();
    settle();
    await flushed;
    expect(taken).toEqual(['a\n', 'b\n']);
    output.write('c\n');
    await output.flush(1);
    expect(taken).toEqual(['a\n', 'b\n']);
  });
});

test('a logger says by the same way how many lines were lost', () => {
  const { sink, taken, settle } = heldSink();
  const output = createLineOutput({
    sink,
    mostWaiting: 200,
    recovered: (lines) => log.warn(`${lines} log lines were dropped`),
  });
  const log = createLogger({ level: 'info', format: 'json', destination: output });
  for (let line = 0; line < 20; line++) log.info('the same again');
  const lost = output.dropped();
  expect(lost).toBeGreaterThan(10);
  settle();
  settle();
  settle();
  const messages = taken
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
  expect(messages.filter((message) => message === 'the same again')).toHaveLength(20 - lost);
  expect(messages.at(-1)).toBe(`${lost} log lines were dropped`);
});
