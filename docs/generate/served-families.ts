/** Every metric family that is served, with its labels: for docs/metrics.md, and for tests that look for wrong names. */
import {
  liveFoldedFamily,
  liveHourFamily,
  liveProjectSpendFamily,
  liveRecordsFamily,
  liveRestartsFamily,
  liveSpendFamily,
  liveTotalFamily,
} from '../../src/live/families.ts';
import { allLabels } from '../../src/live/labels.ts';
import { liveFields } from '../../src/live/vocabulary.ts';
import {
  estimateErrorFamily,
  estimateHourFamily,
  estimateTodayFamily,
  estimateUnpricedFamily,
  monthToDateFamily,
  organizationBudgetFamily,
  previousMonthFamily,
  projectBudgetFamily,
  recentFamily,
  totalFamily,
  userCostsDifferenceFamily,
} from '../../src/metrics/families.ts';
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
import { createSelfMetrics } from '../../src/metrics/self.ts';
import { createReaderMetrics } from '../../src/metrics/self-reader.ts';
import { createServingMetrics } from '../../src/metrics/self-serving.ts';
import { endpoints, userCosts } from '../../src/openai/catalogue.ts';
import { rateLimitFields } from '../../src/openai/list-items.ts';

export interface ServedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Names of labels, or those of `labelKinds` for several. */
  readonly labels: readonly string[];
}

/** What stands for labels that the page lists elsewhere. */
export const labelKinds = { dimensions: '<dimensions>', live: '<labels>' } as const;

type Labelled = readonly [family: Omit<ServedFamily, 'labels'>, ...labels: readonly string[]];

const served = (families: readonly Labelled[]): readonly ServedFamily[] =>
  families.map(([family, ...labels]) => ({ ...family, labels }));

/** The gauge of each field of each api, and the counter of each flow. */
export const fieldFamilies = served(
  endpoints.flatMap((endpoint) =>
    endpoint.fields.flatMap((field): Labelled[] => [
      [recentFamily(endpoint, field), labelKinds.dimensions],
      ...(field.kind === 'flow' ? [[totalFamily(endpoint, field), labelKinds.dimensions] as const] : []),
    ]),
  ),
);

/** Sums of months of costs, and of costs by user. */
export const moneyFamilies = served([
  ...[monthToDateFamily, previousMonthFamily].flatMap((family) =>
    endpoints
      .filter(({ kind }) => kind === 'costs')
      .concat(userCosts)
      .flatMap((endpoint) =>
        endpoint.fields
          .filter(({ kind }) => kind === 'money')
          .map((field): Labelled => [family(endpoint, field), 'currency', labelKinds.dimensions]),
      ),
  ),
  [userCostsDifferenceFamily, 'currency'],
]);

export const nameFamilies = served([
  [projectInfo, ...infoLabels.project],
  [apiKeyInfo, ...infoLabels.apiKey],
  [userInfo, ...infoLabels.user],
  [organizationInfo, ...infoLabels.organization],
]);

export const limitFamilies = served([
  ...rateLimitFields.map((field): Labelled => [rateLimitFamily(field), 'project_id', 'model']),
  [modelLimitInfo, 'project_id', 'model', 'limit_model'],
  [organizationSpendLimit, 'currency', 'enforcement'],
  [projectSpendLimit, 'currency', 'enforcement', 'project_id'],
  [organizationSpendAlert, 'currency', 'alert_id'],
  [projectSpendAlert, 'currency', 'alert_id', 'project_id'],
  [adminKeyExpires, 'api_key_id', 'api_key_name'],
  [apiKeyExpires, 'api_key_id'],
]);

export const budgetFamilies = served([
  [organizationBudgetFamily, 'currency'],
  [projectBudgetFamily, 'currency', 'project_id'],
]);

export const estimateFamilies = served([
  [estimateTodayFamily, 'currency', 'project_id', 'model'],
  [estimateHourFamily, 'currency', 'project_id', 'model'],
  [estimateErrorFamily, 'currency'],
  [estimateUnpricedFamily, 'project_id', 'model'],
]);

export const liveLabels: readonly string[] = allLabels([]).map(({ name }) => name);

/** The gauge and the counter of each field of live usage. */
const liveFieldFamilies = served(
  liveFields.flatMap((field) => [
    [liveHourFamily(field), labelKinds.live],
    [liveTotalFamily(field), labelKinds.live],
  ]),
);

export const liveFamilies = served([
  [liveSpendFamily, 'currency', labelKinds.live],
  [liveProjectSpendFamily, 'currency', 'project_id'],
  [liveRecordsFamily, 'format', 'outcome'],
  [liveFoldedFamily],
  [liveRestartsFamily],
]);

/** Returns the exporter's own metrics, read off a page that has every one of them. */
export async function ownFamilies(): Promise<readonly ServedFamily[]> {
  const api = 'completions';
  const self = createSelfMetrics({
    version: '0',
    revision: '0',
    source: {
      stateFileErrors: () => 1,
      lists: [],
      apis: [
        {
          api,
          up: () => true,
          lastSuccess: () => 1,
          pollDuration: () => 1,
          dataThrough: () => new Map([['1m', 1]]),
          newestActivity: () => 1,
          heldBack: () => new Map([['input_tokens', 1]]),
          dimensionsRefused: () => ['user_id'],
        },
      ],
    },
  });
  self.polled(api, 'auth');
  self.attempt(api, '200', 1);
  self.retry(api);
  self.published(1, 1);
  const reader = createReaderMetrics();
  const serving = createServingMetrics({
    logLinesDropped: () => 0,
    several: {
      build: { version: '0', revision: '0' },
      organizations: () => [{ name: 'production', up: () => true }],
      reloads: () => ({ successful: true, lastSuccess: 1 }),
    },
  });
  const [own, restarts, all] = [await self.text(), await reader.text(), await serving.text()];
  const families = new Set([...own.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  // The build is told by both where there are several organizations.
  const others = all.split(/^(?=# HELP )/m).filter((family) => !families.has(family.split(' ', 3)[2]));
  return familiesIn(`${own}${restarts}${others.join('')}`);
}

function familiesIn(text: string): readonly ServedFamily[] {
  const help = new Map([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', words = '']) => [name, words]));
  const samples = [...text.matchAll(/^([a-z_]+?)(?:\{(.*)\})? \S+$/gm)];
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    const ofFamily = samples.filter(([, sample = '']) => sample === name || sample === `${name}_count`);
    const labels = new Set(
      ofFamily.flatMap(([, , pairs = '']) => [...pairs.matchAll(/(\w+)="/g)].map(([, label = '']) => label)),
    );
    return { name, type, labels: [...labels], help: help.get(name) ?? '' };
  });
}

/** Returns all of them, but what Node.js and Prometheus add. */
export async function servedFamilies(): Promise<readonly ServedFamily[]> {
  return [
    ...fieldFamilies,
    ...moneyFamilies,
    ...nameFamilies,
    ...limitFamilies,
    ...budgetFamilies,
    ...estimateFamilies,
    ...liveFieldFamilies,
    ...liveFamilies,
    ...(await ownFamilies()),
  ];
}
