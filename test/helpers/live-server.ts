/** A web server that takes live usage, without threads: what is reported counts before it is answered. */
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { liveSections } from '../../src/live/live-section.ts';
import { createLiveUsage, type LiveOptions, type LiveUsage } from '../../src/live/live-usage.ts';
import { createOtlpAnswers } from '../../src/live/otlp/answer.ts';
import { answerRecords } from '../../src/live/report.ts';
import type { LiveRoutesOptions } from '../../src/web/live-routes.ts';
import type { WebOptions } from '../../src/web/server.ts';
import { type Exposition, parseExposition } from './exposition-parser.ts';
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

const settleDelay = 900_000;

/** Ends with the test. */
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
  const text = () =>
    liveSections({ live, settleDelay, shownByUsage: () => [] })
      .flatMap((section) => [...section.render(clock.now(), clock.monotonic())].map((part) => part.text))
      .join('');
  return { port, url: `http://127.0.0.1:${port}`, live, text, exposition: () => parseExposition(text()) };
}

/** Waits for what a socket or a thread has to bring about; it only ends what hangs, on a busy machine too. */
export const patience = { timeout: 30_000, interval: 20 } as const;
