/** The metric families of live usage: names, types and HELP. The reference in docs/ is generated from them. */
import type { Family } from '../metrics/families.ts';
import type { LiveField } from './vocabulary.ts';

function about({ api, name, unit, note }: LiveField): string {
  return `${name} of ${api} as applications and gateways report it, in ${unit}.${note === undefined ? '' : ` ${note}`}`;
}

/** The counter of a field. */
export function liveTotalFamily(field: LiveField): Family {
  return {
    name: `openai_live_${field.api}_${field.name}_total`,
    type: 'counter',
    help: `${about(field)} Since the start of the process. It is no part of OpenAI's own numbers: never add them.`,
  };
}

/** The gauge of a field in the hours on show. */
export function liveHourFamily(field: LiveField): Family {
  return {
    name: `openai_live_${field.api}_${field.name}`,
    type: 'gauge',
    help: `${about(field)} One hour: select one state. The usage of the same hour minus this was not reported.`,
  };
}

export const liveSpendFamily: Family = {
  name: 'openai_spend_estimate_live_amount_total',
  type: 'counter',
  help: 'Estimated spend of live usage since the start of the process, in units of the currency. It is no part of any other amount, and leaves out usage without a price.',
};

export const liveProjectSpendFamily: Family = {
  name: 'openai_project_spend_estimate_live_amount_total',
  type: 'counter',
  help: 'Estimated spend of live usage by project since the start of the process, in units of the currency. A new key, user or model is in it at once; in openai_spend_estimate_live_amount_total it stays at 0 first.',
};

export const liveRecordsFamily: Family = {
  name: 'openai_exporter_live_records_total',
  type: 'counter',
  help: 'Records of live usage. An unreadable report is one refused record of the format "unknown".',
};

export const liveFoldedFamily: Family = {
  name: 'openai_exporter_live_folded_records_total',
  type: 'counter',
  help: 'Records added to the group "other", past --live.max-groups.',
};

export const liveRestartsFamily: Family = {
  name: 'openai_exporter_live_restarts_total',
  type: 'counter',
  help: 'Times that the thread of live usage died and was started again, its other counters at 0.',
};

/** The fates that a record can have. */
export const outcomes = ['counted', 'duplicate', 'skipped', 'refused'] as const;
export type Outcome = (typeof outcomes)[number];
