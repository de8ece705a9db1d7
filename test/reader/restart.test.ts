/** Tests what a restart of the whole exporter does to the counters, with what it remembers and without. */
import { afterEach, describe, expect, test } from 'vitest';
import { decodeState, encodeState, type State } from '../../src/state/codec.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { seconds } from '../helpers/rows.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

const total = 'openai_embeddings_input_tokens_total';
const start = '2026-11-20T09:27:03Z';
const flags = ['--poll.apis=embeddings', '--poll.group-by=model'];

const lives: RunningExporter[] = [];
afterEach(async () => {
  for (const each of lives.splice(0)) await each.end();
});

/** An API whose settled usage a test sets, all of it on the third; and a disk. */
function world(initial: Record<string, number>) {
  const usage = { ...initial };
  const rows = ({ width, start: begin }: Asked) => {
    const third = seconds('2026-11-03T00:00Z');
    if (width !== '1d' || begin !== third) return [];
    return Object.entries(usage).map(([model, input_tokens]) => ({ model, input_tokens }));
  };
  let disk: Buffer | undefined;
  let broken = false;
  /** Holds what was on the page when the state was about to be saved, and what was saved. */
  const saves: { page: Record<string, number>; saved: State }[] = [];
  return {
    usage,
    saves,
    breakDisk: () => {
      broken = true;
    },
    live(at: string, remembers = true): RunningExporter {
      const made: RunningExporter = runExporter({
        start: at,
        flags,
        client: rowsClient(rows),
        ...(remembers
          ? {
              memory: {
                fingerprint: 'mine',
                earlier: disk === undefined ? undefined : decodeState(disk),
                async save(state: State) {
                  saves.push({ page: valuesOf(made.text(), total, ['model']), saved: state });
                  if (!broken) disk = encodeState(state);
                },
              },
            }
          : {}),
      });
      lives.push(made);
      return made;
    },
  };
}

const shown = (running: RunningExporter) => valuesOf(running.text(), total, ['model']);

describe('a restart', () => {
  test('with its state lowers no series that was shown, and lets a new one rise from 0', async () => {
    const { live, usage } = world({ a: 10, b: 5 });
    const first = live(start);
    await first.minutes(3);
    expect(shown(first)).toEqual({ a: 10, b: 5 });
    await first.end();
    usage['a'] = 4;
    usage['new'] = 7;
    const second = live('2026-11-20T09:45:03Z');
    await second.minutes(0.5);
    expect(shown(second)).toEqual({ a: 10, b: 5, new: 0 });
    expect(await second.self('openai_exporter_held_back{api="embeddings",field="input_tokens"}')).toBe(6);
    await second.minutes(3);
    expect(shown(second)).toEqual({ a: 10, b: 5, new: 7 });
  });

  test('without it is a reset where the API has taken usage back', async () => {
    const { live, usage } = world({ a: 10 });
    const first = live(start, false);
    await first.minutes(3);
    await first.end();
    usage['a'] = 4;
    const second = live('2026-11-20T09:45:03Z', false);
    await second.minutes(0.5);
    expect(shown(second)).toEqual({ a: 4 });
  });

  test('with a state that could not be written goes on as without', async () => {
    const { live, breakDisk } = world({ a: 10 });
    breakDisk();
    const first = live(start);
    await first.minutes(3);
    expect(shown(first)).toEqual({ a: 10 });
    await first.end();
    const second = live('2026-11-20T09:45:03Z');
    await second.minutes(0.5);
    expect(shown(second)).toEqual({ a: 10 });
  });

  test('with a state from a clock that ran ahead begins with the history of the API', async () => {
    const { live } = world({ a: 10 });
    const ahead = live('2026-12-02T09:27:03Z');
    await ahead.minutes(3);
    await ahead.end();
    const second = live(start);
    await second.minutes(3);
    expect(shown(second)).toEqual({ a: 10 });
  });
});

test('what a page shows was saved before it was shown', async () => {
  const { live, saves, usage } = world({ a: 10 });
  const running = live(start);
  await running.minutes(3);
  usage['b'] = 3;
  await running.minutes(1_500);
  expect(shown(running)).toEqual({ a: 10, b: 3 });
  expect(saves.length).toBeGreaterThanOrEqual(3);
  for (const { page, saved } of saves) {
    const [embeddings] = saved.apis;
    const sum = [...(embeddings?.values ?? [])].reduce((a, b) => a + (Number.isNaN(b) ? 0 : b), 0);
    const series = [...(embeddings?.values ?? [])].filter((value) => !Number.isNaN(value)).length;
    // Each save is because of something that the page did not have yet.
    const before = Object.values(page);
    expect(before.length < series || before.reduce((a, b) => a + b, 0) < sum).toBe(true);
  }
}, 60_000);
