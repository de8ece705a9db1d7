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

/** Returns in words how long after a bucket's end its numbers are final. */
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
    help: `${about(endpoint, field)} Sum of the known days of this UTC month. Absent after a start until the days before were asked for. ${endpoint.delay}`,
  };
}

/** Money of the month before. */
export function previousMonthFamily(endpoint: Endpoint, field: Field): Family {
  return {
    name: `openai_${endpoint.api}_previous_month_${field.name}`,
    type: 'gauge',
    help: `${about(endpoint, field)} Sum of the previous UTC month. Absent unless every day is known.`,
  };
}

/** The amount by which two reads of the same money differ. */
export const userCostsDifferenceFamily: Family = {
  name: 'openai_exporter_user_costs_difference_amount',
  type: 'gauge',
  help: 'Costs by user less costs by project, in units of the currency, of days of this month and the last one that have settled in both. It should be 0.',
};

export const organizationBudgetFamily: Family = {
  name: 'openai_organization_budget_amount',
  type: 'gauge',
  help: 'Monthly budget of the organization (--budget.monthly), in units of the currency.',
};

export const projectBudgetFamily: Family = {
  name: 'openai_project_budget_amount',
  type: 'gauge',
  help: 'Monthly budget of a project (--budget.monthly-project), in units of the currency.',
};

/** The sentences that say how both amounts are made. */
export const estimated =
  'Settled usage at the prices that follow from settled days, in units of the currency. Usage without a price is left out.';

export const estimateTodayFamily: Family = {
  name: 'openai_spend_estimate_today_amount',
  type: 'gauge',
  help: `Estimated spend of the running UTC day so far. ${estimated}`,
};

export const estimateHourFamily: Family = {
  name: 'openai_spend_estimate_hour_amount',
  type: 'gauge',
  help: `Estimated spend of the newest sixty settled minutes. ${estimated}`,
};

export const estimateErrorFamily: Family = {
  name: 'openai_spend_estimate_error_ratio',
  type: 'gauge',
  help: 'Error of the estimate of the newest settled day: estimate / actual - 1. The estimate uses the prices of the days before. Credits and adjustments are left out.',
};

export const estimateUnpricedFamily: Family = {
  name: 'openai_spend_estimate_unpriced_tokens',
  type: 'gauge',
  help: 'Tokens of the running UTC day of models without a price, which no estimate counts.',
};

/** HELP text as the text format asks: backslash and line feed escaped. */
export function familyHeader(family: Family): string {
  const help = family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${family.name} ${help}\n# TYPE ${family.name} ${family.type}\n`;
}
