/**
 * A simulated organization whose settled buckets are put straight into ledgers: what an exporter would hold, without the
 * time that asking takes. It is for estimates, which are compared with what the organization knows of its own spending.
 */
import { createEstimator, type Estimator } from '../../src/estimate/estimator.ts';
import { type Endpoint, endpoints, type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { amountToDecimal } from '../../src/simulation/costs.ts';
import type { Organization, TruthRow } from '../../src/simulation/organization.ts';
import type { Milliseconds, Seconds } from '../../src/units.ts';
import { collectBucket } from '../../src/usage/bucket.ts';
import { Ledger } from '../../src/usage/ledger.ts';
import { settleDelayOf, settlesAt } from '../../src/usage/settle.ts';
import { type Row, rawBucket } from './rows.ts';

const settleDelay = 900_000;

export interface PricedOrganization {
  readonly estimator: Estimator;
  /** Reads a bucket of usage of every api as soon as it has settled. */
  readUsage(width: Width, start: Seconds): void;
  /** Reads a day of costs, as soon as it has settled or at an instant before. */
  readCosts(start: Seconds, at?: Milliseconds): void;
}

export function pricedOrganization(organization: Organization, anchor: Seconds): PricedOrganization {
  let now = 0;
  const clock = { now: () => now };
  const made = endpoints.map((endpoint) => ({
    endpoint,
    ledger: new Ledger({ endpoint, dimensions: endpoint.dimensions, maxGroups: 10_000, anchor, clock }),
  }));

  function read(
    { endpoint, ledger }: (typeof made)[number],
    width: Width,
    start: Seconds,
    at = settlesAt(start + widthSeconds[width], settleDelayOf(endpoint, settleDelay)),
  ): void {
    now = Math.max(now, at);
    const rows =
      endpoint.kind === 'costs'
        ? costRows(organization, start, at)
        : usageRows(organization, endpoint, width, start, at);
    const raw = rawBucket(width, start, rows);
    const bucket = collectBucket(raw, width, at, settleDelayOf(endpoint, settleDelay), ledger.groups, ledger.fields);
    if (bucket !== undefined) ledger.put(bucket);
  }

  const usage = made.filter(({ endpoint }) => endpoint.fields.some(({ kind }) => kind === 'flow'));
  const costs = made.filter(({ endpoint }) => endpoint.kind === 'costs');
  return {
    estimator: createEstimator({
      costs: { ledger: costs[0]?.ledger ?? fail() },
      usage: usage.map(({ endpoint, ledger }) => ({
        endpoint,
        ledger,
        counters: 'shown' as const,
        dayAt(start) {
          const bucket = ledger.settled('1d', start);
          return bucket && { ledger, bucket };
        },
      })),
      settleDelay,
      interval: 300_000,
    }),
    readUsage(width, start) {
      for (const each of usage) read(each, width, start);
    },
    readCosts(start, at) {
      for (const each of costs) read(each, '1d', start, at);
    },
  };
}

function fail(): never {
  throw new Error('The catalogue has no costs.');
}

function usageRows({ truth }: Organization, endpoint: Endpoint, width: Width, start: Seconds, at: number): Row[] {
  const rows: readonly TruthRow[] = truth.visible(endpoint.api, width, start, at, { groupBy: endpoint.dimensions });
  return rows.map(({ labels, fields }) => ({ labels, fields: Object.fromEntries(fields) }));
}

function costRows({ truth }: Organization, start: Seconds, at: number): Row[] {
  const groupBy = ['project_id', 'line_item', 'api_key_id', 'api_source'];
  return truth.costs({ from: start, to: start + widthSeconds['1d'] }, { at, groupBy }).map((row) => ({
    labels: row.labels,
    fields: {
      ...(row.amount === null ? {} : { amount_value: amountToDecimal(row.amount) }),
      ...(row.quantity === null || row.unit === null ? {} : { quantity: row.quantity }),
    },
    units: { amount_value: row.currency, quantity: row.unit },
  }));
}
