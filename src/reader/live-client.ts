/** The client of the real API, from settings, key and environment. */
import type { Clock } from '../clock.ts';
import type { Environment } from '../environment.ts';
import { fixedKey, keyFile } from '../openai/admin-key.ts';
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
  /** The priority in the request budget. */
  readonly sparing: boolean;
}

/** @throws if the key file has become unreadable since the settings were read, or the proxy cannot be used */
export async function createLiveClient(options: LiveOptions): Promise<ExporterOptions['client']> {
  const { settings, key, environment, clock, version, sparing } = options;
  const { timeout, maxRequestsPerMinute, organization } = settings.openai;
  const baseUrl = new URL(settings.openai.baseUrl);
  const source = key.from === 'file' ? await keyFile(key.path) : fixedKey(key.key);
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
