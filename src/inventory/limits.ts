/** The limits that the organization has set or been given: rate limits, spend limits, spend alerts, expiring keys. */
import { Big } from 'big.js';
import type { AdminKeyItem, ApiKeyItem, SpendAlertItem, SpendLimitItem } from '../openai/list-items.ts';
import { labelValue } from '../usage/labels.ts';
import { nameOr, organization } from './directory.ts';
import { Listing } from './listing.ts';
import { ModelsInUse } from './models-in-use.ts';
import { RateLimits } from './rate-limits.ts';

export interface SpendLimit {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly enforcement: string;
}

export interface SpendAlert {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
}

export interface ExpiringKey {
  readonly id: string;
  readonly name: string;
  /** Seconds of UTC. */
  readonly expiresAt: number;
}

export class Limits {
  readonly rate = new RateLimits();
  readonly inUse = new ModelsInUse();
  /** Keyed by scope; at most one in each. Amounts are in units of the currency. */
  readonly spendLimits = new Listing<SpendLimit>();
  readonly spendAlerts = new Listing<SpendAlert>();
  readonly adminKeys = new Listing<ExpiringKey>();
  /** The keys that expire, by project. */
  readonly apiKeys = new Listing<ExpiringKey>();

  /** Rises with every change. */
  get version(): number {
    const { rate, inUse, spendLimits, spendAlerts, adminKeys, apiKeys } = this;
    const listings = [rate, inUse, spendLimits, spendAlerts, adminKeys, apiKeys];
    return listings.reduce((sum, { version }) => sum + version, 0);
  }

  takeSpendLimit(scope: string, items: readonly SpendLimitItem[], complete: boolean): void {
    const limits = items.map(({ cents, currency, enforcement }) => ({
      id: 'limit',
      amount: fromCents(cents),
      currency: labelValue(currency),
      enforcement: labelValue(enforcement),
    }));
    this.spendLimits.take(scope, limits, complete);
  }

  takeSpendAlerts(scope: string, items: readonly SpendAlertItem[], complete: boolean): void {
    const alerts = items.map(({ id, cents, currency }) => ({
      id,
      amount: fromCents(cents),
      currency: labelValue(currency),
    }));
    this.spendAlerts.take(scope, alerts, complete);
  }

  takeAdminKeys(items: readonly AdminKeyItem[], complete: boolean): void {
    this.adminKeys.take(organization, expiring(items), complete);
  }

  takeApiKeys(projectId: string, items: readonly ApiKeyItem[], complete: boolean): void {
    this.apiKeys.take(projectId, expiring(items), complete);
  }

  /** The project can no longer be asked, and its limits hold for nobody. */
  dropProject(projectId: string): void {
    this.rate.drop(projectId);
    this.spendLimits.drop(projectId);
    this.spendAlerts.drop(projectId);
    this.apiKeys.drop(projectId);
  }
}

function expiring(items: readonly (AdminKeyItem | ApiKeyItem)[]): readonly ExpiringKey[] {
  return items.flatMap(({ id, name, expiresAt }) =>
    expiresAt === null ? [] : [{ id, name: nameOr(name, id), expiresAt }],
  );
}

/** Exact until it becomes a float. */
function fromCents(cents: string): number {
  return new Big(cents).times('0.01').toNumber();
}
