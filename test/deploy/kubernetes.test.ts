/** The manifests, as far as they can be judged without a cluster: whole, fitting together, and locked down. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { inhibitions, messages } from '../../deploy/kubernetes/alertmanager-config.ts';
import { dashboardConfigMaps } from '../../deploy/kubernetes/dashboards.ts';
import { prometheusRule } from '../../deploy/kubernetes/prometheus-rule.ts';
import { flags, variableOf } from '../../src/settings/flags.ts';
import { ruleFiles } from '../helpers/rules.ts';

const directory = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));
const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const read = (name: string): unknown => parse(readFileSync(`${directory}${name}`, 'utf8'));
const kustomization = z
  .object({
    resources: z.array(z.string()),
    labels: z.array(z.strictObject({ pairs: z.record(z.string(), z.string()) })),
    images: z.array(z.strictObject({ name: z.string(), newTag: z.string() })),
  })
  .parse(read('kustomization.yaml'));
const manifest = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
});
const manifests = new Map(kustomization.resources.map((name) => [manifest.parse(read(name)).kind, read(name)]));

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const set = z
  .object({
    spec: z.object({
      serviceName: z.string(),
      selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
      template: z.object({
        metadata: z.object({ labels: z.record(z.string(), z.string()) }),
        spec: z.object({
          serviceAccountName: z.string(),
          automountServiceAccountToken: z.boolean(),
          securityContext: z.record(z.string(), z.unknown()),
          volumes: z.array(z.record(z.string(), z.unknown())),
          containers: z.array(
            z.object({
              image: z.string(),
              imagePullPolicy: z.string(),
              env: z.array(z.object({ name: z.string(), value: z.string() })),
              ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
              startupProbe: probe,
              livenessProbe: probe,
              readinessProbe: probe,
              securityContext: z.record(z.string(), z.unknown()),
              volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
            }),
          ),
        }),
      }),
      volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
    }),
  })
  .parse(manifests.get('StatefulSet')).spec;
const pod = set.template.spec;
const [container] = pod.containers;

test('the rules are those of deploy/prometheus; if not: npm run dashboards', () => {
  expect(readFileSync(`${directory}prometheusrule.yaml`, 'utf8')).toBe(prometheusRule([...ruleFiles].sort()));
});

test('the boards are those of grafana/boards, and small enough to be applied; if not: npm run dashboards', () => {
  for (const [name, text] of dashboardConfigMaps()) {
    expect(readFileSync(`${directory}${name}`, 'utf8')).toBe(text);
    expect(read(name)).toMatchObject({ kind: 'ConfigMap', metadata: { labels: { grafana_dashboard: '1' } } });
    // The annotation in which kubectl keeps what was applied last takes no more.
    expect(text.length).toBeLessThan(262_144);
  }
});

test('what silences what, and who hears of it, is that of deploy/alertmanager; if not: npm run dashboards', () => {
  const source = new URL('../../deploy/alertmanager/', import.meta.url);
  const alertmanager = readFileSync(new URL('alertmanager.yml', source), 'utf8');
  const templates = readFileSync(new URL('templates/openai.tmpl', source), 'utf8');
  expect(readFileSync(`${directory}alertmanagerconfig.yaml`, 'utf8')).toBe(inhibitions(alertmanager));
  expect(readFileSync(`${directory}messages/alertmanagerconfig.yaml`, 'utf8')).toBe(messages(alertmanager, templates));
});

test('messages are a component that adds to the manifest of the same name, and only for our alerts', () => {
  const component = read('messages/kustomization.yaml');
  expect(component).toMatchObject({ kind: 'Component', patches: [{ path: 'alertmanagerconfig.yaml' }] });
  const patch = read('messages/alertmanagerconfig.yaml');
  const { apiVersion, kind, metadata } = manifest.parse(manifests.get('AlertmanagerConfig'));
  expect(patch).toMatchObject({
    apiVersion,
    kind,
    metadata: { name: metadata.name },
    spec: { route: { matchers: [{ name: 'alertname', matchType: '=~', value: 'OpenAI.+' }] } },
  });
});

test('every Secret that the component for TLS reads is made before, with the keys that it reads', () => {
  const component = readFileSync(`${directory}tls/kustomization.yaml`, 'utf8');
  expect(parse(component)).toMatchObject({
    kind: 'Component',
    patches: [{ path: 'statefulset.yaml' }, { path: 'servicemonitor.yaml', target: { kind: 'ServiceMonitor' } }],
  });
  const made = new Map(
    [...component.matchAll(/generic (\S+) \\\n(.*)/g)].map(([, name = '', options = '']) => [
      name,
      [...options.matchAll(/--from-(?:file|literal)=([\w.]+)/g)].map(([, key = '']) => key),
    ]),
  );
  const monitor = readFileSync(`${directory}tls/servicemonitor.yaml`, 'utf8');
  const asked = [...monitor.matchAll(/name: (openai-usage-exporter-\w+), key: ([\w.]+)/g)];
  expect(asked.length).toBe(3);
  for (const [, name = '', key] of asked) expect([name, made.get(name)]).toEqual([name, expect.arrayContaining([key])]);
  const patch = manifest.parse(read('tls/statefulset.yaml'));
  expect(patch).toMatchObject({
    kind: 'StatefulSet',
    metadata: { name: manifest.parse(manifests.get('StatefulSet')).metadata.name },
  });
  const patched = readFileSync(`${directory}tls/statefulset.yaml`, 'utf8');
  const file = new RegExp(`name: ${variableOf(flags.webConfigFile)}\\n\\s+value: /etc/web/(\\S+)`).exec(patched)?.[1];
  expect(made.get(/secretName: (\S+)/.exec(patched)?.[1] ?? '')).toContain(file);
});

test('kustomize has every manifest, and each its kind', () => {
  const files = readdirSync(directory).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  expect([...kustomization.resources].sort()).toEqual(files.sort());
  expect([...manifests.keys()].sort()).toEqual([
    'AlertmanagerConfig',
    'ConfigMap',
    'NetworkPolicy',
    'PrometheusRule',
    'Service',
    'ServiceAccount',
    'ServiceMonitor',
    'StatefulSet',
  ]);
});

test('the image is the version of the package, which need not be pulled twice', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(kustomization.images).toEqual([{ name: container?.image, newTag: version }]);
  expect(container?.imagePullPolicy).toBe('IfNotPresent');
});

test('everything has a label of a Helm release, by which its Prometheus finds what is meant for it', () => {
  expect(kustomization.labels.map(({ pairs }) => Object.keys(pairs))).toEqual([['release']]);
});

test('the pod is locked down', () => {
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: 65_532,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(container?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    privileged: false,
    capabilities: { drop: ['ALL'] },
  });
});

test('the key comes from a Secret by reference, and no Secret is in here', () => {
  const key = container?.env.find(({ name }) => name === 'OPENAI_ADMIN_KEY_FILE')?.value ?? '';
  const mount = container?.volumeMounts.find(({ mountPath }) => key.startsWith(`${mountPath}/`));
  expect(pod.volumes).toContainEqual({
    name: mount?.name,
    secret: { secretName: 'openai-admin-key', defaultMode: 0o440 },
  });
  expect(container?.env.map(({ name }) => name)).not.toContain('OPENAI_ADMIN_KEY');
});

test('settings are ones that exist', () => {
  const known = new Set([...Object.values(flags).map(variableOf), 'OPENAI_ADMIN_KEY_FILE']);
  for (const { name } of container?.env ?? []) expect(known).toContain(name);
});

test('what the counters have shown outlives the pod, for each replica by itself', () => {
  const [, folder] = /STATE_DIRECTORY=(\S+)/.exec(dockerfile) ?? [];
  const mount = container?.volumeMounts.find(({ mountPath }) => mountPath === folder);
  expect(mount).toBeDefined();
  expect(set.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual([mount?.name]);
});

test('the series outlive the pod: they are called after its name, which a StatefulSet gives again', () => {
  expect(manifests.get('ServiceMonitor')).toMatchObject({
    spec: { endpoints: [{ relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'instance' }] }] },
  });
});

test('only Prometheus gets in, and only to the metrics; only DNS and HTTPS get out', () => {
  expect(manifests.get('NetworkPolicy')).toMatchObject({
    spec: {
      podSelector: { matchLabels: set.template.metadata.labels },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
          ports: [{ port: container?.ports[0]?.name, protocol: 'TCP' }],
        },
      ],
      egress: [
        {
          ports: [
            { port: 53, protocol: 'UDP' },
            { port: 53, protocol: 'TCP' },
            { port: 443, protocol: 'TCP' },
          ],
        },
      ],
    },
  });
});

test('probes, Service and ServiceMonitor find the port and the pod', () => {
  const [port] = container?.ports ?? [];
  expect(port).toEqual({ name: 'metrics', containerPort: 9185 });
  expect(container?.startupProbe.httpGet).toEqual({ path: '/-/healthy', port: 'metrics' });
  expect(container?.livenessProbe.httpGet).toEqual({ path: '/-/healthy', port: 'metrics' });
  expect(container?.readinessProbe.httpGet).toEqual({ path: '/-/ready', port: 'metrics' });
  const { labels } = set.template.metadata;
  expect(labels).toEqual(set.selector.matchLabels);
  expect(manifests.get('Service')).toMatchObject({
    metadata: { name: set.serviceName, labels },
    spec: { selector: labels, ports: [{ name: 'metrics', targetPort: 'metrics' }] },
  });
  expect(manifests.get('ServiceMonitor')).toMatchObject({
    spec: { selector: { matchLabels: labels }, endpoints: [{ port: 'metrics', path: '/metrics' }] },
  });
  expect(manifests.get('ServiceAccount')).toMatchObject({ metadata: { name: pod.serviceAccountName } });
});
