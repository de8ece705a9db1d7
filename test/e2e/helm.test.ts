/**
 * The Helm chart as Helm 3 and Helm 4 render it: valid by the schemas of Kubernetes and of the operator, the same as the
 * manifests for kustomize, settings that the program takes, and values that are wrong refused with what to do.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import * as z from 'zod';
import { parseSettings } from '../../src/settings/settings.ts';
import { committedDashboards } from '../helpers/dashboards.ts';
import { documentAt } from '../helpers/documents.ts';
import { ruleGroups, rules } from '../helpers/rules.ts';
import { createValidator, kubernetesVersions } from '../helpers/schemas.ts';
import { findBuiltTool } from '../helpers/tools.ts';

const path = (name: string) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));
const chart = path('helm/openai-usage-exporter');
const helm3 = findBuiltTool('helm');
const helm4 = findBuiltTool('helm4');
const validator = createValidator();
afterAll(() => validator?.close());
const missing = helm3 === undefined || helm4 === undefined || validator === undefined;

type Values = Readonly<Record<string, unknown>>;

const matrix = readdirSync(`${chart}/ci`).map((file) => {
  const values: Values = parse(readFileSync(`${chart}/ci/${file}`, 'utf8'));
  return { name: file.replace('-values.yaml', ''), values };
});
const valuesOf = (name: string) => matrix.find((each) => each.name === name)?.values ?? {};

function run(helm: string | undefined, args: readonly string[], values: Values) {
  return spawnSync(helm ?? '', [...args, '--values=-'], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    // Of this machine's own configuration, nothing.
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', KUBECONFIG: '/dev/null' },
  });
}

function render(values: Values, helm = helm3, kubernetes: string = kubernetesVersions[1]): string {
  const args = ['template', 'openai', chart, '--namespace=monitoring', `--kube-version=${kubernetes}`];
  const { status, stdout, stderr } = run(helm, args, values);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const manifest = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
});
type Manifest = z.infer<typeof manifest>;

function manifestsIn(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((each) => each !== null)
    .map((each) => manifest.parse(each));
}

const manifests = (values: Values) => manifestsIn(render(values));

function only(kind: string, all: readonly Manifest[]): Manifest {
  const [found, ...more] = all.filter((each) => each.kind === kind);
  if (found === undefined || more.length > 0) throw new Error(`expected one ${kind}`);
  return found;
}

const container = z.looseObject({
  args: z.array(z.string()).optional(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).nullable(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).nullable(),
});
const statefulSet = z.object({
  spec: z.looseObject({
    template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([container]) }) }),
  }),
});

const containerOf = (values: Values) =>
  statefulSet.parse(only('StatefulSet', manifests(values))).spec.template.spec.containers[0];
const environmentOf = (values: Values) =>
  Object.fromEntries((containerOf(values).env ?? []).map(({ name, value = '' }) => [name, value]));

describe.skipIf(missing)('the chart', () => {
  test.each(matrix)(
    '$name: both Helms find no fault in it, render the same, and every manifest is valid',
    ({ values }) => {
      for (const helm of [helm3, helm4]) {
        const { status, stdout, stderr } = run(helm, ['lint', '--strict', chart], values);
        expect([status, status === 0 ? '' : `${stdout}${stderr}`]).toEqual([0, '']);
      }
      const text = render(values);
      expect(manifestsIn(render(values, helm4))).toEqual(manifestsIn(text));
      // Shards need a newer one than the oldest.
      const versions = kubernetesVersions.filter((version) => values['shards'] === undefined || version !== '1.25.0');
      for (const version of versions) {
        expect(validator?.mistakes(render(values, helm3, version), version)).toEqual([]);
      }
    },
  );

  test.each([
    ['a value that does not exist', { adminkey: {} }, /adminkey/],
    ['a flag that does not exist', { config: { 'poll.intervall': '2m' } }, /poll\.intervall/],
    ['a value of another kind', { config: { 'names.user-email': 'yes' } }, /names\.user-email/],
    ['a duration that is none', { config: { 'poll.interval': '2 minutes' } }, /poll\.interval/],
    ['an amount that is none', { budget: { monthly: '$100' } }, /budget.*monthly/s],
    [
      'no key',
      { adminKey: { existingSecret: '' } },
      /there is no key\. Make a Secret, kubectl --namespace monitoring create secret/,
    ],
    ['a name that none can have', { adminKey: { existingSecret: 'My Secret' } }, /adminKey.*existingSecret/s],
    [
      'two organizations of one name',
      { organizations: [{ name: 'acme' }, { name: 'acme' }] },
      /two are called "acme"; give each/,
    ],
    [
      'an organization without a key',
      { adminKey: { existingSecret: '' }, organizations: [{ name: 'acme' }] },
      /"acme" has no Secret with its admin key; set its existingSecret/,
    ],
    ['a setting that an organization cannot have', { organizations: [{ name: 'a', web: {} }] }, /web/],
    ['shards of one organization', { shards: 2 }, /one organization cannot be shared out/],
    ['replicas of several organizations', { organizations: [{ name: 'a' }], replicas: 2 }, /set shards/],
    [
      'a state file where no volume is',
      { persistence: { enabled: false }, config: { 'state.file': '/var/lib/state' } },
      /state\.file is \/var\/lib\/state, where no volume is.*set persistence\.enabled=true/,
    ],
    [
      'a state file beside the volume',
      { config: { 'state.file': '/tmp/state' } },
      /put it under \/var\/lib\/openai-usage-exporter/,
    ],
    [
      'a flag that follows from a value',
      { budget: { monthly: 5 }, config: { 'budget.monthly': 6 } },
      /budget\.monthly follows from a value of its own/,
    ],
    [
      'replicas behind one address',
      { replicas: 2, service: { clusterIP: '' } },
      /several pods are scraped one by one, so each needs a name in DNS/,
    ],
    ['a demonstration with a key', { demo: true }, /demo runs a simulated organization, so it must not be given a key/],
    ['an ingress to nowhere', { ingress: { enabled: true } }, /ingress\.hosts: an ingress needs at least one/],
  ] as const)('%s is refused, with what to do', (_what, wrong, message) => {
    const values = { ...valuesOf('minimal'), ...wrong };
    expect(() => render(values)).toThrow(message);
    expect(() => render(values, helm4)).toThrow(message);
  });

  test('several mistakes are told at once', () => {
    expect(() => render({ shards: 2, ingress: { enabled: true } })).toThrow(
      /there is no key.*cannot be shared out.*needs at least one/s,
    );
  });

  test('shards are refused where pods do not know their number', () => {
    expect(() => render(valuesOf('organizations'), helm3, '1.27.0')).toThrow(
      /since Kubernetes 1\.28, and this is v1\.27\.0/,
    );
  });

  test('a state file may be on a volume of your own', () => {
    const values = {
      ...valuesOf('minimal'),
      persistence: { enabled: false },
      config: { 'state.file': '/state/file' },
      extraVolumes: [{ name: 'mine', emptyDir: {} }],
      extraVolumeMounts: [{ name: 'mine', mountPath: '/state' }],
    };
    expect(environmentOf(values)).toMatchObject({ OPENAI_EXPORTER_STATE_FILE: '/state/file' });
  });

  test.each(['minimal', 'demo', 'operator', 'tls', 'everything'])(
    '%s: the program takes the settings as they are',
    (name) => {
      const { args = [] } = containerOf(valuesOf(name));
      // The key, and the token for reports.
      const readFile = () => `sk-admin-${'x'.repeat(40)}`;
      const parsed = parseSettings(args, environmentOf(valuesOf(name)), readFile, () => Buffer.from('{}'));
      expect('errors' in parsed ? parsed.errors : []).toEqual([]);
    },
  );

  test('the program takes the file of organizations, with their keys', ({ onTestFinished }) => {
    const directory = mkdtempSync(join(tmpdir(), 'pod-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const all = manifests(valuesOf('organizations'));
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(only('ConfigMap', all));
    for (const [file, text] of Object.entries(data)) {
      mkdirSync(`${directory}/etc/organizations`, { recursive: true });
      writeFileSync(`${directory}/etc/organizations/${file}`, text.replaceAll('/etc/', `${directory}/etc/`));
    }
    for (const name of ['acme', 'globex', 'initech']) {
      mkdirSync(`${directory}/etc/openai/${name}`, { recursive: true });
      writeFileSync(`${directory}/etc/openai/${name}/key`, `sk-admin-${name}-${'x'.repeat(40)}`);
    }
    const mounted = Object.entries(environmentOf(valuesOf('organizations'))).map(([name, value]) => [
      name,
      value.replace('/etc/', `${directory}/etc/`),
    ]);
    const served = ['0', '1', '2'].flatMap((shard) => {
      const env = {
        ...Object.fromEntries(mounted),
        OPENAI_EXPORTER_ORGANIZATIONS_SHARD: shard,
        STATE_DIRECTORY: directory,
      };
      const parsed = parseSettings([], env);
      expect('errors' in parsed ? parsed.errors : []).toEqual([]);
      return 'several' in parsed ? (parsed.several?.organizations ?? []).map(({ name }) => name) : [];
    });
    expect(served.sort()).toEqual(['acme', 'globex', 'initech']);
  });

  const examples = documentAt('deploy/helm/openai-usage-exporter/README.md').fences.filter(
    ({ language }) => language === 'yaml',
  );

  test('the examples of the README are values', () => {
    expect(examples.length).toBeGreaterThan(1);
    for (const { text } of examples) {
      expect(validator?.mistakes(render(parse(text)), kubernetesVersions[1])).toEqual([]);
    }
  });

  test('numbers arrive as they are written, and lists with commas', () => {
    expect(environmentOf(valuesOf('operator'))).toMatchObject({
      OPENAI_EXPORTER_BUDGET_MONTHLY: '1000000',
      OPENAI_EXPORTER_BUDGET_MONTHLY_PROJECT: 'proj_chat=99.50,proj_search=2000',
      OPENAI_EXPORTER_SERIES_MAX_GROUPS: '1000000',
      OPENAI_EXPORTER_POLL_GROUP_BY: 'project_id,model',
      OPENAI_EXPORTER_NAMES_USER_EMAIL: 'true',
    });
  });

  test('no Secret is made, and a key comes from a file alone', () => {
    for (const { values } of matrix) {
      const all = manifests(values);
      expect(all.map(({ kind }) => kind)).not.toContain('Secret');
      expect(JSON.stringify(all)).not.toContain('"OPENAI_ADMIN_KEY"');
    }
  });

  test('each organization has its key in a file, and the file of organizations names it', () => {
    const all = manifests(valuesOf('organizations'));
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(only('ConfigMap', all));
    expect(parse(data['organizations.yaml'] ?? '')).toEqual({
      organizations: [
        { name: 'acme', key_file: '/etc/openai/acme/key' },
        {
          name: 'globex',
          key_file: '/etc/openai/globex/key',
          poll: { interval: '2m', group_by: ['project_id'] },
          budget: { monthly: 800 },
        },
        { name: 'initech', key_file: '/etc/openai/initech/key' },
      ],
    });
    expect(only('StatefulSet', all)).toMatchObject({
      spec: {
        replicas: 3,
        template: {
          spec: {
            volumes: expect.arrayContaining([
              {
                name: 'key',
                projected: {
                  defaultMode: 0o440,
                  sources: [
                    { secret: { name: 'initech', items: [{ key: 'admin-key', path: 'initech/key' }] } },
                    {
                      secret: {
                        name: 'openai-admin-keys',
                        items: [
                          { key: 'acme', path: 'acme/key' },
                          { key: 'globex', path: 'globex/key' },
                        ],
                      },
                    },
                  ],
                },
              },
            ]),
          },
        },
      },
    });
    expect(only('ScrapeConfig', all)).toMatchObject({
      spec: {
        httpSDConfigs: [0, 1, 2].map((pod) => ({
          url: `http://openai-openai-usage-exporter-${pod}.openai-openai-usage-exporter.monitoring.svc:9185/sd`,
          refreshInterval: '30s',
        })),
      },
    });
  });

  test('rules and boards are those of the repository, with the addresses and labels that are wished for', () => {
    const all = manifests({
      ...valuesOf('operator'),
      prometheusRule: { enabled: true, grafanaUrl: 'https://g.example.org' },
    });
    const { spec } = z.object({ spec: z.object({ groups: z.array(z.unknown()) }) }).parse(only('PrometheusRule', all));
    const home = 'https://github.com/openai-usage-exporter/openai-usage-exporter/blob/v0.1.0/docs/alerts.md';
    const expected = JSON.stringify(ruleGroups)
      .replaceAll('http://localhost:3000', 'https://g.example.org')
      .replaceAll('http://localhost:9090/user/alerts.md', home);
    expect(spec.groups).toEqual(JSON.parse(expected));
    const boards = z
      .array(z.object({ data: z.record(z.string(), z.string()) }))
      .parse(all.filter(({ kind }) => kind === 'ConfigMap'));
    const shown = boards.flatMap(({ data }) => Object.entries(data)).map(([name, json]) => [name, JSON.parse(json)]);
    expect(Object.fromEntries(shown)).toEqual(
      Object.fromEntries([...committedDashboards].map(([name, json]) => [name, JSON.parse(json)])),
    );
  });

  test('alerts can be left out and get labels; without an address of Grafana they have no link to it', () => {
    const all = manifests({
      ...valuesOf('operator'),
      prometheusRule: { enabled: true, alertLabels: { team: 'ai' }, withoutAlerts: ['OpenAIKeyRefused'] },
    });
    const { spec } = z
      .object({ spec: z.object({ groups: z.array(z.object({ rules: z.array(z.record(z.string(), z.unknown())) })) }) })
      .parse(only('PrometheusRule', all));
    const alerts = spec.groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);
    expect(alerts).toHaveLength(rules.filter(({ alert }) => alert !== undefined).length - 1);
    for (const alert of alerts) expect(alert).toMatchObject({ labels: { team: 'ai', severity: expect.any(String) } });
    expect(JSON.stringify(alerts)).not.toMatch(/"dashboard"|\.invalid|OpenAIKeyRefused"/);
  });

  test.each([
    ['minimal', ['A pod starts once the Secret openai-admin-key is there', 'Prometheus is not told.', 'targets:']],
    ['demo', ['no number is real']],
    ['organizations', ['3 organizations, shared out among 3 pods', 'resources.limits.memory is 512Mi']],
    [
      'everything',
      ['The pages are open to everybody who reaches them', 'openai-acme-openai-usage-exporter.monitoring.svc:80'],
    ],
  ] as const)('%s: the notes say what to do', (name, sentences) => {
    const text = notes(valuesOf(name));
    for (const sentence of sentences) expect(text).toContain(sentence);
  });

  test('without a volume the notes say what that costs', () => {
    const values = { ...valuesOf('minimal'), persistence: { enabled: false } };
    expect(notes(values)).toContain('Nothing is kept on a volume');
    expect(environmentOf(values)).toMatchObject({ OPENAI_EXPORTER_STATE_FILE: 'none' });
  });
});

/** Returns what Helm prints after the installation. Without a cluster it renders manifests alone, so the notes become one. */
function notes(values: Values): string {
  const directory = mkdtempSync(join(tmpdir(), 'chart-'));
  try {
    cpSync(chart, directory, { recursive: true });
    renameSync(`${directory}/templates/NOTES.txt`, `${directory}/files/NOTES.txt`);
    writeFileSync(`${directory}/templates/notes.yaml`, 'notes: {{ tpl (.Files.Get "files/NOTES.txt") . | quote }}\n');
    const { stdout, stderr } = run(
      helm3,
      [
        'template',
        'openai',
        directory,
        '--namespace=monitoring',
        '--show-only=templates/notes.yaml',
        '--kube-version=1.37.0',
      ],
      values,
    );
    return z.object({ notes: z.string() }, { error: stderr }).parse(parse(stdout)).notes;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The manifests for kustomize, and the values that make the chart the same. */
describe.skipIf(missing)('the manifests for kustomize', () => {
  const kustomization = z
    .object({ resources: z.array(z.string()), images: z.tuple([z.object({ newTag: z.string() })]) })
    .parse(parse(readFileSync(path('kubernetes/kustomization.yaml'), 'utf8')));
  const texts = kustomization.resources.map((name) => readFileSync(path(`kubernetes/${name}`), 'utf8'));

  test.each(kubernetesVersions)('are valid for Kubernetes %s, and so is what components add', (version) => {
    const ofComponents = [
      'messages/alertmanagerconfig.yaml',
      'organizations/scrapeconfig.yaml',
      'organizations-by-monitor/servicemonitor.yaml',
    ].map((name) => readFileSync(path(`kubernetes/${name}`), 'utf8'));
    const whole = [...texts, ...ofComponents].join('\n---\n');
    expect(validator?.mistakes(whole, version)).toEqual([]);
  });

  test('a mistake in a manifest is found, in one of Kubernetes and in one of the operator', () => {
    const wrong = (text: string) => validator?.mistakes(text, '1.37.0');
    expect(wrong('apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {portz: []}\n')).toEqual([
      expect.stringContaining('portz'),
    ]);
    const monitor = 'apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n';
    expect(wrong(`${monitor}spec: {selector: {}, endpoints: [{intervall: 30s}]}\n`)).toEqual([
      expect.stringContaining('intervall'),
    ]);
  });

  test('are what the chart makes with the same names', () => {
    const name = 'openai-usage-exporter';
    const values = {
      fullnameOverride: name,
      adminKey: { existingSecret: 'openai-admin-key' },
      image: { registry: '', repository: name },
      serviceMonitor: { enabled: true },
      prometheusRule: {
        enabled: true,
        grafanaUrl: 'http://localhost:3000',
        runbookUrl: 'http://localhost:9090/user/alerts.md',
      },
      grafanaDashboards: { enabled: true },
      alertmanagerConfig: { enabled: true },
      networkPolicy: { enabled: true },
    };
    const made = manifests(values)
      .filter(({ kind }) => kind !== 'Pod')
      .map(essence);
    const written = texts
      .flatMap(manifestsIn)
      .map((each) => (each.kind === 'StatefulSet' ? withTag(each, kustomization.images[0].newTag) : each))
      .map(essence);
    expect(byName(made)).toEqual(byName(written));
  });

  /** Returns a manifest without the labels that Helm wants; the chart says the job and the type of a Service otherwise. */
  function essence(each: Manifest): Manifest {
    const text = stringify(each)
      .replaceAll(/^ +(?:app\.kubernetes\.io\/(?:instance|version|managed-by)|helm\.sh\/chart): .*\n/gm, '')
      .replaceAll(/^ +jobLabel: .*\n|^ {2}type: ClusterIP\n/gm, '');
    const { metadata, ...rest } = manifest.parse(parse(text));
    const board = /^(?:dashboard-openai|openai-usage-exporter)-(\w+)$/.exec(metadata.name)?.[1];
    if (each.kind === 'ConfigMap') {
      const data = z.record(z.string(), z.string()).parse(rest['data']);
      rest['data'] = Object.fromEntries(Object.entries(data).map(([file, json]) => [file, JSON.parse(json)]));
    }
    const { 'app.kubernetes.io/name': _, ...labels } = metadata.labels ?? {};
    return { ...rest, metadata: { ...metadata, name: board ?? metadata.name, labels } };
  }

  function withTag(each: Manifest, tag: string): Manifest {
    return manifest.parse(parse(stringify(each).replace(/image: openai-usage-exporter$/m, `$&:${tag}`)));
  }

  const byName = (all: readonly Manifest[]) =>
    Object.fromEntries(all.map((each) => [`${each.kind} ${each.metadata.name}`, each]));
});
