/**
 * The metric families made of the API's data: names, types and HELP, from the catalogue. One rule gives the names:
 * path and field, unchanged, joined by `_`. The reference in docs/ is generated from the same functions.
 */
import type { Endpoint, Field } from '../openai/catalogue.ts';

export interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
}

/** How long after a bucket's end its numbers are final, in words. */
function settles(endpoint: Endpoint, settleDelayMinutes: number): string {
  if (endpoint.kind === 'costs') return 'A day is final 24 hours after its end.';
  const delay = settleDelayMinutes < 1 ? `${settleDelayMinutes * 60} seconds` : `${settleDelayMinutes} minutes`;
  return `A bucket is final ${delay} after its end.`;
}

function about(endpoint: Endpoint, field: Field): string {
  return `${field.path.join('.')} of /v1${endpoint.path}, in ${field.unit}.${field.note === undefined ? '' : ` ${field.note}`}`;
}

/** The gauge of a field in the recent buckets. */
export function recentFamily(endpoint: Endpoint, field: Field, settleDelayMinutes = 15): Family {
  return {
    name: `openai_usage_${endpoint.api}_${field.name}`,
    type: 'gauge',
    help: `${about(endpoint, field)} One bucket, of the width in bucket_width: select one width and one state. ${endpoint.delay} ${settles(endpoint, settleDelayMinutes)}`,
  };
}

/** The counter of a flow field. */
export function totalFamily(endpoint: Endpoint, field: Field, settleDelayMinutes = 15): Family {
  return {
    name: `openai_${endpoint.api}_${field.name}_total`,
    type: 'counter',
    help: `${about(endpoint, field)} Sum of all settled buckets since the anchor, by default the start of the month in UTC. ${endpoint.delay} ${settles(endpoint, settleDelayMinutes)}`,
  };
}

/** Money of the running month so far. */
export function monthToDateFamily(endpoint: Endpoint, field: Field): Family {
  return {
    name: `openai_${endpoint.api}_month_to_date_${field.name}`,
    type: 'gauge',
    help: `${about(endpoint, field)} Sum of all known days of the running month in UTC, today included; after a start absent until the days before were asked for once. ${endpoint.delay}`,
  };
}

/** Money of the month before. */
export function previousMonthFamily(endpoint: Endpoint, field: Field): Family {
  return {
    name: `openai_${endpoint.api}_previous_month_${field.name}`,
    type: 'gauge',
    help: `${about(endpoint, field)} Sum of the month before the running one in UTC; absent unless every day of it is known. ${endpoint.delay}`,
  };
}

/** The amount by which two reads of the same money differ. */
export const userCostsDifferenceFamily: Family = {
  name: 'openai_exporter_user_costs_difference_amount',
  type: 'gauge',
  help: 'Costs by user less costs by project, in units of the currency: days of the running and the previous month in UTC that have settled in both reads. It should be 0.',
};

export const organizationBudgetFamily: Family = {
  name: 'openai_organization_budget_amount',
  type: 'gauge',
  help: 'The budget of a month for the whole organization, as given with --budget.monthly, in units of the currency.',
};

export const projectBudgetFamily: Family = {
  name: 'openai_project_budget_amount',
  type: 'gauge',
  help: 'The budget of a month for a project, as given with --budget.monthly-project, in units of the currency.',
};

const estimated =
  'An estimate, in units of the currency: usage that has settled, at the prices that follow from the costs and the usage of settled days. What has no price is not in it.';

export const estimateTodayFamily: Family = {
  name: 'openai_spend_estimate_today_amount',
  type: 'gauge',
  help: `${estimated} Of the running UTC day so far.`,
};

export const estimateHourFamily: Family = {
  name: 'openai_spend_estimate_hour_amount',
  type: 'gauge',
  help: `${estimated} Of the newest sixty settled minutes.`,
};

export const estimateErrorFamily: Family = {
  name: 'openai_spend_estimate_error_ratio',
  type: 'gauge',
  help: 'How far to trust the estimates: of the newest settled day of costs, estimate / actual - 1. It is estimated with the prices of the days before it; credits and adjustments are left out.',
};

export const estimateUnpricedFamily: Family = {
  name: 'openai_spend_estimate_unpriced_tokens',
  type: 'gauge',
  help: 'Tokens of the running UTC day that no estimate counts, because no settled day has a price for the model.',
};

/** HELP text as the text format asks: backslash and line feed escaped. */
export function familyHeader(family: Family): string {
  const help = family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${family.name} ${help}\n# TYPE ${family.name} ${family.type}\n`;
}
