/** An API that leaves empty buckets out of its answers tells as much as one that does not. */
import { afterEach, expect, test, vi } from 'vitest';
import { createOrganization } from '../../src/simulation/organization.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter, runSimulated } from '../helpers/running-exporter.ts';

vi.setConfig({ testTimeout: 60_000 });

const running: RunningExporter[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.end();
});

function keep<T extends RunningExporter>(exporter: T): T {
  running.push(exporter);
  return exporter;
}

const flags = ['--poll.apis=embeddings,costs', '--poll.group-by=model,project_id'];

test('the page is the same whether empty buckets are left out or not, minute by minute', async () => {
  const organization = createOrganization({
    seed: 5,
    createdAt: seconds('2026-11-16T00:00Z'),
    profile: { groups: 3, apis: ['embeddings'], activity: 0.1, restatedUp: 0, restatedDown: 0 },
  });
  const start = '2026-11-20T09:27:03Z';
  const whole = keep(runSimulated({ organization, start, flags }));
  const sparse = keep(runSimulated({ organization, start, flags, faults: [{ fault: { kind: 'sparse' } }] }));
  for (let minute = 0; minute < 90; minute++) {
    await whole.minutes(1);
    await sparse.minutes(1);
    expect(sparse.text()).toBe(whole.text());
  }
  expect(valuesOf(sparse.text(), 'openai_embeddings_input_tokens_total', ['model'])).not.toEqual({});
  const passedOver = ({ exporter, clock }: RunningExporter) =>
    [
      ...(exporter.apis[0]?.account.ledger.buckets.between(
        '1m',
        clock.now() / 1_000 - 3_600 - ((clock.now() / 1_000) % 60),
        clock.now() / 1_000,
      ) ?? []),
    ].filter((bucket) => bucket.passedOver).length;
  expect([passedOver(whole), passedOver(sparse)]).toEqual([0, expect.toSatisfy((count: number) => count > 5)]);
  expect(sparse.log.of('warn', 'error')).toEqual([]);
});

const total = 'openai_embeddings_input_tokens_total';
const november = seconds('2026-11-01T00:00Z');
const december = seconds('2026-12-01T00:00Z');

/** One token in each minute of November, and nothing afterwards. */
const quiet = rowsClient(
  ({ width, start, at }) => {
    const end = Math.min(start + { '1m': 60, '1h': 3_600, '1d': 86_400 }[width], at / 1_000, december);
    const minutes = Math.floor((end - Math.max(start, november)) / 60);
    return minutes > 0 ? [{ model: 'm', input_tokens: minutes }] : [];
  },
  undefined,
  ({ start }) => start < november || start >= december,
);

test('a month of which nothing at all is returned begins a day late, for the clock could be wrong', async () => {
  const { until, text } = keep(
    runExporter({ start: '2026-11-30T23:00:03Z', flags: ['--poll.apis=embeddings'], client: quiet }),
  );
  await until('2026-12-01T23:00:00Z');
  expect(valuesOf(text(), total, ['model'])).toEqual({ m: 30 * 1_440 });
  await until('2026-12-02T02:00:00Z');
  expect(valuesOf(text(), total, ['model'])).toEqual({});
});

test('a clock that runs a month ahead for some hours begins no month', async () => {
  const { minutes, text, clock } = keep(
    runExporter({ start: '2026-11-20T09:00:03Z', flags: ['--poll.apis=embeddings'], client: quiet }),
  );
  await minutes(30);
  const before = valuesOf(text(), total, ['model'])['m'] ?? 0;
  expect(before).toBeGreaterThan(0);
  clock.step(20 * 86_400_000);
  await minutes(240);
  clock.step(-20 * 86_400_000);
  await minutes(150);
  const after = valuesOf(text(), total, ['model'])['m'] ?? 0;
  expect(after - before).toBeGreaterThan(380);
});
