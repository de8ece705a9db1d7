/** Tests how one api is kept up to date: when it is asked, and what a failure does and does not do. */
import { afterEach, describe, expect, test } from 'vitest';
import { valuesOf } from '../helpers/exposition.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, type RunOptions, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

function live(options: RunOptions): RunningExporter {
  running = runExporter(options);
  return running;
}

const row = (tokens: number) => ({ input_tokens: tokens, num_model_requests: 1, model: 'm' });
/** Ten tokens a minute. */
const steady = ({ width }: Asked) => [row(width === '1m' ? 10 : width === '1h' ? 600 : 14_400)];
const two = ['--poll.apis=embeddings,moderations', '--poll.group-by=model'];
const start = '2026-11-20T09:07:03Z';

/** Polls of an api and what they read of minutes. */
function recorded(rows: (asked: Asked) => readonly object[] = steady) {
  const polls: Asked[] = [];
  const client = rowsClient((asked) => {
    polls.push(asked);
    return rows(asked);
  });
  return { polls, client };
}

/** Instants at which an api was asked for something of this width, in minutes since `start`. */
function instants(polls: readonly Asked[], api: string, width = '1m'): number[] {
  const all = polls.filter((each) => each.api === api && each.width === width).map(({ at }) => at);
  return [...new Set(all)].map((at) => Math.round((at - Date.parse(start)) / 6_000) / 10);
}

describe('a poll', () => {
  test('comes at once, then each minute at the api’s own place in it', async () => {
    const { polls, client } = recorded();
    const { minutes } = live({ start, flags: two, client });
    await minutes(5);
    const times = instants(polls, 'embeddings');
    expect(times[0]).toBe(0);
    const gaps = times.slice(2).map((time, index) => time - (times[index + 1] ?? 0));
    expect(times.length).toBeGreaterThanOrEqual(6);
    for (const gap of gaps) expect(gap).toBeCloseTo(1, 1);
    expect(instants(polls, 'moderations').at(-1)).not.toBe(times.at(-1));
  });

  test('of an api that nobody has used for a day comes every ten minutes, and every minute again once it is used', async () => {
    let used = false;
    const { polls, client } = recorded((asked) => (asked.api === 'moderations' || used ? steady(asked) : []));
    const { minutes } = live({ start, flags: two, client });
    await minutes(60);
    const idle = instants(polls, 'embeddings').length;
    expect(idle).toBeLessThanOrEqual(9);
    expect(instants(polls, 'moderations').length).toBeGreaterThanOrEqual(60);
    used = true;
    await minutes(30);
    expect(instants(polls, 'embeddings').length - idle).toBeGreaterThanOrEqual(19);
  });

  test('of an idle api that failed comes again after a minute: one failure is no outage of ten', async () => {
    let faults = 0;
    const client = rowsClient(
      (asked) => (asked.api === 'moderations' ? steady(asked) : []),
      ({ api, width }) => (api === 'embeddings' && width === '1m' && faults-- > 0 ? { reason: 'auth' } : undefined),
    );
    const { minutes, self } = live({ start, flags: two, client });
    await minutes(60);
    faults = 1;
    let down = 0;
    for (let half = 0; half < 24; half++) {
      await minutes(0.5);
      if ((await self('openai_up{api="embeddings"}')) === 0) down++;
    }
    expect(await self('openai_exporter_poll_failures_total{api="embeddings",reason="auth"}')).toBe(1);
    expect(down).toBeGreaterThan(0);
    expect(down).toBeLessThanOrEqual(3);
  });

  test('that fails backs off alone, up to five minutes, and comes each minute again when it succeeds', async () => {
    let broken = true;
    const polls: string[] = [];
    const client = rowsClient(steady, ({ api }) => {
      polls.push(api);
      return broken && api === 'embeddings' ? { reason: 'server' } : undefined;
    });
    const { minutes, log } = live({ start, flags: two, client });
    const asked = async (count: number, api: string) => {
      polls.length = 0;
      await minutes(count);
      return polls.filter((each) => each === api).length;
    };
    await minutes(30);
    // At most thirteen polls, of two widths, and as many looks for history.
    expect(await asked(60, 'embeddings')).toBeLessThanOrEqual(3 * 13);
    expect(await asked(60, 'embeddings')).toBeGreaterThanOrEqual(2 * 11);
    expect(await asked(10, 'moderations')).toBeGreaterThanOrEqual(2 * 10);
    expect(log.of('warn').filter((line) => line.startsWith('embeddings: poll'))).toHaveLength(1);
    broken = false;
    await minutes(6);
    expect(await asked(10, 'embeddings')).toBeGreaterThanOrEqual(2 * 10);
    expect(log.of('info').filter((line) => line.includes('poll succeeds again'))).toHaveLength(1);
  });

  test('shows the minutes before the hours have been answered', async () => {
    const minute = ({ start, width }: Asked) => [row(width === '1m' ? start / 60 : 600)];
    let answerHours: (() => void) | undefined;
    let held = Promise.resolve();
    const { minutes, until, text } = live({
      start,
      flags: two,
      client: (clock, observer) => {
        const { get } = rowsClient(minute)(clock, observer);
        return {
          async get(request, decode) {
            if (request.query.some(([name, value]) => name === 'bucket_width' && value === '1h')) await held;
            return get(request, decode);
          },
        };
      },
    });
    await minutes(5);
    held = new Promise((resolve) => {
      answerHours = resolve;
    });
    await until('2026-11-20T09:14:00Z');
    const settled = valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state'])['1m settled'];
    // The poll of 09:12 has read it, and still waits.
    expect(settled).toBe(Date.parse('2026-11-20T08:56:00Z') / 60_000);
    answerHours?.();
  });

  test('that fails leaves what is known on show; up and the counters of polls say so', async () => {
    let reason: 'server' | 'malformed' | undefined;
    const client = rowsClient(steady, ({ api }) => (reason && api === 'embeddings' ? { reason } : undefined));
    const { minutes, text, self } = live({ start, flags: two, client });
    await minutes(3);
    expect(await self('openai_up{api="embeddings"}')).toBe(1);
    const before = valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state']);
    const success = await self('openai_exporter_last_success_timestamp_seconds{api="embeddings"}');
    reason = 'malformed';
    await minutes(5);
    expect(valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state'])).toEqual(before);
    expect(valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])).not.toEqual({});
    expect(await self('openai_up{api="embeddings"}')).toBe(0);
    expect(await self('openai_up{api="moderations"}')).toBe(1);
    expect(await self('openai_exporter_poll_failures_total{api="embeddings",reason="malformed"}')).toBeGreaterThan(1);
    expect(await self('openai_exporter_last_success_timestamp_seconds{api="embeddings"}')).toBe(success);
  });

  test('reads the hours although the minutes cannot be read', async () => {
    const client = rowsClient(steady, ({ width }) => (width === '1m' ? { reason: 'malformed' } : undefined));
    const { minutes, text, self } = live({ start, flags: two, client });
    await minutes(3);
    expect(valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state'])).toEqual({
      '1h settled': 600,
      '1h settling': 600,
      '1h open': 600,
    });
    expect(await self('openai_up{api="embeddings"}')).toBe(0);
  });

  test('takes a 429 for a failure, not for an empty answer', async () => {
    let limited = false;
    const client = rowsClient(steady, () => (limited ? { reason: 'rate_limited' } : undefined));
    const { minutes, text, self } = live({ start, flags: two, client });
    await minutes(3);
    const total = valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])['m'] ?? 0;
    expect(total).toBeGreaterThan(0);
    limited = true;
    await minutes(30);
    expect(valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])).toEqual({ m: total });
    expect(await self('openai_exporter_poll_failures_total{api="embeddings",reason="rate_limited"}')).toBeGreaterThan(
      0,
    );
    limited = false;
    await minutes(20);
    expect(valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])['m']).toBe(total + 10 * 50);
  });

  test('goes on when the clock is put back, and does not wait until it reads the old time again', async () => {
    const { polls, client } = recorded();
    const { minutes, clock } = live({ start, flags: two, client });
    await minutes(5);
    clock.step(-86_400_000);
    const before = polls.length;
    await minutes(5);
    const since = new Set(
      polls
        .slice(before)
        .filter(({ api }) => api === 'embeddings')
        .map(({ at }) => at),
    );
    expect(since.size).toBeGreaterThanOrEqual(4);
  });

  test('comes soon after the clock was set forward', async () => {
    const { polls, client } = recorded();
    const { minutes, clock } = live({ start, flags: two, client });
    await minutes(5);
    clock.step(3 * 3_600_000);
    const before = polls.length;
    await minutes(1);
    expect(polls.length).toBeGreaterThan(before);
  });
});

