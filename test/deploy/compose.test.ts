/** The compose files, as far as they can be judged without an engine: pinned, read-only, without root, and all files there. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { receiverFiles } from '../../deploy/stack/configuration.ts';
import { flags, variableOf } from '../../src/settings/flags.ts';
import { dashboards } from '../helpers/dashboards.ts';
import { only, parseDockerfile } from '../helpers/dockerfile.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const deploy = `${root}deploy/`;
const readYaml = (name: string): unknown => parse(readFileSync(`${deploy}${name}`, 'utf8'), { merge: true });
const common = z.object({
  image: z.string(),
  build: z.object({ context: z.string() }).optional(),
  user: z.string(),
  restart: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  secrets: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});
const service = common.extend({
  ports: z.array(z.string()),
  healthcheck: z.object({ test: z.array(z.string()) }),
});
/** A service that does something once, before others start. */
const task = common.extend({ restart: z.literal('no'), entrypoint: z.array(z.string()) });
const named = z.record(z.string(), z.unknown()).default({});
const compose = z
  .object({
    name: z.string(),
    services: z
      .object({ exporter: service, history: task, blocks: task, prometheus: service, alertmanager: service })
      .extend({ grafana: service })
      .strict(),
    secrets: named,
    volumes: named,
  })
  .parse(readYaml('compose.yaml'));

/** Holds what the other files add to a service. A list is added to the one that is there, but a command takes its place. */
const change = common.pick({ command: true, environment: true, volumes: true, secrets: true }).strict();
const addition = z
  .object({
    name: z.string().optional(),
    services: z.record(z.string(), change),
    secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
    volumes: named,
  })
  .strict();
const serve = addition.parse(readYaml('compose.serve.yaml'));
const messages = addition.parse(readYaml('compose.messages.yaml'));
const { history, blocks, ...lasting } = compose.services;
const services = Object.entries(lasting);
const all = Object.entries(compose.services);
const [final] = parseDockerfile(readFileSync(`${root}Dockerfile`, 'utf8')).slice(-1);

