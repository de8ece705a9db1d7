/** The real client with the simulated organization's key and without chance: for tests, proof, soak and benchmarks. */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../src/clock.ts';
import { fixedKey } from '../../src/openai/admin-key.ts';
import { type Client, type ClientObserver, createClient } from '../../src/openai/client.ts';
import { createBudget } from '../../src/openai/request-budget.ts';
import { simulatedKey } from '../../src/simulation/api.ts';

export interface SimulatedClientOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly observer?: ClientObserver;
  readonly baseUrl?: URL;
  readonly maxPerMinute?: number;
  readonly timeoutMs?: number;
  readonly random?: () => number;
  /** False as for a command that a person waits for. Default: true, as for an exporter that serves. */
  readonly sparing?: boolean;
}

const nobody: ClientObserver = { attempt: () => {}, retry: () => {} };

export function simulatedClient({
  dispatcher,
  clock,
  observer = nobody,
  baseUrl = new URL('http://simulated/v1'),
  maxPerMinute = 60,
  timeoutMs = 30_000,
  random = () => 0.5,
  sparing = true,
}: SimulatedClientOptions): Client {
  return createClient({
    baseUrl,
    key: fixedKey(simulatedKey),
    dispatcher,
    budget: createBudget({ clock, maxPerMinute, sparing }),
    clock,
    random,
    timeoutMs,
    userAgent: 'test',
    observer,
  });
}