describe('the history', () => {
  test('that cannot be read back leaves gauges on show and counters absent, and is said once', async () => {
    const client = rowsClient(steady, ({ width, api }) =>
      width === '1d' && api === 'embeddings' ? { reason: 'rejected', code: 'reporting_lookback_exceeded' } : undefined,
    );
    const { minutes, text, log, exporter } = live({ start, flags: two, client });
    await minutes(30);
    expect(valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])).toEqual({});
    expect(valuesOf(text(), 'openai_moderations_input_tokens_total', ['model'])).not.toEqual({});
    expect(valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state'])).not.toEqual({});
    expect(log.of('warn').filter((line) => line.startsWith('embeddings'))).toHaveLength(1);
    expect(log.of('warn').join()).toContain('next period');
    expect(exporter.apis[0]?.account.counters).toBe('abandoned');
  });

  test('is read in the background: the gauges are there before it has come', async () => {
    let broken = true;
    const client = rowsClient(steady, ({ width }) => (width === '1d' && broken ? { reason: 'timeout' } : undefined));
    const { minutes, text } = live({ start, flags: two, client });
    await minutes(1);
    expect(valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['bucket_width', 'state'])['1m settled']).toBe(10);
    expect(text()).not.toContain('_total');
    broken = false;
    await minutes(3);
    // 19 days, 8 hours, and the settled minutes of the ninth and tenth.
    expect(valuesOf(text(), 'openai_embeddings_input_tokens_total', ['model'])['m']).toBe(
      10 * (19 * 1_440 + 8 * 60 + 55),
    );
  });
});

describe('too many groups', () => {
  test('are folded: the sum stays right, rows are counted, and it is said once', async () => {
    const many = (asked: Asked) =>
      Array.from({ length: 5 }, (_, index) => ({ ...steady(asked)[0], model: `m${index}` }));
    const { minutes, text, self, log } = live({
      start,
      flags: [...two, '--series.max-groups=3'],
      client: rowsClient((asked) => (asked.api === 'embeddings' ? many(asked) : steady(asked))),
    });
    await minutes(5);
    const settled = valuesOf(text(), 'openai_usage_embeddings_input_tokens', ['model'], {
      bucket_width: '1m',
      state: 'settled',
    });
    expect(settled).toEqual({ m0: 10, m1: 10, m2: 10, other: 20 });
    expect(await self('openai_exporter_folded_rows_total{api="embeddings"}')).toBeGreaterThan(0);
    expect(await self('openai_exporter_folded_rows_total{api="moderations"}')).toBe(0);
    const said = log.of('warn').filter((line) => line.includes('series.max-groups'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('embeddings');
  });
});
