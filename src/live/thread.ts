/**
 * The entry of the thread of live usage: takes reports, counts, and renders its part of the page. It runs straight
 * through; a body that takes long here makes nobody wait for a scrape.
 */
import { constants, setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { freeBuffer } from '../free-buffer.ts';
import { createLogger } from '../log.ts';
import { createChanges } from '../metrics/changes.ts';
import { buffersOf } from '../metrics/page.ts';
import { createPublisher } from '../metrics/publisher.ts';
import { colours, logLook, noPaint } from '../paint.ts';
import { demoClock } from '../simulation/demo-organization.ts';
import type { ShownHour } from '../usage/recent.ts';
import { startDemoGateway } from './demo-gateway.ts';
import { liveSections } from './live-section.ts';
import { createLiveUsage } from './live-usage.ts';
import { type Answered, type FromLive, type LiveTask, publishEvery, type ToLive } from './messages.ts';
import { createOtlpAnswers } from './otlp/answer.ts';
import { answerRecords } from './report.ts';

/** The share of its time that the thread renders, at the most, however much there is to render. */
const shareOfRendering = 0.2;

async function run({ settings, coloured, demo, restarts = 0 }: LiveTask, port: MessagePort): Promise<void> {
  const post = (message: FromLive, moved: ArrayBuffer[] = []) => port.postMessage(message, moved);
  const log = createLogger({
    ...settings.log,
    destination: { write: (line) => post({ kind: 'log', line }) },
    look: logLook(coloured ? colours : noPaint),
  });
  const clock = demo === undefined ? systemClock : demoClock(systemClock, settings.demo.speed, demo.began);
  const stop = new AbortController();
  const { settleDelay } = settings.poll;
  const live = createLiveUsage({ ...settings.live, zeroHold: settings.counters.zeroHold, settleDelay, restarts });
  const otlp = createOtlpAnswers(live, clock.now());
  const changes = createChanges();
  let shownByUsage: readonly ShownHour[] = [];
  const sections = liveSections({ live, settleDelay, shownByUsage: () => shownByUsage });
  let saidFolded = false;

  const at = () => ({ now: clock.now(), elapsed: clock.monotonic() });
  const gateway =
    demo && startDemoGateway({ ...demo, live, settleDelay, at, counted: () => changes.note('live records') });
  port.on('message', (message: ToLive) => {
    if (message.kind === 'stop') return stop.abort(new Error('told to stop'));
    if (message.kind === 'hours') {
      shownByUsage = message.hours;
      changes.note('live records');
      return;
    }
    if (message.kind === 'prices') return live.spend.goBy(message.prices);
    const instant = at();
    if (message.kind === 'refused') {
      for (let count = 0; count < message.reports; count++) {
        live.count({ format: 'unknown', reason: 'refused before it was read' }, instant);
      }
      changes.note('live records');
      return;
    }
    const answers = message.reports.map((report): Answered => {
      const answer = report.form === 'records' ? answerRecords(live, report, instant) : otlp.answer(report, instant);
      for (const piece of report.body) freeBuffer(piece);
      return { id: report.id, ...answer };
    });
    post({ kind: 'answers', answers });
    changes.note('live records');
    if (live.book.folded > 0 && !saidFolded) {
      saidFolded = true;
      log.warn(
        `live usage has more than ${settings.live.maxGroups} groups; the usage of further ones goes into one whose labels all read "other". Raise --live.max-groups, or report fewer labels.`,
      );
    }
  });

  const publisher = createPublisher({
    sections,
    changes,
    clock,
    async show(update, seconds) {
      post({ kind: 'page', update, status: live.status(clock.now()) }, buffersOf(update));
      const pause = Math.max(publishEvery, (seconds * 1_000 * (1 - shareOfRendering)) / shareOfRendering);
      await systemClock.sleep(pause, stop.signal).catch(() => undefined);
    },
  });
  try {
    await publisher.run(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    gateway?.stop();
  }
}

/** Lets scrapes go first where processors are few. Only Linux has a priority of each thread. */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox that forbids it costs scrapes some milliseconds, no more.
  }
}

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
giveWay();
await run(workerData, parentPort);
process.exit(0);
