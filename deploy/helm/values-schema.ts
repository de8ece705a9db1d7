/**
 * What the chart's values may be, from which values.schema.json is written: Helm refuses whatever else is in them. What
 * Kubernetes defines is passed on as it is.
 */
import * as z from 'zod';
import { allFlags, type Flag } from '../../src/settings/flags.ts';

const anything = z.record(z.string(), z.unknown());
const texts = z.record(z.string(), z.string());
const entries = z.array(anything);
const word = z.string().regex(/^[A-Za-z0-9._-]*$/);
/** The name of something in Kubernetes; empty where there is none. */
const nameOrNone = z.string().regex(/^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$/);
/** An entry of a Secret. */
const entry = z.string().regex(/^[A-Za-z0-9._-]+$/);
const url = z.string().regex(/^(https?:\/\/[^\s"'<>{}\\]+)?$/);
const span = z.string().regex(/^([0-9]+(ms|[smhd]))+$/);
const amountText = z.string().regex(/^[0-9]{1,15}(\.[0-9]{1,15})?$/);
const amount = z.union([z.number().positive(), amountText]);
const amountOrNone = z.union([amount, z.literal('')]);
const count = z.number().int().min(1);
const countText = z.string().regex(/^[0-9]+$/);
const switchText = z.enum(['true', 'false']);

/**
 * The schema of a flag's value in YAML: at least what the flag takes, so that a mistake of kind is found before the
 * program starts. The program judges the rest.
 */
function schemaOf(flag: Flag<unknown>): z.ZodType {
  if (flag.kind === 'switch') return z.union([z.boolean(), switchText]);
  if (flag.kind === 'list') return z.union([z.string(), z.array(z.union([z.string(), z.number()]))]);
  switch (flag.placeholder) {
    case 'n':
      return z.union([z.number().min(0), z.string().regex(/^[0-9]+(\.[0-9]+)?$/)]);
    case 'duration':
      return z.union([span, z.literal(0), z.literal('0')]);
    case 'usd':
      return amount;
    default:
      return z.string();
  }
}

/** The flags that mean something to a pod. */
export const podFlags = allFlags.filter(({ commands }) => commands.includes('serve') || commands.includes('demo'));

/** Each of them, by its name. */
const config = z.strictObject(Object.fromEntries(podFlags.map((flag) => [flag.name, schemaOf(flag).optional()])));

/** The groups of settings that an organization can have of its own in `--organizations.file`. */
const ownGroups = ['openai', 'poll', 'counters', 'series', 'names', 'budget', 'state'];

function ownSettings(): Record<string, z.ZodType> {
  const groups = ownGroups.map((group) => {
    const own = podFlags
      .filter(({ name }) => name.startsWith(`${group}.`))
      .map((flag): [string, z.ZodType] => [
        flag.name.slice(group.length + 1).replaceAll(/[.-]/g, '_'),
        schemaOf(flag).optional(),
      ]);
    // Budgets of projects are a map there.
    if (group === 'budget') own.push(['monthly_project', z.record(z.string(), amount).optional()]);
    return [group, z.strictObject(Object.fromEntries(own)).optional()];
  });
  return Object.fromEntries(groups);
}

const organization = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,63}$/),
  existingSecret: nameOrNone.optional(),
  key: entry.optional(),
  ...ownSettings(),
});

const labelled = { enabled: z.boolean(), labels: texts };

export const valuesSchema = z.strictObject({
  // What Helm itself adds where the chart is a part of another one.
  global: z.unknown().optional(),
  enabled: z.boolean().optional(),
  nameOverride: nameOrNone,
  fullnameOverride: nameOrNone,
  commonLabels: texts,
  demo: z.boolean(),
  adminKey: z.strictObject({ existingSecret: nameOrNone, key: entry }),
  organizations: z.array(organization),
  shards: count.max(1_000),
  replicas: count.max(100),
  persistence: z.strictObject({
    enabled: z.boolean(),
    size: z.string().regex(/^[0-9.]+([KMGT]i?)?$/),
    storageClass: nameOrNone,
    accessModes: z.array(z.enum(['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'])).min(1),
    annotations: texts,
  }),
  budget: z.strictObject({ monthly: amountOrNone, projects: z.record(z.string(), amount) }),
  config,
  webConfig: z.strictObject({ existingSecret: nameOrNone, key: entry, tls: z.boolean() }),
  live: z.strictObject({
    enabled: z.boolean(),
    existingSecret: nameOrNone,
    key: entry,
    labels: z.array(z.string()),
    maxGroups: z.union([count, countText, z.literal('')]),
  }),
  image: z.strictObject({
    registry: z.string(),
    repository: z.string().min(1),
    tag: word,
    digest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: z.array(z.strictObject({ name: nameOrNone })),
  serviceAccount: z.strictObject({ create: z.boolean(), name: nameOrNone, annotations: texts }),
  service: z.strictObject({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
    clusterIP: z.string(),
    port: count.max(65_535),
    annotations: texts,
    labels: texts,
  }),
  ingress: z.strictObject({
    enabled: z.boolean(),
    className: nameOrNone,
    annotations: texts,
    hosts: z.array(
      z.strictObject({
        host: z.string().min(1),
        paths: z
          .array(
            z.strictObject({
              path: z.string().startsWith('/'),
              pathType: z.enum(['Exact', 'Prefix', 'ImplementationSpecific']).optional(),
            }),
          )
          .optional(),
      }),
    ),
    tls: entries,
  }),
  serviceMonitor: z.strictObject({
    ...labelled,
    interval: span,
    scrapeTimeout: span,
    relabelings: entries,
    metricRelabelings: entries,
    tlsConfig: anything,
    basicAuth: anything,
  }),
  prometheusRule: z.strictObject({
    ...labelled,
    grafanaUrl: url,
    runbookUrl: url,
    alertLabels: texts,
    withoutAlerts: z.array(z.string().regex(/^OpenAI\w+$/)),
  }),
  grafanaDashboards: z.strictObject({ ...labelled, annotations: texts, namespace: nameOrNone }),
  alertmanagerConfig: z.strictObject({ ...labelled, messages: z.strictObject({ existingSecret: nameOrNone }) }),
  networkPolicy: z.strictObject({ enabled: z.boolean(), from: entries.min(1), extraEgress: entries }),
  podDisruptionBudget: z.strictObject({
    enabled: z.boolean(),
    minAvailable: z.union([z.number().int().min(0), z.string()]),
    maxUnavailable: z.union([z.number().int().min(0), z.string()]),
  }),
  resources: anything,
  podSecurityContext: anything,
  securityContext: anything,
  probes: z.strictObject({ startup: anything, liveness: anything, readiness: anything }),
  podAnnotations: texts,
  podLabels: texts,
  nodeSelector: texts,
  tolerations: entries,
  affinity: anything,
  topologySpreadConstraints: entries,
  priorityClassName: nameOrNone,
  extraArgs: z.array(z.string()),
  extraEnv: entries,
  extraVolumes: entries,
  extraVolumeMounts: entries,
  extraManifests: z.array(z.union([z.string(), anything])),
});

/** Returns the text of values.schema.json. */
export function valuesSchemaFile(): string {
  return `${JSON.stringify(z.toJSONSchema(valuesSchema, { target: 'draft-7' }), undefined, 2)}\n`;
}
