/** The compose file, as far as it can be judged without an engine: pinned, read-only, without root, and all files there. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { receiverFiles } from '../../deploy/stack/configuration.ts';
import { dashboards } from '../helpers/dashboards.ts';
import { only, parseDockerfile } from '../helpers/dockerfile.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const deploy = `${root}deploy/`;
const service = z.object({
  image: z.string(),
  build: z.object({ context: z.string() }).optional(),
  user: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  secrets: z.array(z.string()).optional(),
  ports: z.array(z.string()),
  healthcheck: z.object({ test: z.array(z.string()) }),
});
const compose = z
  .object({
    services: z.record(z.string(), service),
    secrets: z.record(z.string(), z.unknown()),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(readFileSync(`${deploy}compose.yaml`, 'utf8'), { merge: true }));
const services = Object.entries(compose.services);
const [final] = parseDockerfile(readFileSync(`${root}Dockerfile`, 'utf8')).slice(-1);

test('exporter, Prometheus, Alertmanager and Grafana', () => {
  expect(services.map(([name]) => name)).toEqual(['exporter', 'prometheus', 'alertmanager', 'grafana']);
});

describe.each(services)('%s', (name, each) => {
  test('is a version that is told, or built from here', () => {
    if (each.build === undefined) expect(each.image).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/);
    else expect(existsSync(resolve(deploy, each.build.context, 'Dockerfile'))).toBe(true);
  });

  test('cannot write, be root or gain rights, and says whether it is healthy', () => {
    expect(each.user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(each.read_only).toBe(true);
    expect(each.cap_drop).toEqual(['ALL']);
    expect(each.security_opt).toEqual(['no-new-privileges:true']);
    expect(each.healthcheck.test[0]).toBe('CMD');
  });

  test('is open to this machine only', () => {
    for (const port of each.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('has every file that it mounts, and every volume and secret', () => {
    for (const volume of each.volumes ?? []) {
      const [from = '', , mode] = volume.split(':');
      if (!from.startsWith('.')) expect(compose.volumes).toHaveProperty(from);
      else expect([from, existsSync(resolve(deploy, from)), mode]).toEqual([from, true, 'ro']);
    }
    for (const secret of each.secrets ?? []) expect(compose.secrets).toHaveProperty(secret);
    if (name === 'alertmanager') expect(each.secrets).toEqual([...receiverFiles]);
  });
});

test('the exporter runs the demonstration unless told otherwise, and asks itself as the image does', () => {
  const { exporter } = compose.services;
  expect(exporter?.command).toEqual([`\${EXPORTER_COMMAND:-demo}`]);
  expect(exporter?.environment?.['OPENAI_ADMIN_KEY']).toBe(`\${OPENAI_ADMIN_KEY:-}`);
  const health = final && only(final, 'HEALTHCHECK').exec;
  expect(exporter?.healthcheck.test.slice(1)).toEqual(health);
});

test('Prometheus and Alertmanager are the versions that the tests run, each with its own configuration', () => {
  const { prometheus, alertmanager } = compose.services;
  expect(prometheus?.image).toBe('prom/prometheus:v2.42.0');
  expect(alertmanager?.image).toBe('prom/alertmanager:v0.25.0');
  for (const each of [prometheus, alertmanager]) {
    const [, file = ''] = /--config\.file=(\S+)/.exec(each?.command?.join(' ') ?? '') ?? [];
    const mount = each?.volumes?.find((volume) => volume.split(':')[1] === dirname(file));
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
  const mount = compose.services['grafana']?.volumes?.find((volume) => volume.split(':')[1] === path);
  const folder = resolve(deploy, mount?.split(':')[0] ?? '?');
  for (const { uid } of dashboards) expect(statSync(`${folder}/${uid}.json`).isFile()).toBe(true);
  const home = compose.services['grafana']?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'];
  expect(home).toBe(`${path}/openai-overview.json`);
});
