/**
 * `demo`: the main job without a key. A simulated organization with two months of history answers on a loopback
 * port, and the exporter asks it over real HTTP, as it would ask OpenAI.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { fixedKey } from '../openai/admin-key.ts';
import { createClient } from '../openai/client.ts';
import { createBudget } from '../openai/request-budget.ts';
import { createTransport } from '../openai/transport.ts';
import { simulatedKey } from '../simulation/api.ts';
import { demoClock, demoOrganization } from '../simulation/demo-organization.ts';
import { startServer } from '../simulation/simulated-server.ts';
import type { Milliseconds } from '../units.ts';
import type { ExporterOptions } from './exporter.ts';

/** The simulation refuses nobody, so that a demonstration is complete at once. */
const requestsPerMinute = 600;

export interface Demo {
  /** The organization's time, and therefore the exporter's. */
  readonly clock: Clock;
  readonly client: ExporterOptions['client'];
  close(): Promise<void>;
}

export interface DemoOptions {
  readonly wall: Clock;
  /** The speed of the demonstration's clock, as a multiple of real time. */
  readonly speed: number;
  /** The start of the demonstration: all of its threads have the same organization and the same time. */
  readonly began: Milliseconds;
  /** Its place among several organizations, from 0. */
  readonly number: number;
  readonly version: string;
  readonly log: Logger;
}

export async function startDemo({ wall, speed, began, number, version, log }: DemoOptions): Promise<Demo> {
  const clock = demoClock(wall, speed, began);
  const organization = demoOrganization(began, number);
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
