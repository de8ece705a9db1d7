/** The section of limits: rate limits of the models in use, spend limits and alerts, and when keys expire. */
import { organization } from '../inventory/directory.ts';
import type { Limits, SpendAlert, SpendLimit } from '../inventory/limits.ts';
import type { Listing } from '../inventory/listing.ts';
import { any } from '../inventory/models-in-use.ts';
import { limitModelOf } from '../inventory/rate-limits.ts';
import { labelText } from '../usage/labels.ts';
import type { Family } from './families.ts';
import { type AddSample, renderEntries } from './render.ts';
import type { Rendered, Section } from './section.ts';

export const limitsSectionName = 'limits';

/** @param field of a rate limit, as the API names it */
export function rateLimitFamily(field: string): Family {
  return {
    name: `openai_project_rate_limit_${field}`,
    type: 'gauge',
    help: `${field} of /v1/organization/projects/{project_id}/rate_limits: the limit of the project for the model. +Inf if it is unlimited.`,
  };
}

export const modelLimitInfo: Family = {
  name: 'openai_project_model_limit_info',
  type: 'gauge',
  help: 'The model whose rate limit holds for a model in use (limit_model): itself, the alias of a snapshot, or the base of a fine-tuned model; always 1.',
};

const spendLimit = 'threshold_amount of /v1/organization';
const inUnits = 'in units of the currency';
export const organizationSpendLimit: Family = {
  name: 'openai_organization_spend_limit_amount',
  type: 'gauge',
  help: `${spendLimit}/spend_limit: what the organization may spend in a month, ${inUnits}.`,
};
export const projectSpendLimit: Family = {
  name: 'openai_project_spend_limit_amount',
  type: 'gauge',
  help: `${spendLimit}/projects/{project_id}/spend_limit: what the project may spend in a month, ${inUnits}.`,
};
export const organizationSpendAlert: Family = {
  name: 'openai_organization_spend_alert_threshold_amount',
  type: 'gauge',
  help: `${spendLimit}/spend_alerts: the spend of a month at which OpenAI sends a message, ${inUnits}.`,
};
export const projectSpendAlert: Family = {
  name: 'openai_project_spend_alert_threshold_amount',
  type: 'gauge',
  help: `${spendLimit}/projects/{project_id}/spend_alerts: the spend of a month at which OpenAI sends a message, ${inUnits}.`,
};
export const adminKeyExpires: Family = {
  name: 'openai_admin_api_key_expires_timestamp_seconds',
  type: 'gauge',
  help: 'expires_at of /v1/organization/admin_api_keys: when the admin key expires.',
};

export const apiKeyExpires: Family = {
  name: 'openai_api_key_expires_timestamp_seconds',
  type: 'gauge',
  help: 'expires_at of /v1/organization/projects/{project_id}/api_keys: when the API key expires.',
};

export interface LimitsOptions {
  readonly limits: Limits;
  /** Shows every rate limit, also of models that nobody uses. */
  readonly allRateLimits: boolean;
}

export function limitsSection({ limits, allRateLimits }: LimitsOptions): Section {
  let renderedFrom = -1;
  return {
    name: limitsSectionName,
    stale: () => limits.version !== renderedFrom,
    *render() {
      renderedFrom = limits.version;
      yield* renderLimits(limits, allRateLimits);
      return undefined;
    },
  };
}

type Pair = readonly [project: string, model: string];

function* renderLimits(limits: Limits, allRateLimits: boolean): Generator<Rendered> {
  const { rate, inUse } = limits;
  const shown = new Map<string, Set<string>>();
  const show = (project: string, model: string) => {
    const models = shown.get(project);
    if (models === undefined) shown.set(project, new Set([model]));
    else models.add(model);
  };
  const mapped: (readonly [Pair, string])[] = [];
  const used: Pair[] = allRateLimits ? [[any, any], ...inUse.pairs()] : [...inUse.pairs()];
  for (const [usedProject, model] of used) {
    for (const project of usedProject === any ? rate.projects() : [usedProject]) {
      const limitModel = limitModelOf(model, (candidate) => rate.has(project, candidate));
      if (model === any) for (const each of rate.models(project)) show(project, each);
      else if (limitModel !== undefined) {
        show(project, limitModel);
        if (usedProject !== any) mapped.push([[project, model], limitModel]);
      }
    }
  }

  const pairs: Pair[] = [];
  for (const [project, models] of shown) {
    for (const model of models) pairs.push([project, model]);
  }
  for (const [field, name] of [...rate.fields].entries()) {
    const samples = ([project, model]: Pair, add: AddSample) => {
      const value = rate.value(project, model, field);
      if (value !== undefined) add('', labelText(['project_id', 'model'], [project, model]), value);
    };
    yield* renderEntries(rateLimitFamily(name), pairs, samples);
  }
  yield* renderEntries(modelLimitInfo, mapped, ([[project, model], limitModel], add) =>
    add('', labelText(['project_id', 'model', 'limit_model'], [project, model, limitModel]), 1),
  );
  yield* renderSpend(limits.spendLimits, organizationSpendLimit, projectSpendLimit, ['enforcement'], (limit) => [
    limit.enforcement,
  ]);
  yield* renderSpend(limits.spendAlerts, organizationSpendAlert, projectSpendAlert, ['alert_id'], (alert) => [
    alert.id,
  ]);
  yield* renderEntries(adminKeyExpires, [...limits.adminKeys.all().values()], ({ id, name, expiresAt }, add) =>
    add('', labelText(['api_key_id', 'api_key_name'], [id, name]), expiresAt),
  );
  yield* renderEntries(apiKeyExpires, [...limits.apiKeys.all().values()], ({ id, expiresAt }, add) =>
    add('', labelText(['api_key_id'], [id]), expiresAt),
  );
}

function* renderSpend<T extends SpendLimit | SpendAlert>(
  listing: Listing<T>,
  ofOrganization: Family,
  ofProject: Family,
  names: readonly string[],
  values: (item: T) => readonly string[],
): Generator<Rendered> {
  const labelsOf = (item: T, project: readonly string[]) =>
    labelText(['currency', ...names, ...project.map(() => 'project_id')], [item.currency, ...values(item), ...project]);
  const items = (scope: string) => [...(listing.get(scope)?.values() ?? [])];
  yield* renderEntries(ofOrganization, items(organization), (item, add) => add('', labelsOf(item, []), item.amount));
  const projects = listing.scopes().filter((scope) => scope !== organization);
  yield* renderEntries(
    ofProject,
    projects.flatMap((project) => items(project).map((item) => [project, item] as const)),
    ([project, item], add) => add('', labelsOf(item, [project]), item.amount),
  );
}
