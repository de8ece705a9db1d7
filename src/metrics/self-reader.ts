/** The metrics that the serving thread keeps of a reading thread: they outlive it, and follow its page. */
import { Registry } from './prom-client.ts';
import { counter, gauge, textOf } from './registering.ts';

/** The metrics of one reading thread as the serving thread knows it. */
export interface ReaderMetrics {
  text(): Promise<string>;
  restarted(): void;
}

export interface ReaderMetricsOptions {
  /**
   * UTC milliseconds: when the process was started. Given where there are several organizations, whose pages do not have
   * the metrics of the process.
   */
  readonly processStart?: number;
}

export function createReaderMetrics({ processStart }: ReaderMetricsOptions = {}): ReaderMetrics {
  const registry = new Registry();
  const restarts = counter(
    registry,
    'reader_restarts_total',
    'Times that the thread that reads OpenAI died and was started again.',
    [],
  );
  if (processStart !== undefined) {
    gauge(
      registry,
      'process_start_time_seconds',
      'Start of the process, in seconds since the epoch.',
      [] as const,
      (it) => it.set(processStart / 1_000),
    );
  }
  let text: Promise<string> | undefined;
  const changed = () => {
    text = undefined;
  };
  return {
    text() {
      text ??= textOf(registry, changed);
      return text;
    },
    restarted() {
      restarts.inc();
      changed();
    },
  };
}
