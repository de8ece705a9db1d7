/** The client of the real API, from settings, key and environment. */
import type { Clock } from '../clock.ts';
import type { Environment } from '../environment.ts';
import { fixedKey, type KeySource, keyFileInTime, noKey } from '../openai/admin-key.ts';
import { type Client, type ClientObserver, createClient } from '../openai/client.ts';
import { createBudget } from '../openai/request-budget.ts';
import { createTransport } from '../openai/transport.ts';
import type { KeySetting } from '../settings/key-setting.ts';
import type { Settings } from '../settings/settings.ts';
import type { ExporterOptions } from './exporter.ts';

export interface LiveOptions {
  readonly settings: Pick<Settings, 'openai'>;
  readonly key: KeySetting;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly version: string;
  /** False where a person waits for each answer: see `BudgetOptions`. */
  readonly sparing: boolean;
}

/** @throws if the proxy cannot be used */
export async function createLiveClient(options: LiveOptions): Promise<ExporterOptions['client']> {
  const { settings, key, environment, clock, version, sparing } = options;
  const { timeout, maxRequestsPerMinute, organization } = settings.openai;
  const baseUrl = new URL(settings.openai.baseUrl);
  const source = await keySource(key);
  const dispatcher = createTransport(baseUrl, environment, { timeoutMs: timeout });
  return (observer: ClientObserver): Client =>
    createClient({
      baseUrl,
      key: source,
      dispatcher,
      budget: createBudget({ clock, maxPerMinute: maxRequestsPerMinute, sparing }),
      clock,
      random: Math.random,
      ...(organization === undefined ? {} : { organization }),
      timeoutMs: timeout,
      userAgent: `openai-usage-exporter/${version}`,
      observer,
    });
}

/** A file that cannot be read makes every poll fail, which says why, until it can. */
async function keySource(key: KeySetting): Promise<KeySource> {
  switch (key.from) {
    case 'file':
      return await keyFileInTime(key.path);
    case 'variable':
      return fixedKey(key.key);
    case 'nowhere':
      return noKey(key.trouble);
  }
}
