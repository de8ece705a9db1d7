import { expect, test } from 'vitest';
import { boundsOf, stepsOf } from '../../src/backfill/backfill-plan.ts';
import { createProgress } from '../../src/backfill/progress.ts';
import type { LogFields } from '../../src/log.ts';
import type { Api } from '../../src/openai/catalogue.ts';
import { createPageSizes } from '../../src/openai/read-buckets.ts';
import { recordingLog } from '../helpers/recording-log.ts';
import { endpointNamed, seconds } from '../helpers/rows.ts';

const from = seconds('2026-05-01T00:00Z');
const to = seconds('2026-05-08T00:00Z');
const asked = { from, to, width: '1h', settleDelay: 900_000, anchor: { kind: 'month' } } as const;

test('says how far it is, every five seconds at most, and what remains at the sizes of pages so far', () => {
  const bounds = boundsOf(asked, seconds('2026-05-20T00:00Z') * 1_000);
  if ('mistake' in bounds) throw new Error(bounds.mistake);
  const plans = ['completions', 'embeddings'].map((api) => {
    const endpoint = endpointNamed(api);
    return { endpoint, steps: stepsOf(endpoint, asked, bounds, []) };
  });
  const lines: [string, LogFields | undefined][] = [];
  const sizes = createPageSizes();
  let elapsed = 0;
  let requests = 0;
  const progress = createProgress({
    plans,
    sizes,
    clock: { monotonic: () => elapsed },
    log: { ...recordingLog(), info: (message, fields) => lines.push([message, fields]) },
    requests: () => requests,
    maxPerMinute: 20,
  });
  const reached = (api: Api, step: number, hours: number) => {
    requests++;
    progress.reached(api, step, from + hours * 3_600);
  };

  // Four hours fit a page as long as nothing is known; of the week 164 hours remain, and of both the day behind it.
  reached('completions', 0, 4);
  elapsed = 4_999;
  reached('completions', 0, 8);
  sizes.observe('completions', '1h', 24, 1_000);
  elapsed = 5_000;
  reached('completions', 0, 72);
  elapsed = 10_000;
  progress.finished('completions');
  reached('embeddings', 0, 24);
  expect(lines).toEqual([
    ['completions: read to 2026-05-01T04:00Z', { requests: 1, remaining: 41 + 6 + 42 + 6, minutes: 5 }],
    ['completions: read to 2026-05-04T00:00Z', { requests: 3, remaining: 1 + 1 + 2 + 1, minutes: 1 }],
    ['embeddings: read to 2026-05-02T00:00Z', { requests: 4, remaining: 36 + 6, minutes: 3 }],
  ]);
});
