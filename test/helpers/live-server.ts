/** A web server that takes live usage, without threads: what is reported counts before it is answered. */
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { liveSections } from '../../src/live/live-section.ts';
import { createLiveUsage, type Instant, type LiveOptions, type LiveUsage } from '../../src/live/live-usage.ts';
import { createOtlpAnswers } from '../../src/live/otlp/answer.ts';
import { answerRecords } from '../../src/live/report.ts';
import type { Milliseconds } from '../../src/units.ts';
import type { ShownHour } from '../../src/usage/recent.ts';
import type { LiveRoutesOptions } from '../../src/web/live-routes.ts';
import type { WebOptions } from '../../src/web/server.ts';
import { type Exposition, parseExposition } from './exposition-parser.ts';
import { textOf } from './rendered.ts';
import { startWebServer } from './web-server.ts';

export interface LiveServer {
  readonly port: number;
  readonly url: string;
  readonly live: LiveUsage;
  /** The page as it is now; the first call shows new counters at 0. */
  exposition(): Exposition;
  /** The text of the page. */
  text(): string;
}

/** The labels of a series of which nothing but the model is known. */
export const liveTestLabels = {
  project_id: 'none',
  user_id: 'none',
  api_key_id: 'none',
  service_tier: 'none',
  batch: 'none',
};

/** The usage of a chat completion, as OpenAI's answers have it. */
export const chatUsage = {
  prompt_tokens: 120,
  completion_tokens: 30,
  total_tokens: 150,
  prompt_tokens_details: { cached_tokens: 100, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 0 },
};

const settleDelay = 900_000;

/** Renders every part of the page anew. @param hours those whose usage is on show; without, they go by the clock alone */
export function livePage(
  live: LiveUsage,
  delay: Milliseconds,
  { now, elapsed }: Instant,
  hours: readonly ShownHour[] = [],
): string {
  return liveSections({ live, settleDelay: delay, shownByUsage: () => hours })
    .flatMap((section) => [...section.render(now, elapsed)].map(textOf))
    .join('');
}

/** Starts a server that ends with the test. */
export async function startLiveServer(
  options: Partial<LiveOptions & LiveRoutesOptions> = {},
  web: Partial<WebOptions> = {},
): Promise<LiveServer> {
  const clock = systemClock;
  const live = createLiveUsage({ labels: [], maxGroups: 10_000, zeroHold: 0, settleDelay, ...options });
  const otlp = createOtlpAnswers(live, clock.now());
  const routes: LiveRoutesOptions = {
    isAllowed: options.isAllowed ?? (() => 'allowed'),
    report:
      options.report ??
      (async (report) => {
        const at = { now: clock.now(), elapsed: clock.monotonic() };
        return report.form === 'records' ? answerRecords(live, report, at) : otlp.answer(report, at);
      }),
  };
  const { server, port } = await startWebServer({ ...web, live: routes });
  onTestFinished(() => server.stop(0));
  const text = () => livePage(live, settleDelay, { now: clock.now(), elapsed: clock.monotonic() });
  return { port, url: `http://127.0.0.1:${port}`, live, text, exposition: () => parseExposition(text()) };
}

/** Waits for what a socket or a thread has to bring about; it only ends what hangs, on a busy machine too. */
export const patience = { timeout: 30_000, interval: 20 } as const;
