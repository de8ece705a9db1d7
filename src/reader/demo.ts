/**
 * `demo`: the main job without a key. A simulated organization with two months of history answers on a loopback
 * port, and the exporter asks it over real HTTP, as it would ask OpenAI.
 */
import { type Clock, scaledClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { fixedKey } from '../openai/admin-key.ts';
import { widthSeconds } from '../openai/catalogue.ts';
import { createClient } from '../openai/client.ts';
import { createBudget } from '../openai/request-budget.ts';
import { createTransport } from '../openai/transport.ts';
import { simulatedKey } from '../simulation/api.ts';
import { createOrganization, type Organization } from '../simulation/organization.ts';
import { startServer } from '../simulation/simulated-server.ts';
import type { ExporterOptions } from './exporter.ts';

/** Days of history that the simulated organization has. */
const historyDays = 62;
const daySeconds = widthSeconds['1d'];

/** The simulation refuses nobody, so that a demonstration is complete at once. */
const requestsPerMinute = 600;

export interface Demo {
  /** The organization's time, and therefore the exporter's. */
  readonly clock: Clock;
  readonly client: ExporterOptions['client'];
  close(): Promise<void>;
}

/** The organization of every demonstration that starts on the UTC day of this instant, in milliseconds. */
export function demoOrganization(now: number): Organization {
  const today = Math.floor(now / 1_000 / daySeconds) * daySeconds;
  return createOrganization({ seed: 1, createdAt: today - historyDays * daySeconds, profile: 'demo' });
}

/** @param speed how many times as fast as the wall's the demonstration's clock runs */
export async function startDemo(wallClock: Clock, speed: number, version: string, log: Logger): Promise<Demo> {
  const clock = speed === 1 ? wallClock : scaledClock(wallClock, speed);
  const organization = demoOrganization(clock.now());
  const server = await startServer({ organization, clock });
  log.warn('this is a demonstration: every number is simulated, nothing is asked of OpenAI', { speed });
  const timeoutMs = 30_000 * speed;
  return {
    clock,
    client: (observer) =>
      createClient({
        baseUrl: new URL(server.url),
        key: fixedKey(simulatedKey),
        dispatcher: createTransport(new URL(server.url), {}, { timeoutMs: 30_000 }),
        budget: createBudget({ clock, maxPerMinute: requestsPerMinute }),
        clock,
        random: Math.random,
        timeoutMs,
        userAgent: `openai-usage-exporter/${version} (demonstration)`,
        observer,
      }),
    close: () => server.close(),
  };
}
