/** An organization that suddenly has ten times as many groups as may be held. */
import { afterEach, expect, test } from 'vitest';
import { type Labels, parseExposition } from '../helpers/exposition-parser.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

const most = 50;
const before = 20;
const after = 10 * most;
const explodes = seconds('2026-05-15T12:30Z');
const anchor = seconds('2026-05-01T00:00Z');

/** One token for each group and minute, all of it on the day itself. */
const groupsAt = (minute: number) => (minute < seconds('2026-05-15T12:00Z') ? 0 : minute < explodes ? before : after);

function rowsFrom(start: number, end: number): readonly object[] {
  const tokens = new Map<number, number>();
  for (let minute = Math.max(start, seconds('2026-05-15T12:00Z')); minute < end; minute += 60) {
    for (let group = 0; group < groupsAt(minute); group++) tokens.set(group, (tokens.get(group) ?? 0) + 1);
  }
  // Newcomers first, so that whoever takes rows as they come would fold those that were there.
  return [...tokens].reverse().map(([group, input_tokens]) => ({ model: `model ${group}`, input_tokens }));
}

const truth = (start: number, end: number) =>
  rowsFrom(start, end).reduce((sum, row) => sum + Number(Object.values(row)[1]), 0);

test('ten times as many groups as may be held are folded, bounded and told once, and no sum is wrong', async () => {
  running = runExporter({
    start: '2026-05-15T12:20:30Z',
    flags: ['--poll.apis=embeddings', '--poll.group-by=model', `--series.max-groups=${most}`],
    client: rowsClient(({ width, start, at }) =>
      rowsFrom(start, Math.min(start + { '1m': 60, '1h': 3_600, '1d': 86_400 }[width], Math.floor(at / 60_000) * 60)),
    ),
  });
  const { clock, log } = running;
  for (let minute = 0; minute < 90; minute++) {
    await running.minutes(1);
    const { families } = parseExposition(running.text());
    const of = (name: string, labels: Labels) =>
      (families.get(name)?.samples ?? []).filter((sample) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
    const sum = (found: readonly { readonly value: number }[]) => found.reduce((total, { value }) => total + value, 0);
    const now = Math.floor(clock.now() / 60_000) * 60;
    const settled = now - 16 * 60;

    const gauge = of('openai_usage_embeddings_input_tokens', { bucket_width: '1m' });
    expect(sum(gauge)).toBe(truth(settled, settled + 60));
    const hour = Math.floor(now / 3_600) * 3_600;
    expect(sum(of('openai_usage_embeddings_input_tokens', { bucket_width: '1h', state: 'open' }))).toBe(
      truth(hour, now),
    );
    const counter = of('openai_embeddings_input_tokens_total', {});
    // A new series is held at 0 for two minutes, the folded one too.
    const held = settled + 60 - explodes >= 0 && settled + 60 - explodes <= 180;
    if (!held) expect([minute, sum(counter)]).toEqual([minute, truth(anchor, settled + 60)]);
    expect(counter.length).toBeLessThanOrEqual(most + 1);
    expect(gauge.length).toBeLessThanOrEqual(most + 1);
    for (let group = 0; group < before; group++) {
      expect(of('openai_embeddings_input_tokens_total', { model: `model ${group}` })).toHaveLength(1);
    }
  }
  const warnings = log.of('warn', 'error').filter((line) => line.includes('groups'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('--series.max-groups');
  expect(await running.self('openai_exporter_folded_rows_total{api="embeddings"}')).toBeGreaterThan(after - most);
});
