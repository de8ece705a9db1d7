/** Runs `backfill` as it is on a simulated organization, by a virtual clock, and reads what it writes. */
import { Writable } from 'node:stream';
import { expect } from 'vitest';
import { runBackfill } from '../../src/commands/backfill.ts';
import type { Environment } from '../../src/environment.ts';
import { parseSettings } from '../../src/settings/settings.ts';
import { simulatedKey } from '../../src/simulation/api.ts';
import type { Organization } from '../../src/simulation/organization.ts';
import type { FaultRule } from './faults.ts';
import { recordingLog } from './recording-log.ts';
import { simulatedClient } from './simulated-client.ts';
import { SimulatedDispatcher } from './simulated-dispatcher.ts';
import { createVirtualClock } from './virtual-clock.ts';

export interface WritingOptions {
  readonly organization: Organization;
  /** UTC milliseconds. */
  readonly now: number;
  readonly argv: readonly string[];
  /** Settings that flags beat. */
  readonly env?: Environment;
  readonly faults?: readonly FaultRule[];
  /** Requests after which the program is told to stop. */
  readonly stopAfter?: number;
}

export async function writeHistory(options: WritingOptions) {
  const { organization, now, argv, env = {}, faults = [], stopAfter = Number.POSITIVE_INFINITY } = options;
  const clock = createVirtualClock({ start: now });
  const stop = new AbortController();
  const dispatcher = new SimulatedDispatcher({
    organization,
    clock,
    faults,
    latency() {
      if (dispatcher.requests.length > stopAfter) stop.abort(new Error('SIGTERM received'));
      return 20;
    },
  });
  const parsed = parseSettings(['backfill', ...argv], { OPENAI_ADMIN_KEY: simulatedKey, ...env });
  if (!('history' in parsed)) throw new Error(JSON.stringify(parsed));
  let out = '';
  let err = '';
  const log = recordingLog();
  const stdout = new Writable({
    write(chunk, _, done) {
      out += String(chunk);
      done();
    },
  });
  const running = runBackfill({
    settings: parsed.settings,
    history: parsed.history,
    clock,
    log,
    signal: stop.signal,
    throwIfStopped: () => stop.signal.throwIfAborted(),
    stdout,
    err: {
      write(text: string) {
        err += text;
      },
    },
    client: (observer) => {
      const maxPerMinute = parsed.settings.openai.maxRequestsPerMinute;
      return simulatedClient({ dispatcher, clock, observer, maxPerMinute, sparing: false });
    },
  });
  const code = await clock.settle(running);
  return { code, out, err, log, requests: dispatcher.requests };
}

/** The samples by series as it is written, by instant, in seconds. */
export type Written = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** Reads OpenMetrics; fails where families or series are not in one piece, or time does not rise. */
export function readWritten(text: string): Written {
  expect(text.endsWith('# EOF\n')).toBe(true);
  const series = new Map<string, Map<number, number>>();
  const families = new Set<string>();
  let family = '';
  let last = '';
  let latest = 0;
  for (const line of text.split('\n').slice(0, -2)) {
    const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line);
    if (type !== null) {
      family = type[1] ?? '';
      expect(families.has(family)).toBe(false);
      families.add(family);
      if (type[2] === 'counter') family += '_total';
      continue;
    }
    if (line.startsWith('# HELP ')) continue;
    const [, key = '', value, at] = /^(.+) (\S+) (\S+)$/.exec(line) ?? [];
    expect(key === family || key.startsWith(`${family}{`)).toBe(true);
    if (key !== last) {
      expect(series.has(key)).toBe(false);
      latest = 0;
    }
    last = key;
    expect(Number(at)).toBeGreaterThan(latest);
    latest = Number(at);
    const samples = series.get(key) ?? new Map<number, number>();
    series.set(key, samples.set(latest, Number(value)));
  }
  return series;
}