describe.each(services)('%s', (_name, each) => {
  test('says whether it is healthy, and is open to this machine only', () => {
    expect(each.healthcheck.test[0]).toBe('CMD');
    for (const port of each.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });
});

describe.each(all)('%s', (_name, each) => {
  test('is a version that is told, or built from here', () => {
    if (each.build !== undefined) expect(existsSync(resolve(deploy, each.build.context, 'Dockerfile'))).toBe(true);
    else if (each.image !== lasting.exporter.image) expect(each.image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/);
  });

  test('cannot write, be root or gain rights', () => {
    expect(each.user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(each.read_only).toBe(true);
    expect(each.cap_drop).toEqual(['ALL']);
    expect(each.security_opt).toEqual(['no-new-privileges:true']);
  });

  test('has every file that it mounts, and every volume', () => {
    for (const volume of each.volumes ?? []) {
      const [from = '', , mode] = volume.split(':');
      if (!from.startsWith('.')) expect(compose.volumes).toHaveProperty(from);
      else expect([from, existsSync(resolve(deploy, from)), mode]).toEqual([from, true, 'ro']);
    }
  });
});

describe('the history of the demonstration', () => {
  test('is there before Prometheus starts, which waits for it', () => {
    expect(history.depends_on).toEqual({ exporter: { condition: 'service_healthy' } });
    expect(blocks.depends_on).toEqual({ history: { condition: 'service_completed_successfully' } });
    expect(lasting.prometheus.depends_on).toEqual({ blocks: { condition: 'service_completed_successfully' } });
  });

  test("is written by the exporter's own image into the folder that its user owns, and read from there", () => {
    const { exporter, prometheus } = lasting;
    expect([history.image, history.user]).toEqual([exporter.image, exporter.user]);
    expect([blocks.image, blocks.user]).toEqual([prometheus.image, prometheus.user]);
    const [program = '', folder = ''] = history.command ?? [];
    expect(existsSync(resolve(deploy, program.replace('/app/deploy/', '')))).toBe(true);
    expect(history.volumes).toContain(`prepared:${folder}`);
    expect(final?.instructions.find(({ name }) => name === 'ENV')?.text).toContain(`STATE_DIRECTORY=${folder} `);
    expect(blocks.volumes?.[0]?.split(':')[0]).toBe('prepared');
    expect(blocks.volumes?.[1]).toBe(prometheus.volumes?.find((volume) => volume.startsWith('prometheus:')));
    expect(prometheus.volumes?.[0]).toBe('prepared:/etc/prometheus:ro');
  });

  test('is not written for an organization of your own, whose Prometheus has the configuration from here', () => {
    expect(serve.services['history']?.command).toEqual(['--version']);
    expect(history.entrypoint.at(-1)).toMatch(/node$/);
    expect(serve.services['prometheus']?.volumes).toEqual(['./prometheus:/etc/prometheus:ro']);
  });
});

test('by itself it is the demonstration, needs no secret, and asks itself as the image does', () => {
  const { exporter } = compose.services;
  expect(exporter?.command).toEqual(['demo']);
  for (const [, { secrets }] of all) expect(secrets).toBeUndefined();
  const health = final && only(final, 'HEALTHCHECK').exec;
  expect(exporter?.healthcheck.test.slice(1)).toEqual(health);
});

describe.each([
  ['compose.serve.yaml', serve],
  ['compose.messages.yaml', messages],
])('%s', (_name, added) => {
  test('changes services that are there', () => {
    for (const name of Object.keys(added.services)) expect(compose.services).toHaveProperty(name);
  });

  // An engine refuses all others in a container that is read-only.
  test('has secrets from files alone, which have to be named', () => {
    const used = Object.values(added.services).flatMap(({ secrets = [] }) => secrets);
    expect(used.sort()).toEqual(Object.keys(added.secrets).sort());
    for (const { file } of Object.values(added.secrets)) expect(file).toMatch(/^\$\{[A-Z_]+_FILE:\?[^}]+\}$/);
  });
});

describe('an organization of its own', () => {
  const exporter = serve.services['exporter'];

  test('has its key from a file, and settings that exist', () => {
    expect(exporter?.command).toEqual(['serve']);
    const known = new Set([...Object.values(flags).map(variableOf), 'OPENAI_ADMIN_KEY_FILE']);
    const variables = { ...compose.services.exporter.environment, ...exporter?.environment };
    for (const name of Object.keys(variables)) expect(known).toContain(name);
    expect(exporter?.secrets?.map((name) => `/run/secrets/${name}`)).toEqual([variables['OPENAI_ADMIN_KEY_FILE']]);
  });

  test('has no budget that nobody has set', () => {
    for (const [flag, name] of [
      [flags.budgetMonthly, 'BUDGET_MONTHLY'],
      [flags.budgetMonthlyProject, 'BUDGET_MONTHLY_PROJECT'],
    ] as const) {
      const variable = variableOf(flag);
      expect(compose.services.exporter.environment?.[variable]).toMatch(new RegExp(`^\\$\\{${name}-.+\\}$`));
      expect(exporter?.environment?.[variable]).toBe(`\${${name}:-}`);
    }
  });

  test('keeps its state file in a volume, where the image has a folder that its user owns', () => {
    const [volume = '', folder = ''] = exporter?.volumes?.[0]?.split(':') ?? [];
    expect(serve.volumes).toHaveProperty(volume);
    expect(final?.instructions.find(({ name }) => name === 'ENV')?.text).toContain(`STATE_DIRECTORY=${folder} `);
    const copies = final?.instructions.filter(({ name, flags: given }) => name === 'COPY' && given.has('chown')) ?? [];
    expect(copies.map(({ text }) => text.split(' ').at(-1))).toEqual([folder]);
  });

  test('does not share its numbers with the demonstration', () => {
    expect(serve.name).toBeDefined();
    expect(serve.name).not.toBe(compose.name);
  });
});

describe('messages', () => {
  const read = (name: string) =>
    z
      .object({
        route: z.object({ receiver: z.string(), group_by: z.array(z.string()) }),
        inhibit_rules: z.array(z.unknown()),
        receivers: z.array(z.record(z.string(), z.unknown())),
      })
      .parse(readYaml(`alertmanager/${name}`));

  test('go out with the other configuration, and its addresses', () => {
    const { alertmanager } = messages.services;
    expect(alertmanager?.secrets).toEqual([...receiverFiles]);
    const quiet = compose.services.alertmanager.command ?? [];
    expect(alertmanager?.command).toEqual(quiet.map((word) => word.replace('/quiet.yml', '/alertmanager.yml')));
    expect(alertmanager?.command).not.toEqual(quiet);
  });

  test('without addresses there is nobody to send to, and alerts look the same', () => {
    const [quiet, loud] = [read('quiet.yml'), read('alertmanager.yml')];
    expect(quiet.receivers).toEqual([{ name: quiet.route.receiver }]);
    expect(quiet.route.group_by).toEqual(loud.route.group_by);
    expect(quiet.inhibit_rules).toEqual(loud.inhibit_rules);
  });
});

test('Prometheus and Alertmanager are the versions that the tests run, each with its own configuration', () => {
  const { prometheus, alertmanager } = compose.services;
  expect(prometheus.image).toBe('prom/prometheus:v3.5.3');
  expect(alertmanager.image).toBe('prom/alertmanager:v0.33.1');
  for (const [each, volumes] of [
    [prometheus, serve.services['prometheus']?.volumes],
    [alertmanager, alertmanager.volumes],
  ] as const) {
    const [, file = ''] = /--config\.file=(\S+)/.exec(each.command?.join(' ') ?? '') ?? [];
    const mount = volumes?.find((volume) => volume.split(':')[1] === dirname(file));
    expect(existsSync(resolve(deploy, mount?.split(':')[0] ?? '?', file.split('/').at(-1) ?? '?'))).toBe(true);
  }
});

test('Grafana finds data source, boards and alerts', () => {
  const provisioning = `${deploy}grafana/provisioning/`;
  const sources: { datasources: { type: string; url: string; jsonData: Record<string, unknown>; uid: string }[] } =
    parse(readFileSync(`${provisioning}datasources/datasources.yaml`, 'utf8'));
  const [prometheus, alertmanager] = sources.datasources;
  expect(prometheus).toMatchObject({
    type: 'prometheus',
    url: 'http://prometheus:9090',
    jsonData: { manageAlerts: true },
  });
  expect(alertmanager).toMatchObject({ type: 'alertmanager', url: 'http://alertmanager:9093' });
  expect(prometheus?.jsonData['alertmanagerUid']).toBe(alertmanager?.uid);
  const boards: { providers: { options: { path: string } }[] } = parse(
    readFileSync(`${provisioning}dashboards/dashboards.yaml`, 'utf8'),
  );
  const path = boards.providers[0]?.options.path;
  const mount = compose.services.grafana.volumes?.find((volume) => volume.split(':')[1] === path);
  const folder = resolve(deploy, mount?.split(':')[0] ?? '?');
  for (const { uid } of dashboards) expect(statSync(`${folder}/${uid}.json`).isFile()).toBe(true);
  const home = compose.services.grafana.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'];
  expect(home).toBe(`${path}/openai-overview.json`);
});
