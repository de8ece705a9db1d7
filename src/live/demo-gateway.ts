/** The demonstration's own reports: each second what its gateway has seen since, from the hour on that has settled last. */
import { demoOrganization } from '../simulation/demo-organization.ts';
import { createGateway, demoBypass, demoTeamOf } from '../simulation/gateway.ts';
import type { Milliseconds } from '../units.ts';
import type { Instant, LiveUsage } from './live-usage.ts';
import { newestSettled } from './shown-hours.ts';

export interface DemoGatewayOptions {
  readonly began: Milliseconds;
  /** The place of the organization among several, from 0. */
  readonly number: number;
  readonly live: LiveUsage;
  readonly settleDelay: Milliseconds;
  readonly at: () => Instant;
  /** Called when something was counted. */
  readonly counted: () => void;
}

/** Milliseconds of the wall. */
const reportEvery = 1_000;

export function startDemoGateway({ began, number, live, settleDelay, at, counted }: DemoGatewayOptions): {
  stop(): void;
} {
  const reports = createGateway({
    organization: demoOrganization(began, number),
    bypassedBy: demoBypass,
    teamOf: demoTeamOf,
  });
  let reported: number = newestSettled(at().now, settleDelay);

  function report(): void {
    const instant = at();
    const to = Math.floor(instant.now / 1_000);
    if (to <= reported) return;
    const records = reports(reported, to);
    reported = to;
    for (const record of records) live.count(live.read(record, { api: undefined, labels: new Map() }), instant);
    if (records.length > 0) counted();
  }

  report();
  const timer = setInterval(report, reportEvery);
  return { stop: () => clearInterval(timer) };
}
