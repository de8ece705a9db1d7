/** The tables of names and limits in docs/metrics.md, from the families that are served. */
import type { Family } from '../../src/metrics/families.ts';
import {
  adminKeyExpires,
  apiKeyExpires,
  modelLimitInfo,
  organizationSpendAlert,
  organizationSpendLimit,
  projectSpendAlert,
  projectSpendLimit,
  rateLimitFamily,
} from '../../src/metrics/limits-section.ts';
import { apiKeyInfo, infoLabels, organizationInfo, projectInfo, userInfo } from '../../src/metrics/names-section.ts';
import { rateLimitFields } from '../../src/openai/list-items.ts';
import { markdownTable } from './markers.ts';

const head = ['Metric', 'Type', 'Labels', 'Value'] as const;

export function namesTable(): string {
  return markdownTable(head, [
    row(projectInfo, infoLabels.project),
    row(apiKeyInfo, infoLabels.apiKey),
    row(userInfo, infoLabels.user),
    row(organizationInfo, infoLabels.organization),
  ]);
}

export function limitsTable(): string {
  return markdownTable(head, [
    ...rateLimitFields.map((field) => row(rateLimitFamily(field), ['project_id', 'model'])),
    row(modelLimitInfo, ['project_id', 'model', 'limit_model']),
    row(organizationSpendLimit, ['currency', 'enforcement']),
    row(projectSpendLimit, ['currency', 'enforcement', 'project_id']),
    row(organizationSpendAlert, ['currency', 'alert_id']),
    row(projectSpendAlert, ['currency', 'alert_id', 'project_id']),
    row(adminKeyExpires, ['api_key_id', 'api_key_name']),
    row(apiKeyExpires, ['api_key_id']),
  ]);
}

function row({ name, type, help }: Family, labels: readonly string[]): readonly string[] {
  return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help];
}
